// What an operator should know beside mail: panics, changes of the configuration, Listens that come and go, events missed.

import { told } from "./list.js";
import { time } from "./words.js";

const KEPT = 200, SAID_MAX = 300;

const LOUD = new Set(["WARNING", "ERROR", "CRITICAL"]);
const GAPS = { expired: "the host kept no more", other_life: "the host was started anew" };

export class Notices {
  constructor() {
    this.all = [];
    this.panics = new Set();
  }

  add(at, icon, first, second = "") {
    let place = this.all.length;
    while (place > 0 && this.all[place - 1].at > at) place -= 1;
    this.all.splice(place, 0, { at, icon, first: first.slice(0, SAID_MAX), second: second.slice(0, SAID_MAX) });
    if (this.all.length > KEPT) this.all.shift();
  }

  take(event) {
    switch (event.type) {
      case "panic": return this.panic(event.time, event.level, event.text);
      case "listen_open": return this.add(event.time, "open", `${event.endpoint} is open`, event.listener);
      case "listen_close": return this.add(event.time, "suspended", `${event.endpoint} is closed`, event.listener);
      case "configuration": return this.add(event.time, "note", `Configuration ${event.generation} holds`, event.changes.join("; "));
    }
  }

  // A line of the paniclog; it may come twice, from there and as an event.
  panic(at, level, text) {
    const key = `${at} ${text}`;
    if (this.panics.has(key)) return;
    if (this.panics.size >= KEPT) this.panics.delete(this.panics.values().next().value);
    this.panics.add(key);
    this.add(at, LOUD.has(level) ? "attention" : "note", text, level.toLowerCase());
  }

  missed(at, reason, count) {
    this.add(at, "gap", count === null ? "Events are missing" : `${count} events are missing`, GAPS[reason] ?? reason);
  }

  latest(limit) {
    return this.all.slice(-limit).reverse();
  }
}

export function fill(row, { at, icon, first, second }) {
  told(row, { icon, kind: icon, first, aside: time(at), second });
}
