// Live updates come as server-sent events through htmx. Where no stream gets through, the page asks
// every few seconds instead; the fragments are the same.

const POLL_MS = 3000;
const FAILURES = 3; // in a row, before polling starts

export function fallBackToPolling(page) {
  const live = document.getElementById("live");
  if (!live) return;
  let failures = 0;
  let timer = null;

  async function poll() {
    const progress = document.getElementById("progress");
    if (document.hidden || progress.dataset.status !== "running") return;
    const view = new URLSearchParams({ since: progress.dataset.seq, density: page.dataset.density, show: page.dataset.show });
    const response = await fetch(`/grids/${page.dataset.grid}/changes?${view}`).catch(() => null);
    if (!response?.ok) return;
    const text = await response.text();
    if (text) await htmx.swap({ text, sourceElement: document.body, target: document.body, swap: "none" });
  }

  function startPolling() {
    timer ??= setInterval(poll, POLL_MS);
  }
  live.addEventListener("htmx:sse:error", () => {
    failures += 1;
    if (failures >= FAILURES) startPolling();
  });
  // The first connection failed: then the extension does not try again.
  live.addEventListener("htmx:error", startPolling);
  live.addEventListener("htmx:response:error", startPolling);
  live.addEventListener("htmx:sse:after:message", () => {
    failures = 0;
    clearInterval(timer);
    timer = null;
  });
}
