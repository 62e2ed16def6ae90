// Rows that are far from the screen are not in the page: a block of them holds its height, is filled
// when it comes near, and emptied when it is far away again. Without scripts, links lead to them.

import { query } from "./live.js";
import { ask } from "./page.js";

const FILLS = 2; // at a time
const REST_MS = 60; // of scrolling, before what is passed is asked for
const AGAIN_MS = 2000;
const page = document.querySelector(".grid-page");
const scroller = page.querySelector(".scroller");
const blocks = [...page.querySelectorAll(".block")];
const loaded = new Set(blocks.filter((block) => block.querySelector("[data-row]")));
const near = new Set();
const filling = new Map();
let timer = null;

const seq = () => Number(document.getElementById("progress").dataset.seq);
const inUse = (block) => block.querySelector(":focus, [aria-current], [data-saving], [data-unsaved]");

async function read(block) {
  const { first: from, last: to } = block.dataset;
  const html = await ask(`/grids/${page.dataset.grid}/rows?${query({ from, to })}`);
  // What changed meanwhile was told to the page, which had nowhere to put it.
  if (Number(/data-seq="(\d+)"/.exec(html)[1]) < seq()) return read(block);
  block.innerHTML = html;
  block.style.minHeight = "";
  loaded.add(block);
  block.dispatchEvent(new CustomEvent("rows", { bubbles: true }));
}

function fill(block) {
  if (!filling.has(block)) filling.set(block, read(block).finally(() => filling.delete(block)));
  return filling.get(block);
}

function empty(block) {
  block.style.minHeight = `${block.offsetHeight}px`;
  block.replaceChildren();
  loaded.delete(block);
}

function pump() {
  for (const block of near) {
    if (loaded.has(block) || filling.has(block) || filling.size >= FILLS) continue;
    fill(block).then(pump, () => setTimeout(pump, AGAIN_MS));
  }
  for (const block of loaded) if (!near.has(block) && !inUse(block)) empty(block);
}

// The chip of an answer in a row that is not here.
export async function showAnswer(id) {
  const row = Number(await ask(`/grids/${page.dataset.grid}/row?${query({ of: id })}`));
  await fill(blocks.find(({ dataset: { first, last } }) => first <= row && row <= last));
  return document.getElementById(`a-${id}`);
}

const [sample] = loaded;
const height = sample ? sample.offsetHeight / sample.querySelectorAll("[data-row]").length : 0;
const root = getComputedStyle(scroller).overflowY === "visible" ? null : scroller; // a phone scrolls the page
const observer = new IntersectionObserver((entries) => {
  for (const { isIntersecting, target } of entries) near[isIntersecting ? "add" : "delete"](target);
  clearTimeout(timer);
  timer = setTimeout(pump, REST_MS);
}, { root, rootMargin: "1200px 0px" });
for (const block of blocks) {
  const { first, last } = block.dataset;
  if (!loaded.has(block)) {
    block.replaceChildren();
    block.style.minHeight = `${Math.round(height * (last - first + 1))}px`;
  }
  observer.observe(block);
}
