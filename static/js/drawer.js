// The drawer: one answer whole, beside the grid.

import { current, idOf, reach, select } from "./chips.js";
import { label } from "./labels.js";
import { ask, told } from "./page.js";
import { retry } from "./saving.js";

const page = document.querySelector(".grid-page");
const drawer = document.getElementById("drawer");
let asked = {}; // only what was asked for last is shown

export const isOpen = () => !drawer.hidden;
const into = (text, swap) => htmx.swap({ text, sourceElement: drawer, target: drawer, swap });

export async function show(url, swap = "innerHTML") {
  const now = { url };
  asked = now;
  const text = await ask(url);
  // Another one was opened meanwhile, or it was closed, or a note is being written.
  if (now !== asked || (swap === "innerHTML" && drawer.querySelector("textarea:focus"))) return;
  [asked.shown, drawer.hidden] = [true, false];
  await into(text, swap);
  if (swap === "innerHTML") current()?.scrollIntoView({ block: "nearest", inline: "nearest" }); // it has less room
}

// What is new of it. What is typed and folded there stays.
async function refresh() {
  const now = asked;
  const text = now.shown && await ask(now.url);
  if (text && now === asked) await into(text, "innerMorph");
}

export function open(chip) {
  select(chip, false);
  history.replaceState(null, "", `#${chip.id}`);
  retry(idOf(chip));
  return show(chip.href);
}

export function close() {
  asked = {};
  if (!isOpen()) return;
  drawer.hidden = true;
  drawer.replaceChildren();
  history.replaceState(null, "", location.pathname + location.search);
  current()?.focus();
}

// What is typed goes with the button that is pressed, or when one leaves it.
export function send(form, submitter) {
  const fields = new FormData(form, submitter);
  const { value, defaultValue } = form.elements.note;
  if (value === defaultValue) fields.delete("note");
  if ([...fields].length) label([form.closest("[data-answer]").dataset.answer], fields);
}
drawer.addEventListener("change", ({ target }) => { if (target.name === "note") send(target.form); });
drawer.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || !event.target.matches("textarea")) return;
  event.preventDefault(); // it would close the dialog that asks for a name
  current()?.focus();
});

page.addEventListener("moved", () => { if (isOpen() && current().matches(".chip")) told(open(current())); });
document.addEventListener("htmx:after:swap", ({ detail }) => {
  if (current()?.id && detail.ctx.text.includes(`id="${current().id}"`)) told(refresh());
});
async function openFromAddress() {
  const id = /^#a-(\d+)$/.exec(location.hash)?.[1];
  const chip = id && await reach(id);
  chip?.scrollIntoView({ block: "center", inline: "center" });
  if (chip) await open(chip);
}
for (const name of ["hashchange", "load"]) window.addEventListener(name, () => told(openFromAddress()));
