// Rows far from the screen are not in the page: a block of them holds its height, is filled when it
// comes near and emptied when it is far away. Without scripts, links lead to them.

import { RETRY_MS, addressOf, known, page } from "./live.js";
import { ask, parse } from "./page.js";

const REST_MS = 60; // of scrolling, before what is passed is asked for
const scroller = page.querySelector(".scroller");
const blocks = "whole" in page.dataset ? [] : [...page.querySelectorAll(".block")]; // whole: for print
const filled = new Map(); // blocks that have their rows, or will have when the promise is kept
const near = new Set();
const heightOf = (part) => part.getBoundingClientRect().height;
let turn = Promise.resolve(); // one block after the other is shown
let timer = null;
const later = (ms) => { clearTimeout(timer); timer = setTimeout(update, ms); };
// Between two frames, for what would make one of them late; Safari does not tell.
const idle = () => new Promise((go) => (window.requestIdleCallback ?? setTimeout)(go, { timeout: 200 }));

async function read(block, { first: from, rows } = block.dataset) {
  const html = await ask(addressOf("rows", { from, rows }));
  await idle();
  const { dataset: { seq }, children } = parse(html).body.firstElementChild;
  // What changed meanwhile was told to the page, which had nowhere to put it.
  return seq < known() ? read(block) : children;
}

// A fifth of them a frame, as laying them out takes long.
async function show(rows) {
  const step = Math.ceil(rows.length / 5);
  while (rows.length) {
    if (!document.hidden) await new Promise(requestAnimationFrame);
    for (const row of rows.splice(0, step)) row.hidden = false;
  }
}

// All are there at once, though hidden, so that what changes reaches them.
async function put(block) {
  const rows = [...await read(block)];
  block.append(...rows);
  await (turn = turn.then(() => show(rows)));
  block.style.minHeight = "";
  for (const more of block.querySelectorAll(".more")) htmx.process(more);
  block.dispatchEvent(new CustomEvent("rows", { bubbles: true }));
  later(REST_MS);
}

export function fill(block) {
  if (!filled.has(block)) filled.set(block, put(block).catch((error) => { filled.delete(block); throw error; }));
  return filled.get(block);
}

function hold(block, height) {
  block.style.minHeight = `${height}px`;
  block.replaceChildren();
  filled.delete(block);
}

const isFar = (it) => filled.has(it) && !near.has(it) && !it.style.minHeight && !it.querySelector(":focus, [aria-current], [data-saving], [data-unsaved]");

function update() {
  for (const block of filled.keys()) if (isFar(block)) idle().then(() => isFar(block) && hold(block, heightOf(block)));
  const away = (block) => Math.abs(block.getBoundingClientRect().top);
  const coming = [...near].filter((it) => !filled.has(it)).sort((a, b) => away(a) - away(b));
  for (const block of coming) fill(block).catch(() => later(RETRY_MS));
}

// The chip of an answer whose row is not here; null where the page has no such row or column.
export async function showAnswer(id) {
  const row = await ask(addressOf("row", { of: id }));
  const block = blocks.find((it) => it.matches(`[data-rows~="${row}"]`));
  if (block) await fill(block);
  return document.getElementById(`a-${id}`);
}

// A phone scrolls the page. Further than the browser lays out: most come in at little cost.
const observer = new IntersectionObserver((entries) => {
  for (const { isIntersecting, target } of entries) near[isIntersecting ? "add" : "delete"](target);
  later(REST_MS);
}, { root: getComputedStyle(scroller).overflowY === "visible" ? null : scroller, rootMargin: "2000px 0px" });
const sample = blocks.find((block) => block.querySelector("[data-row]"));
if (sample) page.style.setProperty("--row", `${heightOf(sample.querySelector("[data-row]"))}px`); // of rows not yet seen
const each = sample && heightOf(sample) / sample.children.length;
for (const block of blocks) {
  if (block === sample) filled.set(block, Promise.resolve());
  else hold(block, each * block.dataset.rows.split(" ").length);
  observer.observe(block);
}
