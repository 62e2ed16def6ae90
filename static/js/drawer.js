// The drawer: one answer whole, beside the grid. It is open when something is in it; its links and forms
// say what they do, and only what was asked for last is shown.

import { current, idOf, reach, select } from "./chips.js";
import { label } from "./labels.js";
import { told } from "./page.js";
import { retry } from "./saving.js";

const drawer = document.getElementById("drawer");
let coming = null; // what was asked for last, until it is here

export const isOpen = () => drawer.hasChildNodes();
const renew = () => isOpen() && htmx.trigger(drawer.firstElementChild, "changed");
export async function show(url) {
  await htmx.ajax("GET", url, { source: drawer, target: drawer, swap: "innerHTML" });
  current()?.scrollIntoView({ block: "nearest", inline: "nearest" }); // it has less room
}

export function open(chip) {
  if (!chip) throw new Error("This answer is in no row and no column that is shown here.");
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
  if (form.elements.note.value === form.elements.note.defaultValue) fields.delete("note");
  if ([...fields].length > 1) label([form.closest("[data-answer]").dataset.answer], fields);
});
drawer.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || !event.target.matches("textarea")) return;
  event.preventDefault(); // it would close the dialog that asks for a name
  current()?.focus();
});

document.addEventListener("htmx:before:request", ({ detail: { ctx } }) => { if (ctx.target === drawer) coming = ctx; });
document.addEventListener("htmx:finally:request", ({ detail: { ctx } }) => {
  if (ctx === coming) coming = null;
  if (ctx.late) queueMicrotask(renew); // htmx lets the next begin once this is over
});
document.addEventListener("htmx:before:swap", (event) => {
  const { swap, target, text } = event.detail.ctx;
  // A note is being written, which has no place in another answer, nor in this one while it is run again.
  if (target === drawer && (swap === "innerHTML" || !text.includes("</textarea>")) && drawer.querySelector("textarea:focus")) event.preventDefault();
});
// What is new of it. What is typed and folded there stays.
document.addEventListener("htmx:after:swap", ({ detail: { ctx } }) => {
  const { answer } = drawer.querySelector("[data-answer]")?.dataset ?? {};
  if (ctx.target === drawer || ![`a-${answer}`, coming && current()?.id].some((id) => id && ctx.text.includes(`id="${id}"`))) return;
  if (coming) coming.late = true; // it may say what was so before
  else renew();
});

document.addEventListener("moved", () => { if (isOpen() && current().matches(".chip")) told(open(current())); });
const openFromAddress = () => { if (/^#a-\d+$/.test(location.hash)) told(reach(location.hash.slice(3)).then(open)); };
for (const name of ["hashchange", "load"]) window.addEventListener(name, openFromAddress);
