// Running again, cancelling, pausing: what it means is shown in a dialog, then done without leaving
// the page. Without scripts the same links and forms lead to pages and back.

import { saved } from "./labels.js";
import { messageIn, notice } from "./page.js";

const page = document.querySelector(".grid-page");
const dialog = document.getElementById("reruns");
let afterwards = () => {};

async function ask(url, options = {}) {
  const response = await fetch(url, { ...options, headers: { "HX-Request": "true" } }).catch(() => null);
  if (!response) return notice("The server cannot be reached: nothing was done.");
  const text = await response.text();
  if (!response.ok) return notice(messageIn(text) || `The server answered ${response.status}.`);
  return text;
}

export async function showChoice(url) {
  const text = await ask(url);
  if (!text) return;
  await htmx.swap({ text, sourceElement: dialog, target: dialog.firstElementChild, swap: "innerHTML" });
  if (!dialog.open) dialog.showModal();
  dialog.querySelector(".do :is(button, input:not([type=hidden]))")?.focus();
}

export async function act(url, fields) {
  const body = new URLSearchParams(fields);
  for (const [name, value] of new URLSearchParams(page.dataset.look)) body.append(name, value);
  const text = await ask(`${url}?since=${document.getElementById("progress").dataset.seq}`, { method: "POST", body });
  if (!text) return;
  await htmx.swap({ text, sourceElement: document.body, target: document.body, swap: "none" });
  dialog.close();
  afterwards();
}

// One answer at once; where it is labelled, what that means comes first.
export async function again(chip) {
  const url = `/grids/${page.dataset.grid}/reruns`;
  const answer = chip.id.slice(2);
  await saved();
  chip = document.getElementById(chip.id); // another one, perhaps, since the label was saved
  if (["pending", "running"].includes(chip.dataset.status)) return notice("This answer is on its way already.");
  const marked = /correct|hallucinated|abstained|disputed/.test(chip.dataset.status);
  return marked ? showChoice(`${url}?answer=${answer}`) : act(url, { answer, all: "1" });
}

export function setUp(done) {
  afterwards = done;
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-menu]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    showChoice(link.href);
  });
  document.addEventListener("submit", (event) => {
    if (!event.target.matches("form[data-act]") || event.defaultPrevented) return;
    event.preventDefault();
    const form = event.target;
    if (form.dataset.sent) return;
    form.dataset.sent = "1"; // a second press would mean something else by then
    act(form.action, new FormData(form, event.submitter)).finally(() => delete form.dataset.sent);
  });
}
