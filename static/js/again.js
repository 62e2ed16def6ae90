// Running again, cancelling, pausing, deciding: what it means is shown in a dialog where that is not
// clear, then done without leaving the page. Without scripts the links and forms lead to pages and back.

import { query, swap } from "./live.js";
import { ask, notice } from "./page.js";

const dialog = document.getElementById("reruns");

export async function showChoice(url) {
  const text = await ask(url);
  await htmx.swap({ text, sourceElement: dialog, target: dialog.firstElementChild, swap: "innerHTML" });
  if (!dialog.open) dialog.showModal();
  dialog.querySelector(".do :is(button, input:not([type=hidden]))")?.focus();
}

export async function act(url, fields) {
  const body = new URLSearchParams([...query(), ...fields]);
  await swap(await ask(`${url}?since=${body.get("since")}`, { method: "POST", body }));
  dialog.close();
}

// One answer at once; where it is labelled, what that means comes first.
export async function again({ dataset: { status }, id }) {
  const url = `/grids/${document.querySelector(".grid-page").dataset.grid}/reruns`;
  const answer = id.slice(2);
  if (["pending", "running"].includes(status)) notice("This answer is on its way already.");
  else if (/correct|hallucinated|abstained|disputed/.test(status)) await showChoice(`${url}?answer=${answer}`);
  else await act(url, Object.entries({ answer, all: "1" }));
}
