// Running again, cancelling, pausing, deciding: what it means is shown in a dialog where that is not
// clear, then done without leaving the page. Without scripts the links and forms lead to pages and back.

import { refresh } from "./drawer.js";
import { query, swap } from "./live.js";
import { ask, notice, told } from "./page.js";

const dialog = document.getElementById("reruns");

async function showChoice(url) {
  const text = await ask(url);
  await htmx.swap({ text, sourceElement: dialog, target: dialog.firstElementChild, swap: "innerHTML" });
  if (!dialog.open) dialog.showModal();
  dialog.querySelector(".do :is(button, input:not([type=hidden]))")?.focus();
}

async function act(url, fields) {
  const known = query();
  await swap(await ask(`${url}?since=${known.get("since")}`, { method: "POST", body: new URLSearchParams([...known, ...fields]) }));
  dialog.close();
  await refresh();
}

// One answer at once; where it is labelled, what that means comes first.
export async function again({ dataset: { status }, id }) {
  const url = `/grids/${document.querySelector(".grid-page").dataset.grid}/reruns`;
  const answer = id.slice(2);
  if (["pending", "running"].includes(status)) notice("This answer is on its way already.");
  else if (/correct|hallucinated|abstained|disputed/.test(status)) await showChoice(`${url}?answer=${answer}`);
  else await act(url, Object.entries({ answer, all: "1" }));
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-menu]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  told(showChoice(link.href));
});
document.addEventListener("submit", (event) => {
  const { target: form, submitter } = event;
  if (!form.matches("form[data-act]") || event.defaultPrevented) return;
  event.preventDefault();
  if (form.dataset.sent) return;
  form.dataset.sent = "1"; // a second press would mean something else by then
  told(act(form.action, new FormData(form, submitter))).finally(() => delete form.dataset.sent);
});
