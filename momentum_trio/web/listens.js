// The Listens, each with its state and a switch that asks before it does anything.

import { Refusal, patch } from "./api.js";
import { counted, glyph, make, number, octets, say, show } from "./words.js";

export const PATH = "/api/v1/listeners";
const LISTENS_MAX = 500, PATH_SHOWN = 22;

const STATES = {
  open: { icon: "open", word: "open" },
  disabled: { icon: "suspended", word: "suspended" },
  failed: { icon: "attention", word: "not bound" },
};

const kindOf = (listener) => listener.replace(/_Listener$/i, "");
// Of a long path its end, which tells it from others.
const shortened = (endpoint) => (endpoint.startsWith("/") && endpoint.length > PATH_SHOWN ? `…${endpoint.slice(-PATH_SHOWN)}` : endpoint);
const stateOf = ({ state }) => STATES[state] ?? { icon: "note", word: state };

export class Listens {
  constructor(panel, dialog, changed) {
    Object.assign(this, { dialog, changed, rows: new Map(), listens: [] });
    this.list = panel.querySelector(".rows");
    this.nothing = panel.querySelector(".none");
    this.count = panel.querySelector(".count");
    this.ask = dialog.querySelector(".act");
    this.leave = dialog.querySelector(".leave");
    this.answer = dialog.querySelector(".answer");
    this.leave.addEventListener("click", () => dialog.close());
    this.ask.addEventListener("click", () => this.act());
  }

  show(listens) {
    this.listens = listens.slice(0, LISTENS_MAX);
    const seen = new Set();
    for (const listen of this.listens) {
      const key = `${listen.listener} ${listen.listen}`;
      seen.add(key);
      if (!this.rows.has(key)) this.rows.set(key, this.row());
      this.fill(this.rows.get(key), listen);
    }
    for (const [key, { node }] of this.rows) {
      if (seen.has(key)) continue;
      node.remove();
      this.rows.delete(key);
    }
    this.nothing.hidden = listens.length > 0;
    const open = listens.filter(({ state }) => state === "open").length;
    say(this.count, `${open} of ${listens.length} open`);
  }

  row() {
    const icon = glyph("open"), first = make("span", { class: "first" }), aside = make("span", { class: "aside" });
    const second = make("span", { class: "second" });
    const toggle = make("button", { class: "switch", type: "button", role: "switch" }, make("span", { class: "thumb" }));
    const node = make("li", {}, make("div", { class: "row" }, icon, first, aside, second, toggle));
    const row = { node, icon, first, aside, second, toggle, listen: null };
    toggle.addEventListener("click", () => this.question(row.listen));
    this.list.append(node);
    return row;
  }

  fill(row, listen) {
    const { icon, word } = stateOf(listen);
    row.listen = listen;
    show(row.icon, icon);
    row.node.firstElementChild.dataset.state = listen.state;
    say(row.first, shortened(listen.listen));
    row.first.title = listen.listen;
    say(row.second, `${kindOf(listen.listener)} · ${word} · ${counted(listen.sessions, "session")}`);
    say(row.aside, `${number(listen.sessions_total)} so far`);
    row.aside.title = `${octets(listen.octets_received)} received, ${octets(listen.octets_sent)} sent`;
    row.toggle.setAttribute("aria-checked", String(listen.state !== "disabled"));
    row.toggle.setAttribute("aria-label", `${kindOf(listen.listener)} ${listen.listen} takes sessions`);
  }

  question(listen) {
    const enabled = listen.state === "disabled", name = `${kindOf(listen.listener)} ${listen.listen}`;
    this.change = { listener: listen.listener, listen: listen.listen, enabled };
    say(this.dialog.querySelector("h2"), `${enabled ? "Enable" : "Suspend"} ${name}?`);
    const words = enabled
      ? ["It takes new sessions again, at once."]
      : ["New connections are refused from now on.", listen.sessions ? ` ${counted(listen.sessions, "open session")} can go on.` : ""];
    const near = !enabled && /^(http|control)_/i.test(listen.listener)
      ? [make("p", { class: "warning" }, glyph("attention"), " If you came over it, you cannot enable it again from here.")] : [];
    this.dialog.querySelector(".body").replaceChildren(
      make("p", {}, ...words), ...near,
      make("p", { class: "quiet" }, "In memory: after a restart the file holds again. At the console the same is"),
      make("p", {}, make("code", {}, `config set ${listen.listener.toLowerCase()} listen ${listen.listen} Enable ${enabled}`)));
    say(this.ask, enabled ? "Enable" : "Suspend");
    say(this.leave, "Leave it");
    say(this.answer, "");
    this.ask.hidden = this.ask.disabled = false;
    this.dialog.showModal();
    this.leave.focus();
  }

  // Do what was asked, and say what the host answered.
  async act() {
    this.ask.disabled = true;
    say(this.answer, "Asking the host …");
    try {
      const { results } = await patch(PATH, this.change);
      say(this.answer, `The host answered: ${results.listen} is ${stateOf(results).word}, ${counted(results.sessions, "session")} open.`);
      this.ask.hidden = true;
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      say(this.answer, error.status ? `The host refused (${error.status}): ${error.message}` : `The host gave ${error.message}: look at the state before you try again.`);
      this.ask.disabled = false;
    }
    say(this.leave, "Close");
    this.leave.focus();
    this.changed();
  }
}
