// Domains that mail waits for, the one whose mail waits longest first; and the messages that wait for one of them.

import { Refusal, clock, get } from "./api.js";
import { told } from "./list.js";
import { counted, glyph, make, number, path, span } from "./words.js";

export const PATH = "/api/v1/queues";
const WAITING_SHOWN = 50;

export const waiting = ({ active, delayed }) => active + delayed;
export const byAge = (rows) => rows.filter(waiting).sort((a, b) => b.oldest_seconds - a.oldest_seconds);

export function fill(row, queue) {
  const kind = queue.delayed ? "deferred" : "queue";
  told(row, {
    icon: "deferred", kind, first: queue.domain, aside: number(waiting(queue)),
    second: `oldest ${span(queue.oldest_seconds)} · ${number(queue.active)} active, ${number(queue.delayed)} delayed · ${counted(queue.connections, "connection")}`,
  });
}

function message(row) {
  const age = row.created ? `waits ${span(Math.max(0, clock.now() - row.created))}` : "";
  return make("li", {}, glyph("deferred"), make("div", {}, make("p", {}, row.forward_path ?? ""), make("p", { class: "quiet" }, [`from ${path(row.reverse_path)}`, age, row.message_id].filter(Boolean).join(" · "))));
}

// What the sheet shows of one: the messages that come first, asked for once.
export function inside(queue) {
  const answer = make("div", {}, make("p", { class: "quiet" }, "Asking the host …"));
  get(`${PATH}/${encodeURIComponent(queue.domain)}`, { limit: WAITING_SHOWN }).then(
    ({ results, next }) => {
      const more = next ? [make("p", { class: "quiet" }, `The first ${WAITING_SHOWN}; the console's showqueue has them all.`)] : [];
      const none = results.length ? [] : [make("p", {}, "Nothing waits for it any more.")];
      answer.replaceChildren(...none, make("ul", { class: "waiting" }, ...results.map(message)), ...more);
    },
    (error) => {
      if (!(error instanceof Refusal)) throw error;
      answer.replaceChildren(make("p", {}, `Not told: ${error.message}`));
    });
  let isShown = false;
  return () => (isShown ? null : ((isShown = true), [
    make("p", { class: "reply" }, `${counted(waiting(queue), "message")}, the oldest for ${span(queue.oldest_seconds)}.`), answer,
  ]));
}
