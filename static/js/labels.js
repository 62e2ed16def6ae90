// Saving labels: shown at once, sent in order, undone on request, never silently lost.

import { messageIn, notice } from "./page.js";

const page = document.querySelector(".grid-page");
const done = []; // [chip id, label before] of this visit, for undo
let queue = Promise.resolve();
export const saved = () => queue; // what was pressed so far, or could not be saved

const seq = () => Number(document.getElementById("progress").dataset.seq);
const stored = (chip) => (["correct", "hallucinated", "abstained"].includes(chip.dataset.status) ? chip.dataset.status : null);

function show(chip, value) {
  chip.dataset.status = value ?? "unlabelled";
  chip.querySelector(".status").textContent = chip.dataset.status;
  chip.dataset.saving = "";
}

async function send(id, value, note) {
  if (!("named" in page.dataset)) await askForName();
  const body = new URLSearchParams(value ? { value } : {});
  if (note !== undefined) body.set("note", note);
  const response = await fetch(`/answers/${id}/label?since=${seq()}&${page.dataset.look}`, {
    method: value ? "PUT" : "DELETE",
    headers: { "HX-Request": "true" },
    ...(value ? { body } : {}),
  });
  const text = await response.text();
  if (response.status === 428) { // the cookie is gone
    delete page.dataset.named;
    return send(id, value, note);
  }
  if (!response.ok) {
    throw new Error(messageIn(text) || `The server answered ${response.status}.`);
  }
  return text;
}

// One after the other, so that the last press is the one that stays.
function save(chip, value, note) {
  const id = chip.id.slice(2);
  show(chip, value);
  queue = queue.then(async () => {
    try {
      const text = await send(id, value, note);
      await htmx.swap({ text, sourceElement: document.body, target: document.body, swap: "none" });
    } catch (error) {
      const here = document.getElementById(`a-${id}`);
      here.dataset.unsaved = "";
      notice(`Not saved: ${error.message}`, { name: "Try again", run: () => { delete here.dataset.unsaved; save(here, value, note); } });
    }
  });
  return queue;
}

export function setLabel(chip, value, note) {
  done.push([chip.id, stored(chip)]);
  return save(chip, value, note);
}

export function saveNote(chip, value, note) {
  return save(chip, value, note);
}

export function clearLabel(chip) {
  if (!("canLabel" in chip.dataset)) return queue;
  done.push([chip.id, stored(chip)]);
  return save(chip, null);
}

export function undo(select) {
  const last = done.pop();
  if (!last) return notice("Nothing to undo on this visit.");
  const chip = document.getElementById(last[0]);
  select(chip);
  return save(chip, last[1]);
}

// Asked once; the label that was waiting is then sent.
function askForName() {
  return new Promise((resolve, reject) => {
    const dialog = document.createElement("dialog");
    dialog.className = "ask-name";
    const form = document.querySelector("#reviewer .reviewer-form").cloneNode(true);
    const heading = document.createElement("h2");
    heading.textContent = "Who is reviewing?";
    dialog.setAttribute("aria-label", heading.textContent);
    dialog.append(heading, form);
    document.body.append(dialog);
    let named = false;
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      event.stopPropagation();
      const response = await fetch("/reviewer", { method: "POST", body: new URLSearchParams(new FormData(form)) });
      if (!response.ok) return notice("Please give a name of 1 to 80 characters.");
      named = true;
      page.dataset.named = "";
      document.querySelector("#reviewer summary").textContent = `reviewing as ${form.elements.name.value.trim()}`;
      dialog.close();
    });
    dialog.addEventListener("close", () => {
      dialog.remove();
      if (named) resolve();
      else reject(new Error("give your name first, so that the label carries it."));
    });
    dialog.showModal();
  });
}
