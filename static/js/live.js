// Live updates of a grid: one stream while the page is seen, also when all answers are in, if the
// server keeps it. Where no stream gets through, or other tabs have them all, the page asks.

import { ask } from "./page.js";
import { showPartials } from "./partials.js";
import { takeSlot } from "./slots.js";

const POLL_MS = 2000;
const BACKOFF_MS = [500, 15000]; // doubles with each failure, up to
const SILENT_MS = 40000; // the server says something every 15 s: the connection died, or we slept
const SETTLE_MS = 300; // of scrolling, before the stream is asked for other rows
const EVERYTHING = 2147483647; // is known where nothing of the grid is shown
const page = document.querySelector(".grid-page");
const progress = () => document.getElementById("progress")?.dataset ?? {};
const wanted = () => (progress().status === "running" || !over) && !document.hidden && !gone;
let [source, freeSlot, timer, settling] = [null, null, null, null];
let asked = {}; // the rows and the answer that the stream tells the text of
let [stepping, gone, over] = [false, false, false];
let [failures, heardAt, streamAfter] = [0, 0, 0]; // no stream before that time
let swaps = Promise.resolve();

// How the page shows the grid and what it knows of it: goes with all that answers with pieces.
export function query(more = {}) {
  const known = { since: progress().seq ?? EVERYTHING, stay: 1, ...more };
  return new URLSearchParams([...Object.entries(known), ...new URLSearchParams(page?.dataset.look ?? location.search)]);
}

// Pieces that were overtaken on their way are left out: the newer ones hold all that they say.
async function swapNext(text) {
  const [, seq] = /id="progress"[^>]* data-seq="(\d+)"/.exec(text) ?? [];
  if (!progress().seq || Number(seq) < Number(progress().seq)) return;
  await htmx.swap({ text, sourceElement: document.body, target: document.body, swap: "none" });
}
export function swap(text) {
  swaps = swaps.then(() => swapNext(text), () => swapNext(text));
  return swaps;
}

function letGo() {
  clearTimeout(timer);
  source?.close();
  freeSlot?.();
  [source, freeSlot] = [null, null];
}

// What to do now: nothing, hold a stream, or ask.
async function step() {
  if (stepping || (source && wanted())) return;
  clearTimeout(timer);
  stepping = true;
  const mayStream = wanted() && Date.now() >= streamAfter;
  if (mayStream) freeSlot ??= await takeSlot(() => { letGo(); step(); }).catch(() => null); // no storage to agree by
  if (wanted() && mayStream && freeSlot) connect();
  else if (wanted()) await poll();
  stepping = false;
  if (!wanted()) letGo();
  else if (!source) timer = setTimeout(step, POLL_MS);
}

async function poll() {
  const noticed = document.querySelector("#runner-notice:not([hidden]), #trouble:not([hidden])") ? 1 : 0;
  const text = await ask(`/grids/${page.dataset.grid}/changes?${query({ noticed })}`).catch(() => "");
  if (text) await swap(text);
}

// The rows on the screen and the answer in the drawer.
function seen() {
  const onScreen = ({ top, bottom }) => bottom > 0 && top < innerHeight;
  const rows = [...page.querySelectorAll("[data-row]")].filter((row) => onScreen(row.getBoundingClientRect()));
  const numbers = rows.map((row) => Number(row.dataset.row));
  const open = document.querySelector("#drawer [data-partial]")?.dataset.partial;
  return { first: Math.min(...numbers), last: Math.max(...numbers), open };
}

function connect() {
  source?.close();
  const { first, last, open } = seen();
  const margin = Math.max(10, last - first + 1); // so that a little scrolling changes nothing
  asked = { first: Math.max(1, first - margin), last: last + margin, open };
  heardAt = Date.now();
  const view = { ...(last > 0 && { rows: `${asked.first}-${asked.last}` }), ...(open && { open }) };
  source = new EventSource(`/grids/${page.dataset.grid}/events?${query(view)}`);
  const done = () => { over = true; letGo(); };
  const acts = { message: swap, partial: (data) => showPartials(JSON.parse(data)), ping() {}, done, error: failed };
  for (const [name, act] of Object.entries(acts)) {
    source.addEventListener(name, ({ data }) => {
      if (act !== failed) [heardAt, failures] = [Date.now(), 0];
      act(data);
    });
  }
}

// Not left to the browser, which gives up for good when a proxy says that the server is away.
function failed() {
  source?.close();
  source = null;
  const wait = Math.min(BACKOFF_MS[0] * 2 ** failures++, BACKOFF_MS[1]) * (0.7 + 0.6 * Math.random());
  streamAfter = Date.now() + wait;
  clearTimeout(timer);
  timer = setTimeout(step, Math.min(wait, POLL_MS));
}

// After scrolling or a change: other rows may be seen, or the grid may run again.
function recheck({ type }) {
  if (settling && type !== "scroll") return;
  clearTimeout(settling);
  settling = setTimeout(() => {
    settling = null;
    const { first, last, open } = source && wanted() ? seen() : {};
    if (first < asked.first || last > asked.last || (open && open !== asked.open)) connect();
    else step();
  }, SETTLE_MS);
}

export function keepLive() {
  for (const name of ["scroll", "rows", "htmx:after:swap"]) document.addEventListener(name, recheck, true);
  for (const name of ["visibilitychange", "online"]) window.addEventListener(name, step, true);
  window.addEventListener("pagehide", () => { gone = true; letGo(); });
  window.addEventListener("pageshow", () => { gone = false; step(); });
  setInterval(() => { if (source && Date.now() - heardAt > SILENT_MS) failed(); }, 5000);
}
