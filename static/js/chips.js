// The current chip: the one tab stop of the grid, moved to what is beside it or next in row order, also
// where rows are not loaded yet.

import { fill, showAnswer } from "./blocks.js";
import { addressOf, page } from "./live.js";
import { ask } from "./page.js";

const STOPS = ".chip, .row .more";
const MISSING = ".block:not(:has([data-row]))"; // rows that are not here
const stopsIn = (part) => [...(part?.querySelectorAll(STOPS) ?? [])];
let here = null;

export const idOf = (chip) => chip.id.slice(2);
// In its cell the name of the column comes first, then a chip for each repeat.
export const nameOf = (chip, inCell = [...chip.parentElement.children]) => `${inCell[0].textContent}, repeat ${inCell.indexOf(chip)}`;

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
  document.dispatchEvent(new Event("moved"));
}

// Also of what came anew nothing but the current chip is a tab stop.
function mark() {
  const stop = current() ?? page.querySelector(STOPS);
  for (const it of page.querySelectorAll(`:is(${STOPS}):not([tabindex="-1"])`)) if (it !== stop) it.tabIndex = -1;
  if (stop) stop.tabIndex = 0;
  current()?.setAttribute("aria-current", "true");
}

export const reach = async (id) => document.getElementById(`a-${id}`) ?? showAnswer(id);

// The next in row order that is wanted, round and round; null when there is none. With `far` the server
// says which is the next without a label, where that is further away than the rows that are here.
export async function next(step, wanted = () => true, far = false) {
  const all = [...page.querySelectorAll(`.chip, ${MISSING}`)];
  const at = all.indexOf(current());
  const around = [...all.slice(at + 1), ...all.slice(0, Math.max(at, 0))];
  const found = (step > 0 ? around : around.reverse()).find((it) => it.matches(MISSING) || wanted(it));
  if (!found?.matches(MISSING)) return found ?? null;
  if (!far) return fill(found).then(() => next(step, wanted));
  const from = [current(), page.querySelector(".chip")].find((it) => it?.id); // not the ⋯ of a row
  const id = from && await ask(addressOf("next", { from: idOf(from), step }));
  return id ? reach(id) : null;
}

// Where an arrow key leads: in the cell or to the one beside it, with Shift always to that; at the ends, of the row.
export async function beside(key) {
  const at = current();
  if (!at) return page.querySelector(".chip");
  const [row, cell] = [at.closest(".row"), at.parentElement];
  if (key === "Home" || key === "End") return [...row.querySelectorAll(".chip")].at(key === "Home" ? 0 : -1);
  const step = /Right|Down/.test(key) ? 1 : -1;
  const y = stopsIn(cell).indexOf(at);
  if (/Left|Right/.test(key)) {
    const cells = [...row.children].filter((it) => it.querySelector(STOPS));
    const stops = stopsIn(cells[cells.indexOf(cell) + step] ?? cell);
    return stops[y] ?? stops.at(-1);
  }
  const within = !key.startsWith("Shift") && stopsIn(cell)[y + step];
  if (within) return within;
  const rows = [...page.querySelectorAll(`.row, ${MISSING}`)];
  const other = rows[rows.indexOf(row) + step];
  if (other?.matches(MISSING)) return fill(other).then(() => beside(key));
  return stopsIn(other?.querySelector(`[aria-colindex="${cell.ariaColIndex}"]`)).at(step > 0 ? 0 : -1);
}

page.addEventListener("focusin", ({ target }) => { if (target.matches(STOPS) && target !== here) select(target, false); });
for (const name of ["htmx:after:swap", "rows"]) document.addEventListener(name, mark);
mark();
