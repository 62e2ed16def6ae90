// What the reader says of answers: on their chips before it is stored, and undone on request.

import { addressOf, known, query, seqOf, swap } from "./live.js";
import { ask, request } from "./page.js";
import { save, unsaved } from "./saving.js";

const steps = []; // on this visit: of each the answers, with the change of theirs that was the last before

// `fields` gives what the form of the drawer would, when the turn comes.
async function say(answer, fields, shows) {
  const text = await save(answer.id, async () => {
    const response = await request(`/answers/${answer.id}/label?${query()}`, { method: "PUT", body: new URLSearchParams(fields()) });
    answer.before ??= response.headers.get("X-Before");
    return response.text();
  }, shows);
  swap(text);
  // What overtook it came while the chip was marked with what was said.
  if (seqOf(text) < known()) ask(addressOf("changes", { since: seqOf(text) - 1 })).then(swap, () => {});
}

// The same of several answers is one step. It is said of what is shown now, even if that takes long.
export function label(ids, fields) {
  const shows = new URLSearchParams(fields).get("value");
  steps.push(ids.map((id) => ({ id, attempt: document.getElementById(`a-${id}`)?.dataset.attempt ?? 1 })));
  for (const answer of steps.at(-1)) say(answer, () => [["attempt", answer.attempt], ...new URLSearchParams(fields)], shows);
}

// Gives the first answer of the step. What was refused was not stored: nothing of it is to be changed;
// and what was said of another text is not to be said of this one.
export function undo() {
  const step = steps.pop();
  if (!step) throw new Error("Nothing to undo on this visit.");
  for (const answer of step) say({ id: answer.id }, () => answer.before && { attempt: answer.attempt, as_of: answer.before });
  return step[0].id;
}

// On the chip, also where the server's piece of the page is older.
function mark() {
  for (const name of ["saving", "unsaved"]) document.querySelectorAll(`.chip[data-${name}]`).forEach(({ dataset }) => delete dataset[name]);
  for (const { key, error, shows } of unsaved()) {
    const chip = document.getElementById(`a-${key}`);
    if (!chip) continue;
    chip.dataset[error ? "unsaved" : "saving"] = "";
    if (error) chip.title = `not saved: ${error}`;
    if (!shows) continue;
    chip.dataset.status = shows === "none" ? "unlabelled" : shows;
    chip.dataset.words = chip.dataset.status;
  }
}
for (const name of ["saving", "htmx:after:swap", "rows"]) document.addEventListener(name, mark);
