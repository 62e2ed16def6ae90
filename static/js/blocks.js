// Rows far from the screen are not in the page: a block of them holds its height, is filled when it
// comes near and emptied when it is far away. Without scripts, links lead to them.

import { query } from "./live.js";
import { ask } from "./page.js";

const FILLS = 2; // at a time
const REST_MS = 60; // of scrolling, before what is passed is asked for
const page = document.querySelector(".grid-page");
const scroller = page.querySelector(".scroller");
const blocks = "whole" in page.dataset ? [] : [...page.querySelectorAll(".block")]; // whole: for print
const full = new Set(blocks.filter((block) => block.querySelector("[data-row]")));
const near = new Set();
const filling = new Map();
const frame = () => new Promise(requestAnimationFrame);
const rowsOf = ({ dataset: { first, last } }) => last - first + 1;
let timer = null;

async function read(block) {
  const { first: from, last: to } = block.dataset;
  const template = document.createElement("template");
  template.innerHTML = await ask(`/grids/${page.dataset.grid}/rows?${query({ from, to })}`);
  const [known, ...rows] = template.content.children;
  // What changed meanwhile was told to the page, which had nowhere to put it.
  return known.dataset.seq < Number(document.getElementById("progress").dataset.seq) ? read(block) : rows;
}

async function put(block) {
  const rows = await read(block);
  block.replaceChildren();
  for (const row of rows) {
    block.append(row);
    if (!document.hidden) await frame(); // so that no frame has more to do than one row
  }
  block.style.minHeight = "";
  full.add(block);
  block.dispatchEvent(new CustomEvent("rows", { bubbles: true }));
}

function fill(block) {
  if (!filling.has(block)) filling.set(block, put(block).finally(() => filling.delete(block)));
  return filling.get(block);
}

async function pump() {
  for (const block of full) {
    if (near.has(block) || block.querySelector(":focus, [aria-current], [data-saving], [data-unsaved]")) continue;
    block.style.minHeight = `${block.offsetHeight}px`;
    block.replaceChildren();
    full.delete(block);
    await frame();
  }
  for (const block of near) {
    if (full.has(block) || filling.has(block) || filling.size >= FILLS) continue;
    fill(block).then(pump, () => setTimeout(pump, 2000));
  }
}

// The chip of an answer whose row is not here.
export async function showAnswer(id) {
  const row = Number(await ask(`/grids/${page.dataset.grid}/row?${query({ of: id })}`));
  await fill(blocks.find(({ dataset: { first, last } }) => first <= row && row <= last));
  return document.getElementById(`a-${id}`);
}

const [sample] = full;
const row = sample?.querySelector("[data-row]");
if (row) page.style.setProperty("--row", `${row.getBoundingClientRect().height}px`); // what rows take that were not yet seen
const root = getComputedStyle(scroller).overflowY === "visible" ? null : scroller; // a phone scrolls the page
const observer = new IntersectionObserver((entries) => {
  for (const { isIntersecting, target } of entries) near[isIntersecting ? "add" : "delete"](target);
  clearTimeout(timer);
  timer = setTimeout(pump, REST_MS);
}, { root, rootMargin: "900px 0px" });
for (const block of blocks) {
  if (!full.has(block)) {
    block.replaceChildren();
    block.style.minHeight = `${Math.round((sample.offsetHeight / rowsOf(sample)) * rowsOf(block))}px`;
  }
  observer.observe(block);
}
