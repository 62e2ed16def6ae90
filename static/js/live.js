// Live updates of a grid: one stream while the page is seen, also when all answers are in. Where none
// gets through, or other tabs have all that the server gives one browser, the page asks.

import { ask, notice } from "./page.js";
import { showPartials } from "./partials.js";

export const RETRY_MS = 2000;
const SILENT_MS = 40000; // the server says something every 15 s: the connection died, or we slept
export const page = document.querySelector(".grid-page");
export const view = document.getElementById("view"); // how the page shows the grid, and what it knows of it
export const seqOf = (piece) => Number(/id="since"[^>]* value="(\d+)"/.exec(piece)?.[1]);
export const known = () => Number(view.elements.since.value);
let source = null;
let timer = null;
const wait = (run, ms) => { clearTimeout(timer); timer = setTimeout(run, ms); };
let asked = {}; // the rows and the answer that the stream tells the text of

// What is below the address of this page, for this view.
export const addressOf = (name, more = {}) => `${location.pathname}/${name}?${query(more)}`;
export const query = (more = {}) => new URLSearchParams([...new FormData(view), ...Object.entries(more)]);
export const swap = (text) => htmx.swap({ text, sourceElement: document.body, target: document.body, swap: "none" });

// Pieces that were overtaken on their way are left out: the newer ones hold all that they say.
document.addEventListener("htmx:before:swap", (event) => { if (seqOf(event.detail.ctx.text) < known()) event.preventDefault(); });

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
  source = null;
}

const events = { message: swap, partial: (data) => showPartials(JSON.parse(data)), ping() {} };
function connect() {
  letGo();
  const { first, last, open } = seen();
  const margin = Math.max(10, last - first + 1); // so that a little scrolling changes nothing
  asked = { first: Math.max(1, first - margin), last: last + margin, open };
  source = new EventSource(addressOf("events", { rows: `${asked.first}-${asked.last}`, ...(open && { open }) }));
  for (const [name, act] of Object.entries(events)) source.addEventListener(name, ({ data }) => { wait(failed, SILENT_MS); act(data); });
  source.addEventListener("error", failed);
  wait(failed, SILENT_MS);
}

// Not left to the browser, which gives up for good when a proxy says that the server is away. That is
// for the server to say: of a grid that was deleted, or to whoever may not see it any more.
function failed() {
  letGo();
  wait(connect, RETRY_MS * (0.7 + 0.6 * Math.random()));
  ask(addressOf("changes")).then(swap, ({ status, message }) => { if (status < 500) { letGo(); notice(message); } });
}

// After scrolling or a change: other rows may be seen, or another answer.
function recheck() {
  if (!source) return;
  const { first, last, open } = seen();
  if (first < asked.first || last > asked.last || (open && open !== asked.open)) connect();
}
for (const name of ["scrollend", "htmx:after:swap"]) document.addEventListener(name, recheck, true);

const step = () => (document.hidden ? letGo() : connect());
// Also when the page is left, or come back to; and when a name was given, so that it tells who looks what is left.
for (const name of ["visibilitychange", "close"]) document.addEventListener(name, step, true);
step();
