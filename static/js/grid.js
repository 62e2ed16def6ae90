// The grid page: what each key does there.

import { again } from "./again.js";
import { beside, current, idOf, nameOf, next, reach, select } from "./chips.js";
import { close, isOpen, open, show } from "./drawer.js";
import { face, usual } from "./keys.js";
import { mine, save, saved, toggleTag, undo } from "./labels.js";
import { keepLive } from "./live.js";
import { say, told } from "./page.js";

const VALUES = { c: "correct", h: "hallucinated", a: "abstained" };
const ANYWHERE = ["z", "f", "b", "Escape", "?"]; // the others need a chip to act on
const page = document.querySelector(".grid-page");
const review = page.querySelector("[data-review]");
let labelled = null; // the chip that tags go to: the last that was labelled, until one moves
let equal = []; // chips that are about to be labelled together
let marked = null; // the chip that the next one is compared with
let turn = Promise.resolve(); // keys wait for those before them: where these lead, decides what they do

const canLabel = (chip) => chip?.hasAttribute("data-can-label");
const unlabelled = (chip) => chip.dataset.status === "unlabelled";

async function label(key) {
  const chips = equal.length ? equal : [current()].filter(canLabel);
  letGo();
  if (!chips.length) return;
  for (const chip of chips) save(idOf(chip), { value: VALUES[key] }, chips);
  const other = (chip) => !chips.includes(chip) && canLabel(chip);
  const chip = await next(1, (it) => other(it) && unlabelled(it), true) ?? await next(1, (it) => other(it) && !mine(idOf(it)).value);
  labelled = chips[0];
  select(chip);
  say(`${VALUES[key]}, ${chip ? `next: ${nameOf(chip)}` : "no other is left"}`, true);
}

// The equal answers of the row, to be labelled by the next key.
function group() {
  const textOf = (chip) => chip.dataset.eq ?? chip.querySelector(".text").textContent;
  const isEqual = (chip) => canLabel(chip) && textOf(chip) === textOf(current());
  equal = canLabel(current()) ? [...current().closest(".row").querySelectorAll(".chip")].filter(isEqual) : [];
  if (equal.length < 2) return letGo("No other answer of this row is equal.");
  for (const chip of equal) chip.dataset.lit = "";
  say(`${equal.length} equal answers: ${["c", "h", "a"].map(face).join(" ")} label them all, ${face("Escape")} cancels`);
}

function letGo(text = "") {
  for (const chip of equal) delete chip.dataset.lit;
  equal = [];
  say(text);
}

async function tag(key) {
  const chip = labelled ?? current();
  if (!chip?.matches(".chip")) return;
  const tags = await toggleTag(idOf(chip), key);
  say(`tags of ${nameOf(chip)}: ${tags.join(", ").replaceAll("_", " ") || "none"}`);
}

function compare() {
  const [one, other] = [marked, current()];
  one?.removeAttribute("data-marked");
  marked = one ? null : other;
  marked?.setAttribute("data-marked", "");
  if (marked) say(`Marked. ${face("d")} on another answer shows where the two differ.`);
  else if (one !== other) told(show(`/grids/${page.dataset.grid}/answers/${idOf(one)}/diff/${idOf(other)}`));
}

async function note() {
  if (!isOpen()) await open(current());
  document.querySelector("#drawer [name=note]")?.focus();
}

async function goTo(chip) {
  letGo();
  labelled = null;
  select(await chip);
}

async function rerun(chip) {
  await saved(idOf(chip));
  await again(current());
}

const actions = {
  "[": () => goTo(next(-1, unlabelled, true)), "]": () => goTo(next(1, unlabelled, true)),
  c: label, h: label, a: label, g: group, e: note, d: compare,
  u: () => { if (canLabel(current())) save(idOf(current()), { value: null }); },
  z: async () => goTo(reach(await undo())),
  r: () => { told(rerun(current())); },
  " ": () => { if (isOpen()) close(); else told(open(current())); },
  f: () => review && location.assign(`${review.href}${review.search ? "&" : "?"}blind=0`),
  b: () => review?.click(), // blind is what it is, if not said otherwise
  Escape: () => (equal.length ? letGo() : close()),
  "?": () => document.getElementById("help").showModal(),
};

document.addEventListener("keydown", (event) => {
  const key = usual(event);
  const moves = /Arrow|Home|End|^[[\]]$/.test(key);
  const act = actions[key] ?? (moves ? () => goTo(beside(key)) : /^\d$/.test(key) && tag);
  if (!act) return;
  event.preventDefault();
  if (event.repeat && !moves) return; // held down, a label is given once
  turn = told(turn.then(() => {
    if (document.activeElement.closest("textarea, dialog")) return null; // which came up meanwhile
    return current()?.matches(".chip") || moves || ANYWHERE.includes(key) ? act(key) : null;
  }));
});
keepLive();
