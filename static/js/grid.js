// The grid page: moving between chips, the drawer, and the keys. Labels are saved by labels.js.

import { reveal } from "./page.js";
import { keepLive } from "./live.js";
import { again, setUp } from "./again.js";
import { clearLabel, saveNote, setLabel, undo } from "./labels.js";

const page = document.querySelector(".grid-page");
const drawer = document.getElementById("drawer");
const chips = () => [...page.querySelectorAll(".chip")];
const idOf = (chip) => chip.id.slice(2);
let current = null; // the chip that keys act on
let opening = 0; // counts what the drawer was asked for: only the latest is shown

function select(chip, { focus = true } = {}) {
  if (!chip) return;
  current?.removeAttribute("aria-current");
  current = chip;
  chip.setAttribute("aria-current", "true");
  if (focus) chip.focus();
  if (!drawer.hidden) open(chip);
}

// Chips are laid out in cells of rows: move by what is nearest on the screen.
function move(key) {
  if (!current) return select(chips()[0]);
  const cell = current.closest(".cell");
  const index = [...cell.querySelectorAll(".chip")].indexOf(current);
  const vertical = key === "ArrowUp" || key === "ArrowDown";
  const step = key === "ArrowUp" || key === "ArrowLeft" ? -1 : 1;
  if (vertical) {
    const inCell = cell.querySelectorAll(".chip")[index + step];
    if (inCell) return select(inCell);
    const column = [...cell.parentElement.children].indexOf(cell);
    const rows = [...page.querySelectorAll("[data-row]")];
    let at = rows.indexOf(cell.parentElement);
    while (rows[(at += step)]) {
      const found = rows[at].children[column]?.querySelectorAll(".chip");
      if (found?.length) return select(found[step < 0 ? found.length - 1 : 0]);
    }
    return;
  }
  let next = cell;
  while ((next = step < 0 ? next.previousElementSibling : next.nextElementSibling)) {
    const found = next.querySelectorAll(".chip");
    if (found.length) return select(found[Math.min(index, found.length - 1)]);
  }
}

function nextUnlabelled(step) {
  const all = chips();
  const start = current ? all.indexOf(current) : step < 0 ? all.length : -1;
  for (let i = 1; i <= all.length; i++) {
    const chip = all[(start + step * i + all.length * 2) % all.length];
    if (chip !== current && chip.dataset.status === "unlabelled") return chip;
  }
  return null;
}

async function open(chip) {
  const mine = ++opening;
  current?.removeAttribute("aria-current");
  current = chip;
  chip.setAttribute("aria-current", "true");
  history.replaceState(null, "", `#${chip.id}`);
  const response = await fetch(chip.href, { headers: { "HX-Request": "true" } });
  const html = await response.text();
  if (mine !== opening) return; // another one was opened meanwhile, or it was closed
  drawer.hidden = false;
  drawer.dataset.status = chip.dataset.status;
  await htmx.swap({ text: html, sourceElement: drawer, target: drawer, swap: "innerHTML" });
  reveal(drawer);
  chip.scrollIntoView({ block: "nearest", inline: "nearest" }); // the drawer took some of the room
}

function close() {
  opening += 1;
  if (drawer.hidden) return;
  drawer.hidden = true;
  drawer.replaceChildren();
  history.replaceState(null, "", location.pathname + location.search);
  current?.focus();
}

function label(value) {
  if (!current) return;
  const chip = current;
  if (!("canLabel" in chip.dataset)) return;
  setLabel(chip, value);
  const next = nextUnlabelled(1);
  if (next) select(next);
  else if (!drawer.hidden) open(chip);
}

const keys = {
  ArrowLeft: () => move("ArrowLeft"), ArrowRight: () => move("ArrowRight"),
  ArrowUp: () => move("ArrowUp"), ArrowDown: () => move("ArrowDown"),
  "[": () => select(nextUnlabelled(-1)), "]": () => select(nextUnlabelled(1)),
  c: () => label("correct"), h: () => label("hallucinated"), a: () => label("abstained"),
  u: () => current && clearLabel(current),
  z: () => undo(select),
  r: () => current && again(current),
  " ": () => (drawer.hidden ? current && open(current) : close()),
  Escape: close,
  "?": () => document.getElementById("help").showModal(),
};

document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, textarea, select, dialog, [contenteditable]");
  if (event.key === "Escape" && event.target.closest("#drawer textarea")) return close();
  if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
  // Space presses the button or opens the fold that has the focus.
  if (event.key === " " && event.target.closest("button, summary")) return;
  const action = keys[event.key];
  if (!action) return;
  event.preventDefault();
  action();
});

page.addEventListener("click", (event) => {
  const chip = event.target.closest(".chip");
  if (chip && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
    event.preventDefault();
    return open(chip);
  }
  if (event.target.closest("[data-close=drawer]")) return close();
  const go = event.target.closest("[data-go]");
  if (go && current) {
    const all = chips();
    const next = all[all.indexOf(current) + (go.dataset.go === "next" ? 1 : -1)];
    if (next) open(next);
  }
});

page.addEventListener("focusin", (event) => {
  const chip = event.target.closest(".chip");
  if (chip && chip !== current) {
    current?.removeAttribute("aria-current");
    current = chip;
    chip.setAttribute("aria-current", "true");
  }
});

// The drawer's form works without scripts; with them the page stays where it is.
drawer.addEventListener("submit", (event) => {
  if (!event.target.matches(".label-form") || event.submitter?.name !== "value") return;
  event.preventDefault();
  const chip = document.getElementById(`a-${drawer.querySelector("[data-answer]").dataset.answer}`);
  const note = event.target.elements.note.value;
  const value = event.submitter?.value;
  const done = value === "none" ? clearLabel(chip) : setLabel(chip, value, note);
  done.then(() => current === chip && open(chip));
});
drawer.addEventListener("change", (event) => {
  if (event.target.name !== "note") return;
  const id = drawer.querySelector("[data-answer]").dataset.answer;
  const pressed = drawer.querySelector('.label[aria-pressed="true"]');
  if (pressed) saveNote(document.getElementById(`a-${id}`), pressed.value, event.target.value);
});

// A new version of the open answer's chip means that the answer in the drawer has news too.
document.addEventListener("htmx:after:swap", () => {
  if (current && !current.isConnected) current = document.getElementById(current.id);
  current?.setAttribute("aria-current", "true");
  if (current && !drawer.hidden && drawer.dataset.status !== current.dataset.status) {
    drawer.dataset.status = current.dataset.status;
    if (!drawer.contains(document.activeElement)) open(current);
  }
});

function openFromAddress() {
  const chip = /^#a-\d+$/.test(location.hash) && document.getElementById(location.hash.slice(1));
  if (!chip) return;
  chip.scrollIntoView({ block: "center", inline: "center" });
  open(chip);
}
window.addEventListener("hashchange", openFromAddress);
window.addEventListener("load", openFromAddress);
keepLive();
// What was run again or cancelled has another face in the drawer; the keys go on from its chip.
setUp(async () => {
  if (!current || drawer.hidden) return;
  await open(current);
  if (document.activeElement === document.body) current.focus();
});
