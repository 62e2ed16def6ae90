// Live updates of a grid: one stream while the page is seen, also when all answers are in: others
// label. Where no stream gets through, or other tabs have them all, the page asks every two seconds.

import { showPartials } from "./partials.js";
import { takeSlot } from "./slots.js";

const POLL_MS = 2000;
const BACKOFF_MS = 500; // doubles with each failure
const BACKOFF_MAX_MS = 15000;
const SILENT_MS = 40000; // the server says something every 15 s: the connection died, or we slept
const SETTLE_MS = 300; // of scrolling, before the stream is asked for other rows

const page = document.querySelector(".grid-page");
const drawer = document.getElementById("drawer");
const visible = new Set(); // numbers of the rows on the screen
let source = null;
let freeSlot = null;
let asked = null; // the rows and the answer that the stream tells the text of
let stepping = false;
let timer = null;
let settling = null;
let failures = 0;
let heardAt = 0;
let streamAfter = 0; // no stream before this time
let gone = false;
let swaps = Promise.resolve();

const progress = () => document.getElementById("progress").dataset;
const wanted = () => !document.hidden && !gone;

function swap(text) {
  swaps = swaps.then(() => htmx.swap({ text, sourceElement: document.body, target: document.body, swap: "none" }));
  return swaps.then(() => refreshLabels(text));
}

// What others say of the answer in the drawer; what is being typed there stays.
async function refreshLabels(text) {
  const labels = drawer.querySelector("[data-labels]");
  const id = labels?.closest("[data-answer]").dataset.answer;
  if (!id || !text.includes(`id="a-${id}"`)) return;
  const response = await fetch(labels.dataset.labels, { headers: { "HX-Request": "true" } }).catch(() => null);
  if (!response?.ok || !labels.isConnected) return;
  await htmx.swap({ text: await response.text(), sourceElement: labels, target: labels, swap: "outerMorph" });
}

function letGo() {
  clearTimeout(timer);
  source?.close();
  freeSlot?.();
  source = freeSlot = asked = null;
}

// What to do now: nothing, hold a stream, or ask.
async function step() {
  clearTimeout(timer);
  if (stepping) return;
  stepping = true;
  try {
    if (!wanted()) return letGo();
    const mayStream = Date.now() >= streamAfter;
    if (mayStream && !freeSlot) freeSlot = await takeSlot(lost);
    if (!wanted()) return letGo();
    if (mayStream && freeSlot) return connect();
    await poll();
  } finally {
    stepping = false;
  }
  if (wanted()) timer = setTimeout(step, POLL_MS);
  else letGo();
}

function lost() {
  letGo();
  step();
}

function query(more) {
  return `${new URLSearchParams({ stay: 1, since: progress().seq, ...more })}&${page.dataset.look}`;
}

async function poll() {
  const noticed = document.querySelector("#runner-notice:not([hidden]), #trouble:not([hidden])") ? 1 : 0;
  const response = await fetch(`/grids/${page.dataset.grid}/changes?${query({ noticed })}`).catch(() => null);
  if (!response?.ok) return;
  const text = await response.text();
  if (text) await swap(text);
}

// More rows than are seen, so that a little scrolling changes nothing.
function view() {
  const [first, last] = [Math.min(...visible), Math.max(...visible)];
  const margin = Math.max(10, last - first + 1);
  const open = drawer.querySelector("[data-partial]")?.dataset.partial;
  return {
    ...(visible.size ? { rows: `${Math.max(1, first - margin)}-${last + margin}` } : {}),
    ...(open ? { open } : {}),
  };
}

function connect() {
  source?.close();
  asked = view();
  heardAt = Date.now();
  source = new EventSource(`/grids/${page.dataset.grid}/events?${query(asked)}`);
  const on = (name, act) => source.addEventListener(name, (event) => {
    heardAt = Date.now();
    failures = 0;
    act(event.data);
  });
  on("message", swap);
  on("partial", (data) => showPartials(JSON.parse(data)));
  on("ping", () => {});
  source.addEventListener("error", failed);
}

// Not left to the browser, which gives up for good when a proxy says that the server is away.
function failed() {
  source?.close();
  source = null;
  const wait = Math.min(BACKOFF_MS * 2 ** failures, BACKOFF_MAX_MS) * (0.7 + 0.6 * Math.random());
  failures += 1;
  streamAfter = Date.now() + wait;
  clearTimeout(timer);
  timer = setTimeout(step, Math.min(wait, POLL_MS));
}

// The stream tells the text of some rows and of the answer in the drawer: ask for others in time.
function recheck() {
  clearTimeout(settling);
  settling = setTimeout(() => {
    if (!source || !wanted() || progress().status !== "running") return;
    const [first, last] = (asked.rows ?? "0-0").split("-").map(Number);
    const inside = [...visible].every((row) => row >= first && row <= last);
    const open = drawer.querySelector("[data-partial]")?.dataset.partial;
    if (!inside || (open && open !== asked.open)) connect();
  }, SETTLE_MS);
}

export function keepLive() {
  const observer = new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) {
      if (isIntersecting) visible.add(Number(target.dataset.row));
      else visible.delete(Number(target.dataset.row));
    }
    if (source) recheck();
    else step();
  });
  const observe = (rows) => { for (const row of rows) observer.observe(row); };
  const rows = page.querySelectorAll("[data-row]");
  observe(rows);
  page.addEventListener("rows", (event) => observe(event.target.querySelectorAll("[data-row]")));
  if (!rows.length) step();
  document.addEventListener("htmx:after:swap", recheck);
  document.addEventListener("visibilitychange", step);
  window.addEventListener("online", step);
  window.addEventListener("pagehide", () => { gone = true; letGo(); });
  window.addEventListener("pageshow", (event) => { gone = false; if (event.persisted) step(); });
  setInterval(() => { if (source && Date.now() - heardAt > SILENT_MS) failed(); }, 5000);
}
