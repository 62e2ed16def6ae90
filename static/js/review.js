// The review: one answer at a time. What comes next is fetched ahead, labels are saved behind.

import { messageIn, notice, reveal } from "./page.js";

const AHEAD = 16; // answers asked for at a time
const main = document.querySelector(".review");
const failed = document.getElementById("review-failed");
const article = () => main.querySelector(".one");
const labelled = new Set(); // by this page, also as equal to another
let coming = []; // the answers after the one that is shown
let more = true; // whether there are others after those
let asking = null;
let busy = false; // another answer is about to be shown: a key must not label what nobody has seen
let queue = Promise.resolve();
let unsaved = 0;

async function ask(url, options = {}) {
  const response = await fetch(url, { ...options, headers: { "HX-Request": "true" } });
  const html = await response.text();
  if (!response.ok) throw new Error(messageIn(html) || `The server answered ${response.status}.`);
  const parts = [...new DOMParser().parseFromString(html, "text/html").body.children];
  const progress = parts.find((part) => part.id === "review-progress");
  if (progress) document.getElementById(progress.id).replaceWith(progress);
  if (progress?.dataset.said) document.getElementById("review-said").textContent = progress.dataset.said;
  return parts.filter((part) => part !== progress);
}

// One after the other. One that fails holds up those behind it until it is tried again or left.
async function insist(url, body) {
  for (;;) {
    try {
      return await ask(url, { method: "POST", body });
    } catch (error) {
      failed.firstElementChild.textContent = `Not saved${unsaved > 1 ? `, and ${unsaved - 1} behind it wait` : ""}: ${error.message}`;
      failed.hidden = false;
      const choice = await new Promise((resolve) => { failed.onclick = (event) => event.target.value && resolve(event.target.value); });
      failed.hidden = true;
      if (choice === "leave") return [];
    }
  }
}

function save(url, body) {
  unsaved += 1;
  queue = queue.then(() => insist(url, body)).finally(() => { unsaved -= 1; });
  return queue;
}

function show(one) {
  article().replaceWith(document.adoptNode(one));
  history.replaceState(null, "", one.dataset.here);
  reveal(one);
  one.focus({ preventScroll: true });
  scrollTo(0, 0);
  if (coming.length < AHEAD / 2) fill().catch(() => {}); // it is asked again when it is needed
}

function fill() {
  const into = coming;
  if (asking || !more) return asking ?? Promise.resolve();
  asking = ask(`${(into.at(-1) ?? article()).dataset.here}&ahead=${AHEAD}`).then((found) => {
    if (into === coming) more = found.length === AHEAD;
    into.push(...found);
  }).finally(() => { asking = null; });
  return asking;
}

async function busily(work) {
  busy = true;
  await work().catch((error) => notice(error.message));
  busy = false;
}

async function load(url) {
  await queue; // what is shown of an answer depends on whether it is labelled
  begin(await ask(url));
}

function begin([one]) {
  coming = [];
  more = true;
  if (one) show(one);
}

function ready() {
  while (labelled.has(coming[0]?.dataset.alias)) coming.shift();
  return coming.length > 0;
}

function next() {
  if (ready()) return show(coming.shift());
  return busily(async () => {
    await fill();
    if (!ready()) await queue.then(fill);
    if (ready()) show(coming.shift());
    else await load(article().dataset.end);
  });
}

main.addEventListener("submit", (event) => {
  event.preventDefault();
  if (busy) return;
  const form = event.target;
  if (form.matches(".last")) return busily(() => save(form.action).then((shown) => { labelled.clear(); begin(shown); }));
  const { alias, equal = "" } = article().dataset;
  for (const one of [alias, ...(form.elements.equal?.checked ? equal.split(" ") : [])]) labelled.add(one);
  save(form.action, new URLSearchParams(new FormData(form, event.submitter)));
  if (event.submitter.value === "none") busily(() => load(form.action));
  else next();
});
main.addEventListener("change", (event) => { // a note to a label that was given
  const { form } = event.target;
  const value = event.target.name === "note" && form.querySelector('[aria-pressed="true"]')?.value;
  if (value) save(form.action, new URLSearchParams({ value, note: event.target.value }));
});
main.addEventListener("click", (event) => {
  const link = event.target.closest("a");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey || !(unsaved || "swap" in link.dataset)) return;
  event.preventDefault();
  if (!("swap" in link.dataset)) queue.then(() => location.assign(link.href));
  else if (!busy) link.rel === "next" ? next() : busily(() => load(link.href));
});
document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input:not([type=checkbox]), textarea, select, dialog");
  if (event.key === "Escape" && event.target.matches("textarea")) return article().focus();
  if (typing || event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
  const control = main.querySelector(`[data-keys~="${CSS.escape(event.key)}"]`);
  if (!control) return;
  event.preventDefault();
  control.click();
  if (control.matches("summary")) control.parentElement.querySelector("textarea")?.focus();
});
let from = null; // where a finger came down
main.addEventListener("touchstart", (event) => { from = event.touches.length === 1 ? event.touches[0] : null; }, { passive: true });
main.addEventListener("touchend", (event) => {
  const [to] = event.changedTouches;
  const across = from ? to.clientX - from.clientX : 0;
  if (Math.abs(across) < 70 || Math.abs(across) < 2 * Math.abs(to.clientY - from.clientY)) return;
  main.querySelector(`[rel="${across < 0 ? "next" : "prev"}"]`)?.click();
});
addEventListener("beforeunload", (event) => unsaved && event.preventDefault());
fill().catch(() => {});
