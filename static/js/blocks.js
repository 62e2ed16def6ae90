// Rows far from the screen are not in the page: a block of them holds its height, is filled when it
// comes near and emptied when it is far away. Without scripts, links lead to them.

const page = document.querySelector(".grid-page");
const scroller = page.querySelector(".scroller");
const blocks = "whole" in page.dataset ? [] : page.querySelectorAll(".block"); // whole: for print
const near = new Set();
const full = new Set([...blocks].filter((block) => block.querySelector("[data-row]")));
const filling = new Set();
const FILLS = 2; // at a time
const REST_MS = 60; // of scrolling, before what is passed is asked for
const frame = () => new Promise(requestAnimationFrame);
const rowsOf = (block) => block.dataset.last - block.dataset.first + 1;
let timer = null;

async function read({ first, last }) {
  const response = await fetch(`${location.pathname}/rows?from=${first}&to=${last}&${page.dataset.look}`);
  if (!response.ok) throw new Error(`The server answered ${response.status}.`);
  const template = document.createElement("template");
  template.innerHTML = await response.text();
  // What changed meanwhile was told to the page, which had nowhere to put it.
  const old = Number(response.headers.get("X-Seq")) < document.getElementById("progress").dataset.seq;
  return old ? read({ first, last }) : [...template.content.children];
}

async function fill(block) {
  const rows = await read(block.dataset);
  block.replaceChildren();
  for (const row of rows) {
    block.append(row);
    await frame(); // so that no frame has more to do than one row
  }
  block.style.minHeight = "";
  full.add(block);
  block.dispatchEvent(new CustomEvent("rows", { bubbles: true }));
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
    filling.add(block);
    fill(block).catch(() => setTimeout(pump, 2000)).finally(() => { filling.delete(block); pump(); });
  }
}

const [sample] = full;
const root = getComputedStyle(scroller).overflowY === "visible" ? null : scroller; // a phone scrolls the page
const row = sample?.querySelector("[data-row]");
if (row) page.style.setProperty("--row", `${row.offsetHeight}px`); // what rows take that were not yet seen
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

// A link to an answer whose row is not here: the server knows its block.
function fetchTarget() {
  const [, id] = /^#a-(\d+)$/.exec(location.hash) ?? [];
  const here = new URL(location.href);
  if (!id || document.getElementById(`a-${id}`) || here.searchParams.get("at") === id) return;
  here.searchParams.set("at", id);
  location.replace(here);
}
window.addEventListener("hashchange", fetchTarget);
fetchTarget();
