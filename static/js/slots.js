// Over HTTP/1.1 a browser opens six connections to a site and holds everything else back, pages and
// labels too. So at most four of its tabs hold a stream at a time; the others ask now and then.

const SLOTS = 4;
const RENEW_MS = 2000;
const LEASE_MS = 6000; // after which the slot of a tab that crashed is free

// Gives the function that frees the slot, or null when all are taken. `lost` is called when it was
// lost to another tab.
export async function takeSlot(lost) {
  const [loaded] = performance.getEntriesByType("navigation");
  if (/^h[23]/.test(loaded?.nextHopProtocol)) return () => {}; // one connection carries them all
  for (let number = 1; number <= SLOTS; number++) {
    const name = `bluffcheck-stream-${number}`;
    const release = await (navigator.locks ? lock(name) : lease(name, lost));
    if (release) return release;
  }
  return null;
}

function lock(name) {
  return new Promise((resolve) => {
    navigator.locks.request(name, { ifAvailable: true }, (taken) => (taken ? new Promise(resolve) : resolve(null)))
      .catch(() => resolve(null));
  });
}

// Locks exist on https and localhost only. Elsewhere tabs leave each other notes.
const me = String(Math.random()).slice(2);

async function lease(name, lost) {
  const read = () => (localStorage.getItem(name) ?? "").split(" ");
  const mine = () => read()[0] === me;
  const write = () => localStorage.setItem(name, `${me} ${Date.now() + LEASE_MS}`);
  try {
    if (!mine() && Number(read()[1]) > Date.now()) return null;
    write();
  } catch {
    return () => {}; // no storage: nothing to agree by
  }
  await new Promise((resolve) => setTimeout(resolve, 150)); // another tab may have had the same idea
  if (!mine()) return null;
  const timer = setInterval(() => {
    if (mine()) return write();
    clearInterval(timer);
    lost();
  }, RENEW_MS);
  return () => {
    clearInterval(timer);
    if (mine()) localStorage.removeItem(name);
  };
}
