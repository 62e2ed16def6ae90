// The review: one answer at a time. What comes next is fetched ahead, labels are saved behind.

import { usual } from "./keys.js";
import { ask, notice, parse, reveal, say } from "./page.js";

const AHEAD = 16; // answers asked for at a time
const main = document.querySelector(".review");
const find = (selector) => main.querySelector(selector);
let coming = { list: [], over: false, asking: null };
let [queue, unsaved] = [Promise.resolve(), 0];
let busy = false; // another answer is about to be shown: a key must not label what nobody has seen

// The answers in what the server sends; the progress in it is shown.
async function answers(url, options) {
  const parts = [...parse(await ask(url, options)).body.children];
  const progress = parts.find((part) => part.id === "review-progress");
  if (progress) find("#review-progress").replaceWith(progress);
  if (progress?.dataset.said) say(progress.dataset.said, true);
  return parts.filter((part) => part !== progress);
}

// In order: one that fails holds up those behind it until it is tried again; one refused does not.
const insist = (url, body) => answers(url, { method: "POST", body }).catch((error) => new Promise((done) => {
  const refused = error.status < 500 && error.status !== 428;
  const run = () => (refused ? location.assign(url) : done(insist(url, body)));
  notice(`Not saved: ${error.message}`, { name: refused ? "Look at it" : "Try again", run });
  if (refused) done([]);
}));
function save(url, body) {
  unsaved += 1;
  queue = queue.then(() => insist(url, body)).finally(() => { unsaved -= 1; });
  return queue;
}

function show(one) {
  find(".one").replaceWith(one);
  history.replaceState(null, "", one.dataset.here);
  reveal(one);
  one.focus({ preventScroll: true });
  scrollTo(0, 0);
  if (coming.list.length < AHEAD / 2) fill().catch(() => {}); // asked again when it is needed
}
async function fill() {
  const into = coming;
  const last = into.list.at(-1) ?? find(".one");
  if (!into.over) into.asking ??= answers(`${last.dataset.here}&ahead=${AHEAD}`).then((found) => {
    into.list.push(...found);
    into.over = found.length < AHEAD;
  }).finally(() => { into.asking = null; });
  await into.asking;
}
const forget = () => { coming = { list: [], over: false, asking: null }; };
const begin = ([one]) => one && (forget(), show(one));
const load = (url) => queue.then(() => answers(url)).then(begin); // labels decide what is shown

async function busily(work) {
  busy = true;
  await work().catch((error) => notice(error.message));
  busy = false;
}
async function next() {
  if (!coming.list.length) await busily(() => queue.then(fill));
  if (coming.list.length) show(coming.list.shift());
  else if (coming.over) await busily(() => load(find(".one").dataset.end));
}

main.addEventListener("submit", (event) => {
  const form = event.target;
  event.preventDefault();
  if (busy) return;
  if (form.matches(".last")) return busily(() => save(form.action).then(begin));
  save(form.action, new URLSearchParams(new FormData(form, event.submitter)));
  if (form.elements.equal?.checked) forget(); // some of them are labelled too
  if (event.submitter.value === "none") busily(() => load(form.action));
  else next();
});
main.addEventListener("change", ({ target }) => {
  if (target.type === "checkbox") return find(".one").focus(); // where keys are heard
  const value = target.form.querySelector('[aria-pressed="true"]')?.value;
  if (value) save(target.form.action, new URLSearchParams({ value, note: target.value }));
});
main.addEventListener("click", (event) => {
  const link = event.target.closest("a");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  if (!("swap" in link.dataset)) queue.then(() => location.assign(link.href));
  else if (!busy) link.rel === "next" ? next() : busily(() => load(link.href));
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && event.target.matches("textarea")) return find(".one").focus();
  const key = event.repeat ? undefined : usual(event);
  const control = key && find(`[data-keys~="${CSS.escape(key)}"]`);
  if (!control) return;
  event.preventDefault();
  if (!control.matches("summary")) return control.click();
  control.parentElement.open = true;
  control.parentElement.querySelector("textarea").focus();
});
let from = null; // where a finger came down
main.addEventListener("touchstart", ({ touches, target }) => {
  from = touches.length > 1 || target.closest("textarea, .table-scroll") ? null : touches[0];
}, { passive: true });
main.addEventListener("touchend", ({ changedTouches: [to] }) => {
  const across = from && !String(getSelection()) ? to.clientX - from.clientX : 0;
  if (Math.abs(across) > Math.max(70, 2 * Math.abs(to.clientY - from.clientY))) find(`[rel="${across < 0 ? "next" : "prev"}"]`)?.click();
});
addEventListener("beforeunload", (event) => unsaved && event.preventDefault());
fill().catch(() => {});
