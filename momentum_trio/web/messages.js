// A message as a row, and its story on the sheet.

import { Refusal, clock, get } from "./api.js";
import { told } from "./list.js";
import { facts } from "./sheet.js";
import { dateAndTime, glyph, make, octets, path, span, time } from "./words.js";

const FATES = {
  reception: { kind: "received", word: "received" },
  delivery: { kind: "delivered", word: "delivered" },
  transfer: { kind: "delivered", word: "handed to another node" },
  transient: { kind: "deferred", word: "put off" },
  bounce: { kind: "failed", word: "given up" },
};

export function fill(row, { to, from, last }) {
  const { kind, word } = FATES[last.type];
  const after = last.type === "reception" ? "" : last.type === "delivery" ? ` in ${span(last.age_seconds)}` : ` after ${span(last.age_seconds)}`;
  const why = last.reason ? ` · ${last.reason}` : "";
  told(row, { icon: kind, kind, first: to, aside: time(last.time), second: `${word}${after} · from ${path(from)}${why}` });
}

// What one event says, after "10:42:07".
function sentence(event) {
  const peer = event.peer_address || "this host";
  const tries = event.retries ? `, attempt ${event.retries + 1}` : "";
  switch (event.type) {
    case "reception": return `Received from ${event.peer_address || "a local client"} over ${event.protocol.toUpperCase()}, ${octets(event.octets)}`;
    case "delivery": return `Delivered by ${peer}${tries}, ${span(event.age_seconds)} after reception`;
    case "transfer": return `Handed to node ${peer}`;
    case "transient": return `Put off by ${peer}${tries}`;
    default: return `Given up after ${span(event.age_seconds)}${tries}; ${peer} was asked last`;
  }
}

function chapter(event) {
  const { kind } = FATES[event.type];
  const words = make("p", {}, sentence(event));
  const reason = event.reason ? [make("p", { class: "said" }, event.reason)] : [];
  return make("li", { "data-kind": kind }, glyph(kind), make("time", {}, time(event.time)), make("div", {}, words, ...reason));
}

// What the sheet shows of *story*: it grows while it is looked at.
export function tale(story) {
  let seen = null, waits = null;
  if (["reception", "transient"].includes(story.last.type)) {
    get(`/api/v1/messages/${story.id.split("/").map(encodeURIComponent).join("/")}`).then(({ results }) => (waits = results, seen = null), (error) => {
      if (!(error instanceof Refusal)) throw error;
    });
  }
  return () => {
    if (seen === story.last) return null;
    seen = story.last;
    const { last } = story, first = story.chapters[0];
    const ended = !["reception", "transient"].includes(last.type);
    const next = waits && !ended ? [make("p", { class: "next" }, glyph("deferred"), ` Tried next at ${time(waits.next_attempt)}, ${whenNext(waits.next_attempt)}.`)] : [];
    const left = story.left ? [make("li", { class: "left" }, `${story.left} more`)] : [];
    const [opening, ...rest] = story.chapters.map(chapter);
    return [
      make("ol", { class: "story" }, opening, ...left, ...rest), ...next,
      facts([
        ["To", story.to], ["From", path(story.from)], ["Message", story.id], ["Transaction", last.batch_id], ["Connection", last.connection_id],
        ["Since", dateAndTime(first.time)], ["Domain", last.routing_domain], ["Binding", [last.binding_group, last.binding].filter(Boolean).join("/")],
      ]),
    ];
  };
}

function whenNext(at) {
  const left = at - clock.now();
  return left > 0 ? `in ${span(left)}` : "now";
}
