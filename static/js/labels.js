// Saving labels, notes and tags: in order for each answer, two requests at a time, shown before they
// are stored, undone on request. What could not be saved is kept to be tried again: nothing is lost.

import { query, swap } from "./live.js";
import { ask, notice, parse, told } from "./page.js";

const AT_ONCE = 2; // of the six connections that HTTP/1.1 has for pages, streams and labels
const NONE = { value: "", note: "", tags: [] };
const own = new Map(); // what the reader says of each answer, as far as it is known here
const queues = new Map(); // what is still to be stored of each answer: { jobs, busy, error }
const storedAt = new Map(); // by answer: what was asked for before is older than what is known
const done = []; // on this visit, for undo: { id, before, group }
const tagOf = {}; // by key
const reviewer = document.getElementById("reviewer").dataset;
const dialog = document.getElementById("ask-name");
let [naming, complaint, learning] = [null, null, Promise.resolve()];

const chipOf = (id) => document.getElementById(`a-${id}`);
const merged = (a, b) => (b.value === null ? b : { ...a, ...b });
export const mine = (id) => own.get(id) ?? NONE;
export const saved = (id) => queues.get(id)?.jobs.at(-1).stored;

// The reader's own labels as forms show them that were asked for at `time`; newer ones stay.
export function learn(root, time) {
  for (const form of root.querySelectorAll(".label-form")) {
    const { answer } = form.closest("[data-answer]").dataset;
    const buttons = [...form.querySelectorAll("[data-tag]")];
    for (const { dataset } of buttons) tagOf[dataset.key] = dataset.tag;
    const value = form.querySelector('.label[aria-pressed="true"]')?.value ?? "";
    const tags = buttons.filter((it) => it.ariaPressed === "true").map((it) => it.dataset.tag);
    if (!queues.has(answer) && !(storedAt.get(answer) > time)) own.set(answer, { value, note: form.elements.note.defaultValue, tags });
  }
}
async function learnFrom(chip) {
  const time = performance.now();
  learn(parse(await ask(chip.href)), time);
}

// What the reader said before a change. Where somebody labelled it the server is asked who.
function known(id) {
  learning = learning.then(async () => {
    const chip = chipOf(id);
    if (!own.has(id) && chip?.dataset.status === "unlabelled") own.set(id, NONE);
    else if (!own.has(id) && chip) await learnFrom(chip).catch(() => {});
    return own.get(id);
  });
  return learning;
}

// `change` has value (null: take all away), note and tags, or some of them. Gives whether it was stored;
// if not, it is tried again. The steps of one group are undone together.
export async function save(id, change, group) {
  const before = await known(id);
  done.push({ id, before, group });
  return store(id, change, before);
}

function store(id, change, before) {
  const after = merged(before, change);
  if (before) own.set(id, after.value === null ? NONE : after);
  const queue = queues.get(id) ?? { jobs: [] };
  const failed = queue.error ? queue.jobs.splice(0).map((job) => job.change) : [];
  const job = { change: [...failed, change].reduce(merged) };
  job.stored = new Promise((resolve) => { job.told = resolve; });
  queue.jobs.push(job);
  queues.set(id, queue);
  retry(id);
  return job.stored;
}

// Without an answer: of all of them.
export function retry(id) {
  for (const [each, queue] of queues) if (!id || each === id) queue.error = "";
  pump();
}

function pump() {
  const all = [...queues];
  const room = AT_ONCE - all.filter(([, queue]) => queue.busy).length;
  all.filter(([, queue]) => !queue.busy && !queue.error).slice(0, room).forEach(([id, queue]) => send(id, queue));
  showAll();
  const failed = all.filter(([, queue]) => queue.error);
  const text = `${failed.length > 1 ? `${failed.length} answers not` : "Not"} saved: ${failed[0]?.[1].error}`;
  if (complaint?.isConnected && complaint.firstChild.data === text) return;
  complaint?.remove();
  complaint = failed.length ? notice(text, { name: "Try again", run: retry }) : null;
}

async function send(id, queue) {
  queue.busy = true;
  const [job] = queue.jobs;
  const text = await request(id, job.change).catch((error) => { queue.error = error.message; });
  queue.busy = false;
  if (queue.error) for (const { told: tell } of queue.jobs) tell(false);
  else job.told(swap(text).then(() => true), storedAt.set(id, performance.now()));
  if (!queue.error && queue.jobs.shift() && !queue.jobs.length) queues.delete(id);
  show(id);
  pump();
}

async function request(id, change) {
  const options = change.value === null ? { method: "DELETE" } : { method: "PUT", body: new URLSearchParams(change) };
  if (!("named" in reviewer)) await (naming ??= askForName().finally(() => { naming = null; }));
  return ask(`/answers/${id}/label?${query()}`, options).catch((error) => {
    if (error.status !== 428) throw error;
    delete reviewer.named; // the cookie is gone
    return request(id, change);
  });
}

// On the chip, also where the server's piece of the page is older.
function show(id) {
  const [chip, queue] = [chipOf(id), queues.get(id)];
  if (!chip) return;
  chip.toggleAttribute("data-saving", Boolean(queue && !queue.error));
  chip.toggleAttribute("data-unsaved", Boolean(queue?.error));
  if (queue?.error) chip.title = `not saved: ${queue.error}`;
  const status = queue?.jobs.map(({ change }) => change.value).findLast((value) => value !== undefined);
  if (status === undefined) return;
  chip.dataset.status = status || "unlabelled";
  chip.querySelector(".status").textContent = chip.dataset.status;
}
const showAll = () => queues.forEach((_, id) => show(id));

// Gives the answer that is as it was before; the first of several that were labelled together.
export async function undo() {
  await learning;
  const { id, before, group } = done.pop() ?? {};
  if (!id) throw new Error("Nothing to undo on this visit.");
  if (!before) throw new Error("What you said before is not known: the server could not be reached.");
  store(id, before.value || before.note || before.tags.length ? before : { value: null }, before);
  return group && done.at(-1)?.group === group ? undo() : id;
}

// Puts the tag of a key on the reader's own label or takes it off. Gives those that are on then.
export async function toggleTag(id, key) {
  if (!(key in tagOf)) await learnFrom(chipOf(id));
  if (!(key in tagOf)) throw new Error(`No tag has the key ${key}.`);
  const before = (await known(id)) ?? NONE;
  const others = before.tags.filter((tag) => tag !== tagOf[key]);
  const tags = others.length < before.tags.length ? others : [...others, tagOf[key]];
  save(id, { tags });
  return tags;
}

// Asked once; the labels that were waiting are then sent.
function askForName() {
  const refusal = new Error("give your name first, so that the label carries it.");
  dialog.showModal();
  return new Promise((resolve, reject) => {
    dialog.addEventListener("close", () => ("named" in reviewer ? resolve() : reject(refusal)), { once: true });
  });
}
dialog.addEventListener("submit", (event) => {
  event.preventDefault();
  const body = new URLSearchParams(new FormData(event.target));
  told(ask("/reviewer", { method: "POST", body }).then(() => {
    document.querySelector("#reviewer summary").textContent = `reviewing as ${body.get("name").trim()}`;
    reviewer.named = "";
    dialog.close();
  }));
});

for (const name of ["htmx:after:swap", "rows"]) document.addEventListener(name, showAll);
window.addEventListener("beforeunload", (event) => { if (queues.size) event.preventDefault(); });
