// Live updates of a grid: one stream while the page is seen, also when all answers are in. Where none
// gets through, or other tabs have all that the server gives one browser, the page asks.

import { ask } from "./page.js";
import { showPartials } from "./partials.js";

const RETRY_MS = 2000;
const SILENT_MS = 40000; // the server says something every 15 s: the connection died, or we slept
const SETTLE_MS = 300; // of scrolling, before the stream is asked for other rows
const page = document.querySelector(".grid-page");
const progress = () => document.getElementById("progress").dataset;
let [source, timer, settling] = [null, null, null];
let asked = {}; // the rows and the answer that the stream tells the text of

// How the page shows the grid and what it knows of it: goes with all that answers with pieces.
export function query(more = {}) {
  const known = { since: progress().seq, stay: 1, ...more };
  return new URLSearchParams([...Object.entries(known), ...new URLSearchParams(page.dataset.look)]);
}
export const swap = (text) => htmx.swap({ text, sourceElement: document.body, target: document.body, swap: "none" });

// Pieces that were overtaken on their way are left out: the newer ones hold all that they say.
document.addEventListener("htmx:before:swap", (event) => {
  const [, seq] = /id="progress"[^>]* data-seq="(\d+)"/.exec(event.detail.ctx.text) ?? [];
  if (Number(seq) < Number(progress().seq)) event.preventDefault();
});

// The rows on the screen and the answer in the drawer.
function seen() {
  const onScreen = ({ top, bottom }) => bottom > 0 && top < innerHeight;
  const rows = [...page.querySelectorAll("[data-row]")].filter((row) => onScreen(row.getBoundingClientRect()));
  const [first, last] = [rows[0], rows.at(-1)].map((row) => Number(row?.dataset.row ?? 0));
  return { first, last, open: document.querySelector("#drawer [data-partial]")?.dataset.partial };
}

function letGo() {
  clearTimeout(timer);
  source?.close();
  [source, timer] = [null, null];
}

function connect() {
  letGo();
  const { first, last, open } = seen();
  const margin = Math.max(10, last - first + 1); // so that a little scrolling changes nothing
  asked = { first: Math.max(1, first - margin), last: last + margin, open };
  const view = { rows: `${asked.first}-${asked.last}`, ...(open && { open }) };
  source = new EventSource(`/grids/${page.dataset.grid}/events?${query(view)}`);
  const acts = { message: swap, partial: (data) => showPartials(JSON.parse(data)), ping() {} };
  for (const [name, act] of Object.entries(acts)) source.addEventListener(name, ({ data }) => { heard(); act(data); });
  source.addEventListener("error", failed);
  heard();
}

function heard() {
  clearTimeout(timer);
  timer = setTimeout(failed, SILENT_MS);
}

// Not left to the browser, which gives up for good when a proxy says that the server is away.
function failed() {
  letGo();
  timer = setTimeout(connect, RETRY_MS * (0.7 + 0.6 * Math.random()));
  ask(`/grids/${page.dataset.grid}/changes?${query()}`).then(swap, () => {});
}

// After scrolling or a change: other rows may be seen, or another answer.
function recheck({ type }) {
  if (settling && type !== "scroll") return;
  clearTimeout(settling);
  settling = setTimeout(() => {
    settling = null;
    const { first, last, open } = source ? seen() : asked;
    if (first < asked.first || last > asked.last || (open && open !== asked.open)) connect();
  }, SETTLE_MS);
}

export function keepLive() {
  for (const name of ["scroll", "rows", "htmx:after:swap"]) document.addEventListener(name, recheck, true);
  const step = () => (document.hidden ? letGo() : connect());
  document.addEventListener("visibilitychange", step); // also when the page is left, or come back to
  step();
}
