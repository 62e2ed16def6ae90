// The drawer: one answer whole, beside the grid. Its forms work without scripts too; with them the
// page stays where it is.

import { current, idOf, next, reach, select } from "./chips.js";
import { learn, mine, retry, save } from "./labels.js";
import { ask, told } from "./page.js";

const SWIPE_PX = 60;
const page = document.querySelector(".grid-page");
const drawer = document.getElementById("drawer");
let asked = 0; // only what was asked for last is shown
let shown = ""; // whether that was an answer to label, or something on its way
let touch = null;

export const isOpen = () => !drawer.hidden;
const kindOf = ({ dataset: { status } }) => (["pending", "running", "cancelled", "failed"].includes(status) ? status : "");

export async function show(url) {
  const [number, time] = [++asked, performance.now()];
  const text = await ask(url);
  // Another one was opened meanwhile, or it was closed, or a note is being written.
  if (number !== asked || drawer.querySelector("textarea:focus")) return;
  drawer.hidden = false;
  await htmx.swap({ text, sourceElement: drawer, target: drawer, swap: "innerHTML" });
  learn(drawer, time);
  current()?.scrollIntoView({ block: "nearest", inline: "nearest" }); // the drawer took some of the room
}

export function open(chip) {
  select(chip, false);
  history.replaceState(null, "", `#${chip.id}`);
  shown = kindOf(chip);
  retry(idOf(chip));
  return show(chip.href);
}

export function close() {
  asked += 1;
  if (!isOpen()) return;
  drawer.hidden = true;
  drawer.replaceChildren();
  history.replaceState(null, "", location.pathname + location.search);
  current()?.focus();
}

// What is new of the answer; only its labels where that is all, so that what is typed there stays.
export async function refresh() {
  const labels = drawer.querySelector("[data-labels]");
  if (!isOpen() || !current()) return;
  if (!labels || kindOf(current()) !== shown) return open(current());
  const time = performance.now();
  const text = await ask(labels.dataset.labels);
  if (labels.isConnected) await htmx.swap({ text, sourceElement: labels, target: labels, swap: "outerMorph" });
  learn(drawer, time);
}

const go = async (step) => open(await next(step));
const answerOf = (part) => part.closest("[data-answer]").dataset.answer;

page.addEventListener("click", (event) => {
  const chip = event.target.closest(".chip");
  if (chip && !event.ctrlKey && !event.metaKey && !event.shiftKey) told(open(chip), event.preventDefault());
  if (event.target.closest("[data-close=drawer]")) close();
  const way = event.target.closest("[data-go]")?.dataset.go;
  if (way) told(go(way === "next" ? 1 : -1));
});
page.addEventListener("moved", () => { if (isOpen() && current().matches(".chip")) told(open(current())); });

drawer.addEventListener("submit", (event) => {
  if (!event.target.matches(".label-form")) return;
  event.preventDefault();
  const { name, value } = event.submitter ?? {};
  const id = answerOf(event.target);
  const others = mine(id).tags.filter((tag) => tag !== value);
  const typed = event.target.elements.note.value;
  const note = typed === mine(id).note ? {} : { note: typed };
  const changes = { value: value === "none" ? { value: null } : { value, ...note }, on: { tags: [...others, value], ...note }, off: { tags: others, ...note } };
  if (name in changes) told(save(id, changes[name]).then(refresh));
});
drawer.addEventListener("change", ({ target }) => {
  const { value, note } = mine(answerOf(target));
  if (target.name === "note" && target.value !== note) save(answerOf(target), { note: target.value, ...(value && { value }) });
});
drawer.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || !event.target.matches("textarea")) return;
  event.preventDefault(); // it would close the dialog that asks for a name
  current()?.focus(); // which saves the note
});

// With a finger: to the side for the next or the previous answer, down to close.
drawer.addEventListener("touchstart", ({ touches: [{ clientX: x, clientY: y }, second], target }) => {
  const top = !drawer.scrollTop && !target.closest("pre")?.scrollTop;
  touch = second || target.closest("textarea, .table-scroll") ? null : { x, y, top };
}, { passive: true });
drawer.addEventListener("touchend", ({ changedTouches: [{ clientX, clientY }] }) => {
  if (!touch || String(getSelection())) return;
  const [across, down] = [clientX - touch.x, clientY - touch.y];
  if (Math.abs(across) > Math.max(SWIPE_PX, 2 * Math.abs(down))) told(go(across < 0 ? 1 : -1));
  else if (touch.top && down > Math.max(SWIPE_PX, 2 * Math.abs(across))) close();
});

document.addEventListener("htmx:after:swap", ({ detail }) => {
  if (isOpen() && current()?.id && detail.ctx.text.includes(`id="${current().id}"`)) told(refresh());
});
async function openFromAddress() {
  const id = /^#a-(\d+)$/.exec(location.hash)?.[1];
  const chip = id && await reach(id);
  chip?.scrollIntoView({ block: "center", inline: "center" });
  if (chip) await open(chip);
}
for (const name of ["hashchange", "load"]) window.addEventListener(name, () => told(openFromAddress()));
