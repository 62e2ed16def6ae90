// Saving: in order for each key, two requests at a time. What could not be saved is kept, told and tried
// again, and a page is not left without asking: nothing is lost.

import { UNREACHABLE, messageIn, notice } from "./page.js";

const AT_ONCE = 2; // of the six connections that HTTP/1.1 has for pages, streams and labels
const reviewer = document.getElementById("reviewer").dataset;
const dialog = document.getElementById("ask-name");
let jobs = []; // { key, send, shows, done, busy, error, refused }
let complaint = null;

export const unsaved = () => jobs;
// Once what is on its way is there; what failed waits for whoever said it.
export const saved = async (key) => jobs.findLast((job) => job.key === key && !job.error)?.stored;

// `send` is called when its turn comes, and again if it failed; `shows` is for who marks what is unsaved.
// Gives what `send` gave. What the server refused is given up when something else is said.
export function save(key, send, shows) {
  jobs = jobs.filter((job) => job.key !== key || !job.refused);
  const job = { key, send, shows };
  job.stored = new Promise((resolve) => { job.done = resolve; });
  jobs.push(job);
  retry(key);
  return job.stored;
}

// Without a key: all.
export function retry(key) {
  for (const job of jobs) if (!key || job.key === key) job.error = "";
  pump();
}

function pump() {
  document.dispatchEvent(new Event("saving"));
  complain(jobs.filter(({ error }) => error));
  const ready = jobs.filter((job) => !job.busy && !job.error && job === jobs.find(({ key }) => key === job.key));
  const room = AT_ONCE - jobs.filter(({ busy }) => busy).length;
  if ("named" in reviewer) ready.slice(0, room).forEach(run);
  else if (ready.length) setTimeout(() => dialog.open || dialog.showModal()); // the focus has moved on by then
}

async function run(job) {
  job.busy = true;
  try {
    const result = await job.send();
    jobs = jobs.filter((other) => other !== job);
    job.done(result);
  } catch (error) {
    job.refused = error.status < 500 && error.status !== 428;
    if (job.refused) job.done(""); // nobody waits for that
    if (error.status === 428) delete reviewer.named; // the cookie is gone
    else for (const other of jobs) if (other.key === job.key) other.error = error.message;
  }
  job.busy = false;
  pump();
}

function complain(failed) {
  const count = new Set(failed.map(({ key }) => key)).size;
  const text = `${count > 1 ? `${count} answers not` : "Not"} saved: ${failed[0]?.error}`;
  if (complaint?.isConnected && complaint.firstChild.data === text) return;
  complaint?.remove();
  complaint = count ? notice(text, { name: "Try again", run: retry }) : null;
}

// Asked once; what waited for it is then sent.
dialog.addEventListener("htmx:after:swap", () => { if ("named" in reviewer) dialog.close(); });
dialog.addEventListener("close", () => {
  if (!("named" in reviewer)) for (const job of jobs) job.error = "give your name first, so that the label carries it.";
  pump();
});
document.addEventListener("htmx:response:error", ({ detail: { ctx } }) => notice(messageIn(ctx.text)));
document.addEventListener("htmx:error", () => notice(UNREACHABLE));
window.addEventListener("beforeunload", (event) => { if (jobs.length) event.preventDefault(); });
