// The page of an operator on shift: events come over a WebSocket, states are asked for, and what is seen is drawn a few times
// a second from what is kept, however many events there were.

import { Refusal, clock, get } from "./api.js";
import { Charts } from "./charts.js";
import { Cluster, PATH as CLUSTER } from "./cluster.js";
import { Feed } from "./feed.js";
import { keys } from "./keys.js";
import { List, hold, told } from "./list.js";
import { Listens, PATH as LISTENERS } from "./listens.js";
import * as messages from "./messages.js";
import * as notices from "./notices.js";
import * as queues from "./queues.js";
import * as rejections from "./rejections.js";
import { KINDS } from "./series.js";
import { Sheet } from "./sheet.js";
import { Stories } from "./stories.js";
import { counted, make, number, say, show, span, time } from "./words.js";

const LISTS_MS = 250, CHARTS_MS = 1_000, POLL_MS = 4_000, SOON_MS = 150, SAY_MS = 3_000, SELDOM_MS = 2_000, OTHERS = 8;
const ROWS = 60, ROWS_NARROW = 12, QUEUES_ASKED = 1_000;

const $ = (id) => document.getElementById(id);
const narrow = matchMedia("(max-width: 719px)");
const rows = () => (narrow.matches ? ROWS_NARROW : ROWS);

const OF = Object.fromEntries(KINDS.map((kind, at) => [kind, at]));
const stories = new Stories(), refused = new rejections.Rejections(), said = new notices.Notices();
const sheet = new Sheet($("sheet"));
const state = { host: "", listens: [], reasons: [], summary: null, total: null, sessions: [], link: "away", asked: 0 };

const charts = new Charts($("strip"), { strip: $("strip"), moment: $("moment"), at: $("moment-at"), reach: $("span") });
const listens = new Listens($("listens"), $("ask"), () => soon());
const cluster = new Cluster($("cluster"));
const lists = {
  sessions: new List($("sessions"), { limit: rows, fill: session }),
  queues: new List($("queues"), { limit: rows, fill: queues.fill, open: (queue) => sheet.open(queue.domain, queues.inside(queue)) }),
  notices: new List($("notices"), { limit: rows, fill: notices.fill }),
  rejections: new List($("rejections"), { limit: rows, fill: rejections.fill, none: () => nothing("Nobody was refused"), open: (event) => sheet.open("Why was this client refused?", rejections.why(event)) }),
  messages: new List($("messages"), { limit: rows, fill: messages.fill, none: () => nothing("No message has come"), open: (story) => sheet.open("What became of it", messages.tale(story)) }),
};

// Draw in a frame soon, once for all that happened until then; not more often than every *ms*, and where frames take long
// (a slow machine, a wall of pixels) so seldom that others have most of the time.
function beat(ms, draw) {
  let last = -Infinity, wait = ms, armed = false;
  return () => {
    if (armed) return;
    armed = true;
    setTimeout(() => requestAnimationFrame((now) => {
      [last, armed] = [now, false];
      draw();
      requestAnimationFrame((then) => (wait = Math.min(SELDOM_MS, Math.max(ms, (then - now) * OTHERS))));
    }), Math.max(0, last + wait - performance.now()));
  };
}

const drawLists = beat(LISTS_MS, () => {
  const wanted = $("find").value.trim().toLowerCase();
  const found = wanted ? " found" : "";
  lists.messages.show(stories.latest(rows(), wanted), wanted ? `those with "${wanted}"` : number(stories.total));
  lists.rejections.show(refused.latest(rows(), wanted), `${number(refused.total)}${found && " in all"}`);
  lists.notices.show(said.latest(rows()), said.all.length ? number(said.all.length) : "");
  drawReasons();
  sheet.refresh();
});

const TAKE = {
  reception: (event) => mail("received", event),
  delivery: (event) => delivered(event),
  transfer: (event) => delivered(event),
  transient: (event) => mail("deferred", event),
  bounce: (event) => mail("failed", event),
  rejection(event) {
    charts.count(OF.rejected, event.time);
    refused.take(event);
  },
};

function mail(kind, event) {
  charts.count(OF[kind], event.time);
  stories.take(event);
}

function delivered(event) {
  mail("delivered", event);
  charts.took(event.time, event.age_seconds);
}

function took(events) {
  for (const event of events) (TAKE[event.type] ?? about)(event);
  drawLists();
}

// What is not about mail changes what was asked for, too.
function about(event) {
  said.take(event);
  soon();
}

function session(row, { service, peer, phase, seconds, tls }) {
  told(row, { icon: "open", kind: "session", first: peer || "Unix socket", aside: span(seconds), second: [service, phase, tls].filter(Boolean).join(" · ") });
}

const nothing = (words) => ($("find").value.trim() ? "Nothing is found." : `${words} yet.`);

// The checks that refused most: each finds what it refused.
function drawReasons() {
  const group = $("rejections").querySelector(".reasons"), reasons = refused.reasons();
  while (group.children.length < reasons.length) {
    const button = make("button", { type: "button", class: "reason" }, make("span"), make("b"));
    button.addEventListener("click", () => find(button.dataset.reason));
    group.append(button);
  }
  [...group.children].forEach((button, at) => {
    button.hidden = at >= reasons.length;
    if (button.hidden) return;
    const [reason, count] = reasons[at];
    button.dataset.reason = reason;
    button.setAttribute("aria-pressed", String($("find").value === reason));
    say(button.firstChild, reason);
    say(button.lastChild, number(count));
  });
}

function find(words) {
  $("find").value = $("find").value === words ? "" : words;
  drawLists();
}

// States that no event tells of: asked for one after the other, so that one connection does.
const QUESTIONS = [
  [LISTENERS, {}, ({ results }) => listens.show((state.listens = results))],
  [CLUSTER, {}, ({ results }) => cluster.show(results)],
  ["/readyz", {}, ({ reasons }) => (state.reasons = reasons)],
  ["/api/v1/summary", {}, ({ results }) => (state.summary = results)],
  ["/api/v1/sessions", {}, ({ results, next }) => drawSessions(results, next)],
  [queues.PATH, { limit: QUEUES_ASKED }, (answer) => drawQueues(answer)],
];
const refusedPaths = new Set();

async function poll() {
  for (const [path, query, use] of QUESTIONS) {
    if (refusedPaths.has(path)) continue;
    try {
      use(await get(path, query));
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      if (error.value?.reasons) use(error.value);      // 503: it is not ready, and says why
      else if (error.status === 403) forbidden(path, error);
      else if (error.status === 0) return false;
    }
  }
  return true;
}

function forbidden(path, error) {
  refusedPaths.add(path);
  said.add(clock.now(), "note", `You may not see ${path.split("/").at(-1)}`, error.message);
}

let pollTimer = 0, isPolling = false;

async function ask() {
  clearTimeout(pollTimer);
  if (isPolling) return;
  isPolling = true;
  try {
    if (!document.hidden && (await poll())) state.asked = clock.now();
  } finally {
    isPolling = false;
    pollTimer = setTimeout(ask, POLL_MS);
  }
  drawVerdict();
  drawLists();
}

function soon() {
  clearTimeout(pollTimer);
  pollTimer = setTimeout(ask, SOON_MS);
}

function drawSessions(results, next) {
  // Mail before what looks at it, such as this page.
  results.sort((a, b) => (a.service === "HTTP") - (b.service === "HTTP") || b.seconds - a.seconds);
  lists.sessions.show(results, next ? `the first ${results.length}` : number(results.length));
}

function drawQueues({ results, next, total }) {
  state.total = total;
  const found = queues.byAge(results);
  lists.queues.show(found, next ? `of the first ${QUEUES_ASKED} domains` : found.length ? counted(found.length, "domain") : "");
}

// The state of the host in a sentence.
function verdict() {
  const mailListens = state.listens.filter(({ listener }) => /^(esmtp|ecstream)_/i.test(listener));
  const open = mailListens.filter((listen) => listen.state === "open").length;
  const suspended = mailListens.filter((listen) => listen.state === "disabled").length;
  const waits = state.total ? queues.waiting(state.total) : null;
  const queue = waits === null ? "" : waits ? ` ${counted(waits, "message waits", "messages wait")}, the oldest for ${span(state.total.oldest_seconds)}.` : " Nothing waits.";
  if (state.reasons.length) return ["attention", `${state.reasons.join("; ").replace(/^./, (first) => first.toUpperCase())}.${queue}`];
  if (refusedPaths.has(LISTENERS)) return ["note", `You may not see the Listens.${queue}`];
  if (!mailListens.length) return ["note", `No Listen for mail is configured.${queue}`];
  if (!open) return ["attention", `No mail is taken: every Listen is suspended.${queue}`];
  const also = suspended ? `, ${suspended} suspended` : "";
  return [suspended ? "suspended" : "delivered", `Taking mail on ${counted(open, "Listen")}${also}.${queue}`];
}

function drawVerdict() {
  if (!state.asked) return;
  const [icon, words] = verdict(), late = clock.now() - state.asked > 3 * POLL_MS / 1000;
  $("verdict").dataset.state = late ? "wait" : icon;
  show($("verdict").firstElementChild, late ? "away" : icon);
  say($("verdict").lastElementChild, late ? `${words} So it was at ${time(state.asked)}.` : words);
  say($("uptime"), state.summary ? `up ${span(state.summary.uptime_seconds)}` : "");
  document.title = `${icon === "attention" ? "⚠ " : ""}${state.host || "momentum-trio"}`;
}

let saidAt = 0, saying = 0;

// Have a screen reader say *words*, when it has had time for what was said before; the last words win.
function announce(words) {
  clearTimeout(saying);
  saying = setTimeout(() => {
    saidAt = performance.now();
    say($("announce"), words);
  }, Math.max(0, saidAt + SAY_MS - performance.now()));
}

let wasLive = false, wasMissed = false;

function linked(name, words) {
  const link = $("link");
  link.dataset.state = name;
  show(link.firstElementChild, name === "live" ? "open" : "away");
  say(link.lastElementChild, words);
  if (name === state.link) return;
  state.link = name;
  if (name === "live") returned();
  else {
    wasMissed = false;
    said.add(clock.now(), "away", "The connection to the host is lost", words);
    announce("The connection to the host is lost.");
  }
  drawLists();
}

function returned() {
  if (wasLive) {
    // A gap comes right behind, if there is one.
    setTimeout(() => {
      if (wasMissed || state.link !== "live") return;
      said.add(clock.now(), "open", "Connected again", "no event was missed");
      announce("Connected again. No event was missed.");
      drawLists();
    }, SOON_MS * 4);
  }
  wasLive = true;
  soon();
}

function missed(reason, count) {
  wasMissed = true;
  said.missed(clock.now(), reason, count);
  announce(count === null ? "Connected again. Events are missing." : `Connected again. ${count} events are missing.`);
}

const THEMES = ["", "light", "dark"], THEME_WORDS = { "": "System", light: "Light", dark: "Dark" };

function drawTheme() {
  say($("theme").lastElementChild, THEME_WORDS[document.documentElement.dataset.theme ?? ""]);
  charts.recolour();
}

function turnTheme() {
  const root = document.documentElement, next = THEMES[(THEMES.indexOf(root.dataset.theme ?? "") + 1) % THEMES.length];
  if (next) root.dataset.theme = next;
  else delete root.dataset.theme;
  try {
    localStorage.setItem("theme", next);
  } catch { /* it holds until the page is left */ }
  drawTheme();
}

function turnHold() {
  hold.always = !hold.always;
  $("hold").setAttribute("aria-pressed", String(hold.always));
  drawLists();
}

async function begin() {
  $("theme").addEventListener("click", turnTheme);
  $("hold").addEventListener("click", turnHold);
  $("find").addEventListener("input", drawLists);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawTheme);
  keys({ theme: turnTheme, hold: turnHold, reach: () => charts.turn() });
  drawTheme();
  const feed = new Feed({ took, state: linked, missed });
  document.addEventListener("visibilitychange", () => document.hidden || (feed.hurry(), soon()));
  window.addEventListener("online", () => feed.hurry());
  setInterval(beat(CHARTS_MS / 2, () => (charts.draw(), drawVerdict())), CHARTS_MS);
  await ask();
  const named = await get("/api/v1/config/eval", { words: "Hostname" }).catch(() => null);
  if (named) say($("host"), (state.host = String(named.results.value)));
  const panics = await get("/api/v1/paniclog").catch(() => ({ results: [] }));
  for (const { at, level, text } of panics.results) said.panic(at, level, text);
  for (const warning of state.summary?.warnings ?? []) said.add(clock.now(), "attention", String(warning));
  drawVerdict();
  drawLists();
}

begin();
