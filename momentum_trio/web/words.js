// How values are said, and how nodes are made. Text goes into the page as text only.

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const date = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium", hourCycle: "h23" });
const whole = new Intl.NumberFormat("en");
const two = new Intl.NumberFormat("en", { maximumSignificantDigits: 2 });

let saidSecond = 0, said = "";

// Unix seconds as 10:42:07. The same second is asked for many times in a row.
export function time(seconds) {
  const second = Math.floor(seconds);
  if (second !== saidSecond) [saidSecond, said] = [second, clock.format(second * 1000)];
  return said;
}

export const dateAndTime = (seconds) => date.format(seconds * 1000);
export const number = (value) => whole.format(value);
export const rate = (value) => (value === 0 || value >= 10 ? whole.format(Math.round(value)) : two.format(value));

// A length of time in its two largest units at most: 4 ms, 1.2 s, 3 min, 2 h 5 min.
export function span(seconds) {
  if (seconds < 1) return `${Math.max(1, Math.round(seconds * 1000))} ms`;
  if (seconds < 60) return `${seconds < 10 ? Math.round(seconds * 10) / 10 : Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60), hours = Math.floor(minutes / 60), days = Math.floor(hours / 24);
  if (minutes < 60) return `${minutes} min`;
  if (hours < 24) return minutes % 60 ? `${hours} h ${minutes % 60} min` : `${hours} h`;
  return hours % 24 ? `${days} d ${hours % 24} h` : `${days} d`;
}

export function octets(count) {
  if (count < 1024) return `${count} octets`;
  return count < 1024 * 1024 ? `${two.format(count / 1024)} KiB` : `${two.format(count / 1024 / 1024)} MiB`;
}

export const counted = (count, one, many = `${one}s`) => `${number(count)} ${count === 1 ? one : many}`;
export const path = (text) => text || "<>";

// 127.0.0.1 of 127.0.0.1:2525, 2001:db8::1 of [2001:db8::1]:25; a path stays one.
export function host(endpoint) {
  const found = /^\[(.*)\]:\d+$|^([^:]*):\d+$/.exec(endpoint);
  return found ? found[1] ?? found[2] : endpoint;
}

// The node *tag*; attributes by name, text and nodes as its children.
export function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

const SVG = "http://www.w3.org/2000/svg";

export function glyph(name) {
  const node = document.createElementNS(SVG, "svg"), use = document.createElementNS(SVG, "use");
  node.setAttribute("class", "glyph");
  node.setAttribute("aria-hidden", "true");
  node.append(use);
  show(node, name);
  return node;
}

// Show another glyph in *node*.
export function show(node, name) {
  if (node.dataset.name === name) return;
  node.dataset.name = name;
  node.firstElementChild.setAttribute("href", `#${name}`);
}

const texts = new WeakMap();

// Have *node* say *text*; what it says already costs nothing.
export function say(node, text) {
  if (texts.get(node) === text) return;
  texts.set(node, text);
  // The text of the node that is there already costs less layout than a new one.
  if (node.firstChild?.nodeType === Node.TEXT_NODE && !node.firstChild.nextSibling) node.firstChild.data = text;
  else node.textContent = text;
}
