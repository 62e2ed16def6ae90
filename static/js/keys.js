// Which key was pressed. Everything goes by its usual key; the help of the page has the reader's own.

const help = document.getElementById("help");
export const face = (key) => help.querySelector(`[data-key="${key}"] kbd`).textContent;

// A letter is the same with Caps Lock on, and on a keyboard of another alphabet.
function pressed(event) {
  const key = /^Key/.test(event.code) && event.key > "~" ? event.code.slice(3) : event.key;
  return key.length === 1 ? key.toLowerCase() : (event.shiftKey ? "Shift+" : "") + key;
}

// The usual key of what the reader wants; undefined: nothing, or only to type.
export function usual(event) {
  const command = (event.ctrlKey || event.metaKey || event.altKey) && !event.getModifierState("AltGraph");
  if (command || event.isComposing || event.target.closest("input, textarea, select, dialog, [contenteditable]")) return;
  const key = pressed(event);
  if ([" ", "Enter"].includes(key) && event.target.closest("button, summary")) return; // it presses these
  return /^\d$/.test(key) ? key : help.querySelector(`[data-pressed="${CSS.escape(key)}"]`)?.dataset.key;
}

// The control of the page that names it.
export const controlOf = (key) => key && document.querySelector(`main [data-keys~="${CSS.escape(key)}"]`);
