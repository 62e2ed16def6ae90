// The current chip: the one tab stop of the grid, moved to what is nearest on the screen or next in
// row order, also where rows are not loaded yet.

import { showAnswer } from "./blocks.js";
import { query } from "./live.js";
import { ask } from "./page.js";

const STOPS = ".chip, .row .more";
const MISSING = ".block:not(:has([data-row]))"; // rows that are not here
const WAYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const page = document.querySelector(".grid-page");
let here = null;

export const idOf = (chip) => chip.id.slice(2);
export function nameOf(chip) {
  const cell = chip.closest(".cell");
  return `${cell.querySelector(".cell-name").textContent}, repeat ${[...cell.querySelectorAll(".chip")].indexOf(chip) + 1}`;
}

// A chip that was replaced is found again; null where its rows were let go.
export function current() {
  if (here && !here.isConnected) here = document.getElementById(here.id) ?? here;
  return here?.isConnected ? here : null;
}

export function select(chip, focus = true) {
  if (!chip) return;
  current()?.removeAttribute("aria-current");
  here = chip;
  mark();
  if (!focus) return;
  chip.focus();
  page.dispatchEvent(new Event("moved"));
}

// Also of what came anew nothing but the current chip is a tab stop.
function mark() {
  const stop = current() ?? page.querySelector(STOPS);
  for (const it of page.querySelectorAll(STOPS)) if (it.tabIndex === 0 && it !== stop) it.tabIndex = -1;
  if (stop) stop.tabIndex = 0;
  current()?.setAttribute("aria-current", "true");
}

export const reach = async (id) => document.getElementById(`a-${id}`) ?? showAnswer(id);

// A block is filled when it comes near.
function load(block) {
  const loaded = new Promise((resolve) => { block.addEventListener("rows", resolve, { once: true }); });
  block.scrollIntoView({ block: "nearest" });
  return loaded;
}

// The next in row order that is wanted, round and round; null when there is none. With `far` the server
// says which is the next without a label, where that is further away than the rows that are here.
export async function next(step, wanted = () => true, far = false) {
  const all = [...page.querySelectorAll(`.chip, ${MISSING}`)];
  const at = all.indexOf(current());
  for (let i = 1; i <= all.length; i++) {
    const it = all.at(((at < 0 && step < 0 ? 0 : at) + step * i) % all.length);
    const missing = it.matches(MISSING);
    if (missing && far) {
      const from = idOf(current() ?? page.querySelector(".chip"));
      const id = await ask(`/grids/${page.dataset.grid}/next?${query({ from, step })}`);
      return id ? reach(id) : null;
    }
    if (missing) return load(it).then(() => next(step, wanted));
    if (it !== here && wanted(it)) return it;
  }
  return null;
}

function distance(from, to, [dx, dy]) {
  const [a, b] = [from.getBoundingClientRect(), to.getBoundingClientRect()];
  const gap = (start, end) => Math.max(b[start] - a[end], 0) - Math.max(a[start] - b[end], 0);
  const [x, y] = [gap("left", "right"), gap("top", "bottom")];
  const along = dx * x + dy * y;
  return along > 0 ? along + 20 * Math.abs(dx ? y : x) + Math.abs(a.top - b.top) / 1000 : Infinity;
}

// The nearest in the direction of an arrow key, with Shift in another cell; at the ends, of the row.
export async function beside(key) {
  const at = current();
  if (!at) return page.querySelector(".chip");
  const row = at.closest(".row");
  if (key === "Home" || key === "End") return [...row.querySelectorAll(".chip")].at(key === "Home" ? 0 : -1);
  const way = WAYS[key.replace("Shift+", "")];
  const kind = way[0] ? STOPS : at.matches(".chip") ? ".chip" : ".more";
  const rows = [...page.querySelectorAll(`.row, ${MISSING}`)];
  const near = way[0] ? [row] : rows.slice(Math.max(0, rows.indexOf(row) - 1), rows.indexOf(row) + 2);
  const found = near.flatMap((it) => (it.matches(MISSING) ? [it] : [...it.querySelectorAll(kind)]))
    .filter((it) => !key.startsWith("Shift") || it.parentElement !== at.parentElement)
    .map((it) => ({ it, far: distance(at, it, way) })).filter(({ far }) => far < Infinity);
  const best = found.sort((a, b) => a.far - b.far)[0]?.it;
  return best?.matches(MISSING) ? load(best).then(() => beside(key)) : best;
}

page.addEventListener("focusin", ({ target }) => { if (target.matches(STOPS) && target !== here) select(target, false); });
for (const name of ["htmx:after:swap", "rows"]) document.addEventListener(name, mark);
mark();
