// The drawer: one answer whole, beside the grid. It is open when something is in it; its links and forms
// say what they do, and only what was asked for last is shown.

import { current, idOf, reach, select } from "./chips.js";
import { label } from "./labels.js";
import { told } from "./page.js";
import { retry } from "./saving.js";

const drawer = document.getElementById("drawer");
let asked = null; // the address of what is there, or on its way

export const isOpen = () => drawer.hasChildNodes();
export async function show(url) {
  await htmx.ajax("GET", (asked = url), { source: drawer, target: drawer, swap: "innerHTML" });
  current()?.scrollIntoView({ block: "nearest", inline: "nearest" }); // it has less room
}

export function open(chip) {
  select(chip, false);
  history.replaceState(null, "", `#${chip.id}`);
  retry(idOf(chip));
  return show(chip.href);
}

export function close() {
  htmx.trigger(drawer, "htmx:abort");
  if (!isOpen()) return;
  drawer.replaceChildren();
  history.replaceState(null, "", location.pathname + location.search);
  current()?.focus();
}

// What is typed goes with the button that is pressed, or when one leaves it.
drawer.addEventListener("change", ({ target }) => { if (target.name === "note") target.form.requestSubmit(); });
drawer.addEventListener("submit", (event) => {
  const { submitter, target: form } = event;
  if (!form.matches(".label-form")) return;
  event.preventDefault();
  const fields = new FormData(form, submitter);
  const { value, defaultValue } = form.elements.note;
  if (value === defaultValue) fields.delete("note");
  if ([...fields].length) label([form.closest("[data-answer]").dataset.answer], fields);
});
drawer.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || !event.target.matches("textarea")) return;
  event.preventDefault(); // it would close the dialog that asks for a name
  current()?.focus();
});

document.addEventListener("htmx:before:swap", (event) => {
  const { swap, target } = event.detail.ctx;
  if (target === drawer && swap === "innerHTML" && drawer.querySelector("textarea:focus")) event.preventDefault(); // a note is being written
});
// What is new of it. What is typed and folded there stays.
document.addEventListener("htmx:after:swap", ({ detail: { ctx } }) => {
  const id = current()?.id;
  if (ctx.target === drawer || !id || !ctx.text.includes(`id="${id}"`)) return;
  if (drawer.matches(".htmx-request")) told(show(asked)); // what is on its way may be older
  else if (isOpen()) htmx.trigger(drawer.firstElementChild, "changed");
});

document.addEventListener("moved", () => { if (isOpen() && current().matches(".chip")) told(open(current())); });
const openFromAddress = () => { if (/^#a-\d+$/.test(location.hash)) told(reach(location.hash.slice(3)).then(open)); };
for (const name of ["hashchange", "load"]) window.addEventListener(name, openFromAddress);
