// Over HTTP/1.1 a browser opens six connections to a site and holds everything else back, pages and
// labels too. So at most four of its tabs hold a stream at a time. They leave each other notes, as
// locks exist on https and localhost only.

const SLOTS = ["1", "2", "3", "4"].map((number) => `bluffcheck-stream-${number}`);
const RENEW_MS = 2000;
const LEASE_MS = 6000; // after which the slot of a tab that crashed is free
const ME = String(Math.random()).slice(2);

const read = (slot) => (localStorage.getItem(slot) ?? "").split(" ");
const write = (slot) => localStorage.setItem(slot, `${ME} ${Date.now() + LEASE_MS}`);
const isMine = (slot) => read(slot)[0] === ME;

// Gives the function that frees the slot, or null when all are taken; `lost`: another tab has it now.
export async function takeSlot(lost) {
  const [loaded] = performance.getEntriesByType("navigation");
  if (/^h[23]/.test(loaded?.nextHopProtocol)) return () => {}; // one connection carries them all
  for (const slot of SLOTS) {
    if (Number(read(slot)[1]) > Date.now()) continue;
    write(slot);
    await new Promise((resolve) => setTimeout(resolve, 150)); // another tab may have had the same idea
    if (!isMine(slot)) continue;
    const timer = setInterval(() => (isMine(slot) ? write(slot) : lost()), RENEW_MS);
    return () => {
      clearInterval(timer);
      if (isMine(slot)) localStorage.removeItem(slot);
    };
  }
  return null;
}
