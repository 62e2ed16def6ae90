// Which key does what. Everything goes by its usual key, as the help of the page has it; there readers
// may put another in its place, which their browser keeps.

const KEPT = "bluffcheck-keys";
const FACES = { ArrowLeft: "←", ArrowRight: "→", ArrowUp: "↑", ArrowDown: "↓", " ": "Space", Escape: "Esc" };
const help = document.getElementById("help");
const rows = [...help.querySelectorAll("[data-key]")];
const say = (text) => help.querySelector("output").replaceChildren(text);
const nameOf = (row) => `“${row.cells[1].textContent}”`;
let changed = {}; // the reader's key for a usual one
let asking = null; // the row that waits for a key

const keyFor = (key) => changed[key] ?? key;
export const face = (key) => keyFor(key).replace(/Arrow\w+|^ $|Escape/, (name) => FACES[name]);

// A letter is the same with Caps Lock on, and on a keyboard of another alphabet.
function pressed(event) {
  const key = /^Key/.test(event.code) && event.key > "~" ? event.code.slice(3) : event.key;
  if (key.length === 1) return key.toLowerCase();
  return event.shiftKey ? `Shift+${key}` : key;
}

// The usual key of what the reader wants; undefined: nothing, or only to type.
export function usual(event) {
  const command = (event.ctrlKey || event.metaKey || event.altKey) && !event.getModifierState("AltGraph");
  if (command || event.isComposing || event.target.closest("input, textarea, select, dialog, [contenteditable]")) return;
  const key = pressed(event);
  if ([" ", "Enter"].includes(key) && event.target.closest("button, summary")) return; // it presses these
  return /^\d$/.test(key) ? key : rows.map((row) => row.dataset.key).find((it) => keyFor(it) === key);
}

function use(keys) {
  changed = keys;
  for (const row of rows) row.querySelector("kbd").textContent = face(row.dataset.key);
}

function keep(keys) {
  use(keys);
  asking = null;
  try {
    localStorage.setItem(KEPT, JSON.stringify(keys));
  } catch {
    say("This browser keeps nothing: it holds until you leave the page.");
  }
}

help.addEventListener("click", ({ target }) => {
  asking = target.matches("[data-change]") ? target.closest("[data-key]") : null;
  if (asking) say(`Press a key for ${nameOf(asking)}, or Esc to leave it.`);
  if (target.matches("[data-reset]")) keep({}, say("All keys are as usual."));
});
help.addEventListener("keydown", (event) => {
  if (!asking || /^(Tab|Shift|Control|Alt|AltGraph|Meta|CapsLock)$/.test(event.key)) return;
  event.preventDefault();
  const key = pressed(event);
  const taken = rows.find((row) => row !== asking && keyFor(row.dataset.key) === key);
  if (event.key === "Escape") keep(changed, say("It stays as it was."));
  else if (/^\d$/.test(key)) say("The digits are for tags: press another key.");
  else if (taken) say(`${face(taken.dataset.key)} is taken by ${nameOf(taken)}: press another key.`);
  else keep({ ...changed, [asking.dataset.key]: key }, say(`Changed: ${nameOf(asking)}.`));
});

try {
  use(JSON.parse(localStorage.getItem(KEPT)) ?? {});
} catch {
  use({}); // no storage, or not ours
}
