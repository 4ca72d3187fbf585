// The sheet at the side: one thing told at length. Whoever opened something else meanwhile does not see late answers.

import { make, say } from "./words.js";

export class Sheet {
  constructor(dialog) {
    this.dialog = dialog;
    this.title = dialog.querySelector("h2");
    this.body = dialog.querySelector(".body");
    this.renew = null;
    dialog.querySelector(".close").addEventListener("click", () => dialog.close());
    dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
    dialog.addEventListener("close", () => (this.renew = null));
  }

  // renew(): the nodes, asked for again whenever *refresh* is called; null: nothing has changed.
  open(title, renew) {
    say(this.title, title);
    this.renew = renew;
    this.body.replaceChildren();
    this.refresh();
    if (!this.dialog.open) this.dialog.showModal();
    this.body.scrollTop = 0;
  }

  refresh() {
    const nodes = this.renew?.();
    if (nodes) this.body.replaceChildren(...nodes);
  }
}

// Pairs of a name and what there is to say of it; those that are empty are left out.
export function facts(pairs) {
  const said = pairs.filter(([, value]) => value !== "" && value !== undefined && value !== null);
  return make("dl", { class: "facts" }, ...said.flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, String(value))]));
}
