// The grid page: what each key, link and button does there. Without scripts these lead to pages of their
// own; with them the page stays where it is. Where a control names a key, the key presses it.

import { beside, current, idOf, nameOf, next, reach, select } from "./chips.js";
import { close, isOpen, open, show } from "./drawer.js";
import { controlOf, face, usual } from "./keys.js";
import { label, undo } from "./labels.js";
import { addressOf, page, view } from "./live.js";
import { ask, notice, say, told } from "./page.js";
import { saved } from "./saving.js";

const VALUES = { c: "correct", h: "hallucinated", a: "abstained" };
const choice = document.getElementById("reruns");
const given = new Set(); // on this visit, a label
let labelled = null; // the chip that tags go to: the last that was labelled, until one moves
let equal = []; // chips that are about to be labelled together
let marked = null; // the chip that the next one is compared with
let reruns = Promise.resolve(); // one after the other: htmx would let the third go
let turn = Promise.resolve(); // keys wait for those before them: where these lead, decides what they do

const tag = (key) => label([idOf(labelled ?? current())], { key });
const canLabel = (chip) => chip?.hasAttribute("data-can-label");
const unlabelled = (chip) => chip.dataset.status === "unlabelled";

async function give(key) {
  const chips = equal.length ? equal : [current()].filter(canLabel);
  letGo();
  if (!chips.length) return;
  label(chips.map(idOf), { value: VALUES[key] });
  for (const chip of chips) given.add(idOf(chip));
  const other = (chip) => !chips.includes(chip) && canLabel(chip);
  const chip = await next(1, (it) => other(it) && unlabelled(it), true)
    ?? await next(1, (it) => other(it) && !given.has(idOf(it)));
  labelled = chips[0];
  select(chip);
  say(`${VALUES[key]}, ${chip ? `next: ${nameOf(chip)}` : "no other is left"}`, true);
}

// The equal answers of the row, to be labelled by the next key. Chips are too short to tell.
async function group() {
  const ids = canLabel(current()) ? await ask(addressOf("equal", { of: idOf(current()) })) : "";
  equal = ids.split(" ").map((id) => document.getElementById(`a-${id}`)).filter(canLabel);
  if (equal.length < 2) return letGo("No other answer of this row is equal.");
  for (const chip of equal) chip.dataset.lit = "";
  say(`${equal.length} equal answers: ${["c", "h", "a"].map(face).join(" ")} label them all, ${face("Escape")} cancels`);
}

function letGo(text = "") {
  for (const chip of equal) delete chip.dataset.lit;
  equal = [];
  say(text);
}

function compare() {
  const [one, other] = [marked, current()];
  one?.removeAttribute("data-marked");
  marked = one ? null : other;
  marked?.setAttribute("data-marked", "");
  if (marked) say(`Marked. ${face("d")} on another answer shows where the two differ.`);
  else if (one !== other) told(show(`${location.pathname}/answers/${idOf(one)}/diff/${idOf(other)}`));
}

// One answer at once; where it is labelled, the server asks first.
async function again(chip) {
  await saved(idOf(chip));
  if (/pending|running/.test(chip.dataset.status)) return notice("This answer is on its way already.");
  return htmx.ajax("POST", `${location.pathname}/reruns`, { source: view, swap: "none", values: { answer: idOf(chip), all: 1 } });
}

async function goTo(chip) {
  letGo();
  labelled = null;
  select(await chip);
}

const actions = {
  "[": () => goTo(next(-1, unlabelled, true)),
  "]": () => goTo(next(1, unlabelled, true)),
  c: give, h: give, a: give, g: group, d: compare,
  u: () => { if (canLabel(current())) label([idOf(current())], { value: "none" }); },
  e: () => open(current()).then(() => document.querySelector("#drawer [name=note]")?.focus()),
  z: async () => goTo(reach(undo())),
  r: () => { const chip = current(); reruns = told(reruns.then(() => again(chip))); },
  " ": () => { if (isOpen()) close(); else told(open(current())); },
  Escape: () => (equal.length ? letGo() : close()),
};

document.addEventListener("keydown", (event) => {
  const key = usual(event);
  const moves = /Arrow|Home|End|^[[\]]$/.test(key);
  const control = controlOf(key);
  const run = actions[key] ?? (moves ? () => goTo(beside(key)) : /^\d$/.test(key) ? tag : control && (() => control.click()));
  if (!run) return;
  event.preventDefault();
  if (event.repeat && !moves) return; // held down, a label is given once
  const anywhere = moves || control || ["z", "Escape"].includes(key); // the others need a chip to act on
  turn = told(turn.then(() => {
    if (document.activeElement.closest("textarea, dialog")) return null; // which came up meanwhile
    return anywhere || current()?.matches(".chip") ? run(key) : null;
  }));
});
document.addEventListener("click", (event) => {
  const at = event.target.closest(".chip, [data-go], [data-close]");
  if (!at || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  if (!at.matches("[data-close]")) { letGo(); labelled = null; }
  if (at.matches(".chip")) told(open(at));
  else if ("go" in at.dataset) told(next(Number(at.dataset.go)).then(open));
  else close();
});

// What can be done to answers came, to be chosen from.
document.addEventListener("choice", () => { if (!choice.open) choice.showModal(); });
document.addEventListener("acted", () => choice.close());
