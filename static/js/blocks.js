// Rows that are far from the screen are not in the page: a block of them holds its height, is filled
// when it comes near, and emptied when it is far away again. Without scripts, links lead to them.

const page = document.querySelector(".grid-page");
const scroller = page.querySelector(".scroller");
const near = new Set();
const loaded = new Set([...page.querySelectorAll(".block:has([data-row])")]);
const FILLS = 2; // at a time
const REST_MS = 60; // of scrolling, before what is passed is asked for
let filling = 0;
let timer = null;

const seq = () => Number(document.getElementById("progress").dataset.seq);
const rowsOf = (block) => block.dataset.last - block.dataset.first + 1;
const inUse = (block) => block.querySelector(":focus, [aria-current], [data-saving], [data-unsaved]");

async function fill(block) {
  const { first, last } = block.dataset;
  const look = new URLSearchParams(page.dataset.look);
  const response = await fetch(`${location.pathname}/rows?from=${first}&to=${last}&${look}`);
  if (!response.ok) throw new Error(`The server answered ${response.status}.`);
  const html = await response.text();
  // What changed meanwhile was told to the page, which had nowhere to put it.
  if (Number(response.headers.get("X-Seq")) < seq()) return fill(block);
  block.innerHTML = html;
  block.style.minHeight = "";
  loaded.add(block);
  block.dispatchEvent(new CustomEvent("rows", { bubbles: true }));
}

function empty(block) {
  block.style.minHeight = `${block.offsetHeight}px`;
  block.replaceChildren();
  loaded.delete(block);
}

function pump() {
  for (const block of near) {
    if (filling >= FILLS) return;
    if (loaded.has(block) || block.dataset.filling) continue;
    filling += 1;
    block.dataset.filling = "1";
    fill(block).catch(() => { setTimeout(pump, 2000); }).finally(() => {
      filling -= 1;
      delete block.dataset.filling;
      pump();
    });
  }
  for (const block of loaded) if (!near.has(block) && !inUse(block)) empty(block);
}

const [sample] = loaded;
const height = sample ? sample.offsetHeight / rowsOf(sample) : 0;
const phone = getComputedStyle(scroller).overflowY === "visible";
const observer = new IntersectionObserver((entries) => {
  for (const { isIntersecting, target } of entries) near[isIntersecting ? "add" : "delete"](target);
  clearTimeout(timer);
  timer = setTimeout(pump, REST_MS);
}, { root: phone ? null : scroller, rootMargin: "1200px 0px" });
for (const block of page.querySelectorAll(".block")) {
  if (!loaded.has(block)) {
    block.replaceChildren();
    block.style.minHeight = `${Math.round(height * rowsOf(block))}px`;
  }
  observer.observe(block);
}

// A link to an answer in a row that is not here: the server knows in which block it is.
function fetchTarget() {
  const [, id] = /^#a-(\d+)$/.exec(location.hash) ?? [];
  const here = new URL(location.href);
  if (!id || document.getElementById(`a-${id}`) || here.searchParams.get("at") === id) return;
  here.searchParams.set("at", id);
  location.replace(here);
}
window.addEventListener("hashchange", fetchTarget);
fetchTarget();
