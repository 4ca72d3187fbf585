// A list of bounded length whose rows are made once and filled again: what changes is text, never the layout.

import { glyph, make, say, show } from "./words.js";

// Lists stand still while somebody points at them or is in them, so that what he is about to open does not move away.
export const hold = { always: false };

export class List {
  // panel: a section with ul.rows and p.none. limit(): rows shown at most. fill(row, item): say what *item* is.
  // open(item): on a click; without it rows are no buttons.
  constructor(panel, { limit, fill, open = null, none = null }) {
    Object.assign(this, { panel, limit, fill, open, none, rows: [], shown: 0, isPointed: false, isEntered: false });
    this.list = panel.querySelector(".rows");
    this.nothing = panel.querySelector(".none");
    this.count = panel.querySelector(".count");
    if (!open) return;
    this.list.addEventListener("pointerenter", (event) => (this.isPointed = event.pointerType === "mouse"));
    this.list.addEventListener("pointerleave", () => (this.isPointed = false));
    this.list.addEventListener("focusin", (event) => this.entered(event.target));
    this.list.addEventListener("focusout", () => (this.isEntered = false));
    this.list.addEventListener("keydown", (event) => this.move(event));
    this.list.addEventListener("click", (event) => this.chosen(event));
  }

  get isHeld() {
    return this.shown > 0 && (hold.always || this.isPointed || this.isEntered);
  }

  // Show *items*, the first ones; *text* tells how many there are.
  show(items, text) {
    say(this.count, this.isHeld ? `${text} · held` : text);
    if (this.isHeld) return;
    const shown = Math.min(items.length, this.limit());
    while (this.rows.length < shown) this.rows.push(this.row());
    for (let at = 0; at < shown; at += 1) {
      this.rows[at].item = items[at];
      this.fill(this.rows[at], items[at]);
    }
    for (let at = 0; at < this.rows.length; at += 1) this.rows[at].node.hidden = at >= shown;
    this.nothing.hidden = shown > 0;
    this.shown = shown;
    if (this.none) say(this.nothing, this.none());
  }

  row() {
    const icon = glyph("note"), first = make("span", { class: "first" }), aside = make("span", { class: "aside" });
    const second = make("span", { class: "second" });
    const body = this.open
      ? make("button", { class: "row", type: "button", tabindex: this.rows.length ? "-1" : "0" })
      : make("div", { class: "row" });
    body.append(icon, first, aside, second);
    const node = make("li", {}, body);
    this.list.append(node);
    return { node, body, icon, first, aside, second, item: null };
  }

  chosen(event) {
    const row = this.rows.find(({ body }) => body.contains(event.target));
    if (!row) return;
    if (event.detail) row.body.blur();           // a pointer's: the list goes on when the pointer is gone
    this.open(row.item);
  }

  // One row is in the order of the Tab key: the one that was in focus last.
  entered(body) {
    this.isEntered = true;
    for (const row of this.rows) row.body.tabIndex = row.body === body ? 0 : -1;
  }

  move(event) {
    const at = this.rows.findIndex(({ body }) => body === document.activeElement), last = this.shown - 1;
    const to = { ArrowDown: Math.min(at + 1, last), ArrowUp: Math.max(at - 1, 0), Home: 0, End: last }[event.key];
    if (at < 0 || to === undefined) return;
    event.preventDefault();
    this.rows[to].body.focus();
  }
}

// What a row says: a glyph, its word for everybody, and the rest.
export function told(row, { icon, kind, first, aside, second }) {
  show(row.icon, icon);
  if (row.kind !== kind) row.body.dataset.kind = row.kind = kind;
  say(row.first, first);
  say(row.aside, aside);
  say(row.second, second);
}
