// The review: one answer at a time. What comes next is fetched ahead, labels are saved behind.

import { controlOf, usual } from "./keys.js";
import { ask, notice, parse } from "./page.js";
import { save, saved } from "./saving.js";

const AHEAD = 16; // answers asked for at a time
const main = document.querySelector(".review");
const find = (selector) => main.querySelector(selector);
const nothing = () => ({ list: [], over: false, asking: null });
let coming = nothing();
let busy = false; // another answer is about to be shown: a key must not label what nobody has seen

// The answers in what the server sends; the progress in it, and what is said of it, are shown.
async function answers(url, options) {
  const text = await ask(url, options);
  await htmx.swap({ text, sourceElement: main, target: main, swap: "none" });
  return [...parse(text).querySelectorAll(".one")];
}

// One after the other, as undo goes by their order. One that is refused does not hold up the others.
const store = (url, body) => save("review", () => answers(url, { method: "POST", body }).catch((error) => {
  if (!(error.status < 500) || error.status === 428) throw error;
  notice(`Not saved: ${error.message}`, { name: "Look at it", run: () => location.assign(url) });
  return [];
}));

function show(one, ahead = coming) {
  coming = ahead;
  find(".one").replaceWith(one);
  history.replaceState(null, "", one.dataset.here);
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
const begin = ([one]) => one && show(one, nothing());
const load = (url) => saved("review").then(() => answers(url)).then(begin); // labels decide what is shown

async function busily(work) {
  busy = true;
  await work().catch((error) => notice(error.message));
  busy = false;
}
async function next() {
  if (!coming.list.length) await busily(() => saved("review").then(fill));
  if (coming.list.length) show(coming.list.shift());
  else if (coming.over) await busily(() => load(find(".one").dataset.end));
}

main.addEventListener("submit", (event) => {
  const { submitter, target: form } = event;
  event.preventDefault();
  if (busy) return;
  if (form.matches(".last")) return busily(() => store(form.action).then(begin));
  store(form.action, new URLSearchParams(new FormData(form, submitter)));
  if (form.elements.equal?.checked) coming = nothing(); // some of them are labelled too
  if (submitter.value === "none") busily(() => load(form.action));
  else next();
});
main.addEventListener("change", ({ target }) => {
  if (target.type === "checkbox") return find(".one").focus(); // where keys are heard
  const fields = new FormData(target.form, target.form.querySelector('[aria-pressed="true"]'));
  fields.delete("equal"); // these wait for a label
  if (fields.has("value")) store(target.form.action, new URLSearchParams(fields));
});
main.addEventListener("click", (event) => {
  const link = event.target.closest("a");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  if (!("swap" in link.dataset)) saved("review").then(() => location.assign(link.href));
  else if (!busy) link.rel === "next" ? next() : busily(() => load(link.href));
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && event.target.matches("textarea")) return find(".one").focus();
  const control = event.repeat ? null : controlOf(usual(event));
  if (!control) return;
  event.preventDefault();
  if (!control.matches("summary")) return control.click();
  control.parentElement.open = true;
  control.parentElement.querySelector("textarea").focus();
});
fill().catch(() => {});
