// Clients that were refused: the last ones, by whom, and why, in the words of `config explain`.

import { Refusal, get } from "./api.js";
import { told } from "./list.js";
import { facts } from "./sheet.js";
import { dateAndTime, host, make, path, time } from "./words.js";

const KEPT = 500, REASONS_MAX = 200, REASONS_SHOWN = 5;
const NO_REASON = "other";

export class Rejections {
  constructor() {
    this.last = [];
    this.total = 0;
    this.byReason = new Map();
  }

  take(event) {
    this.total += 1;
    if (this.last.length >= KEPT) this.last.shift();
    this.last.push(event);
    const reason = reasonOf(event), known = this.byReason.has(reason) || this.byReason.size < REASONS_MAX;
    const key = known ? reason : NO_REASON;
    this.byReason.set(key, (this.byReason.get(key) ?? 0) + 1);
  }

  // Those that refused most, with how often.
  reasons() {
    return [...this.byReason].sort(([, a], [, b]) => b - a).slice(0, REASONS_SHOWN);
  }

  latest(limit, wanted) {
    const found = [];
    for (let at = this.last.length - 1; at >= 0 && found.length < limit; at -= 1) {
      if (!wanted || wordsOf(this.last[at]).includes(wanted)) found.push(this.last[at]);
    }
    return found;
  }
}

const reasonOf = ({ module, phase }) => module || phase || NO_REASON;
const wordsOf = (event) => [reasonOf(event), event.remote, event.code, event.text, event.connection_id, sender(event), recipient(event)].join(" ").toLowerCase();

const address = (context, name) => {
  const [local, domain] = [context[`${name}_localpart`], context[`${name}_domain`]];
  return local ? (domain ? `${local}@${domain}` : local) : "";
};
const sender = ({ message_context: context }) => address(context, "mailfrom");
const recipient = ({ message_context: context }) => address(context, "rcptto");

export function fill(row, event) {
  const to = recipient(event);
  told(row, {
    icon: "rejected", kind: "rejected", first: `${event.code} ${event.text}`, aside: time(event.time),
    second: `${host(event.remote) || "a local client"} · ${reasonOf(event)}, ${event.phase}${to ? ` · to ${to}` : ""}`,
  });
}

// A word of a command line, whatever is in it.
const word = (text) => `"${text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, "?").replace(/[\\"]/g, "\\$&")}"`;

// The question of `config explain` that comes nearest to what the client did.
function question(event) {
  const { connection_context: connection, message_context: message } = event, words = [];
  words.push(event.remote.includes("/") || !event.remote ? "unix" : host(event.remote));
  if (event.local) words.push("to", word(event.local));
  if (connection.ehlo_domain) words.push("helo", word(connection.ehlo_domain));
  if (connection.auth_status === "pass" && connection.auth_user) words.push("auth", word(connection.auth_user));
  if ("mailfrom_string" in message) words.push("from", word(sender(event)));
  if (recipient(event)) words.push("rcpt", word(recipient(event)));
  return words.join(" ");
}

const REST = "\n\nOptions at their default";

function explanation({ text }) {
  const [told, rest] = text.split(REST, 2);
  const more = rest ? [make("details", {}, make("summary", {}, "Options at their default"), make("pre", {}, rest.trim()))] : [];
  return [make("pre", {}, told), ...more];
}

// What the sheet shows: what is known of it at once, and what the configuration says of such a client when it has answered.
export function why(event) {
  const answer = make("div", { class: "explained" }, make("p", { class: "quiet" }, "Asking the configuration …")), words = question(event);
  get("/api/v1/config/explain", { words }).then(
    (told) => answer.replaceChildren(...explanation(told)),
    (error) => {
      if (!(error instanceof Refusal)) throw error;
      answer.replaceChildren(make("p", {}, `No explanation: ${error.message}`));
    });
  const nodes = [
    make("p", { class: "reply" }, make("b", {}, String(event.code)), ` ${event.text}`),
    facts([
      ["Client", event.remote || "Unix socket"], ["Reached", event.local], ["When", dateAndTime(event.time)], ["At", event.phase], ["By", reasonOf(event)],
      ["From", "mailfrom_string" in event.message_context ? path(sender(event)) : ""], ["To", recipient(event)],
      ["Pathway", [event.pathway_group, event.pathway].filter(Boolean).join("/")], ["Connection", event.connection_id],
    ]),
    make("h3", {}, "How such a client fares now"),
    make("p", { class: "quiet" }, make("code", {}, `config explain ${words}`)),
    answer,
    make("details", {}, make("summary", {}, "All that was known"), facts([...Object.entries(event.connection_context), ...Object.entries(event.message_context)])),
  ];
  let isShown = false;
  return () => (isShown ? null : ((isShown = true), nodes));
}
