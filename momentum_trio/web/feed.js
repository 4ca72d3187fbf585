// The event stream over a WebSocket (docs/events.md): it goes on from the cursor after every loss, and says what was missed.

import { get } from "./api.js";

const PATH = "/api/v1/events";
const TYPES = ["reception", "delivery", "transfer", "transient", "bounce", "rejection", "listen_open", "listen_close", "configuration", "panic"];
const BEFORE = 4_000;          // events told of what was before the page looked
const PING_MS = 15_000;        // and if the answer has not come at the next one, the connection is dead
const WAIT_MS = 1_000, WAIT_MS_MAX = 15_000;

const numberOf = (cursor) => Number(cursor.slice(cursor.indexOf("-") + 1));
const lifeOf = (cursor) => cursor.slice(0, cursor.indexOf("-"));

export class Feed {
  // took(events), state(name, words): "live", "away"; missed(reason, count or null): after a loss
  constructor({ took, state, missed }) {
    Object.assign(this, { took, state, missed });
    this.cursor = "";          // behind the last event that was taken
    this.began = null;         // the number of the last event before the page looked
    this.wait = WAIT_MS;
    this.connect();
  }

  connect() {
    clearTimeout(this.retry);
    const socket = (this.socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}${PATH}`));
    this.state("away", "connecting");
    socket.onopen = () => this.subscribe(this.cursor);
    socket.onmessage = ({ data }) => this.hear(JSON.parse(data));
    socket.onclose = ({ reason }) => this.lost(reason);
    this.owed = this.follows = false;
    this.beat = setInterval(() => this.ping(), PING_MS);
  }

  subscribe(cursor) {
    this.socket.send(JSON.stringify({ type: "subscribe", cursor, filter: { type: TYPES } }));
  }

  ping() {
    if (this.socket.readyState !== WebSocket.OPEN) return;
    if (this.owed) return this.drop();
    this.owed = true;
    this.socket.send('{"type":"ping"}');
  }

  // Nothing more is heard of this connection, whatever becomes of it.
  drop() {
    const { socket } = this;
    socket.onmessage = socket.onclose = null;
    socket.close();
    this.lost("");
  }

  hear(message) {
    this.owed = false;
    if (message.type === "events" && this.follows) this.take(message);
    else if (message.type === "subscribed") this.subscribed(message.cursor);
  }

  subscribed(cursor) {
    this.wait = WAIT_MS;
    if (this.began === null) {
      this.began = numberOf(cursor);
      this.cursor = `${lifeOf(cursor)}-${Math.max(0, this.began - BEFORE)}`;
      this.subscribe(this.cursor);
      return;
    }
    this.follows = true;
    this.state("live", "live");
  }

  take({ events, cursor }) {
    const gaps = events.filter((event) => event.type === "gap");
    for (const { reason, missing, cursor: upTo } of gaps) {
      if (reason !== "expired") this.began = -1;
      if (numberOf(upTo) > this.began) this.missed(reason, missing);
    }
    this.cursor = cursor;
    this.took(gaps.length ? events.filter((event) => event.type !== "gap") : events);
  }

  lost(reason) {
    clearInterval(this.beat);
    const when = `again in ${Math.round(this.wait / 1000)} s`;
    this.state("away", reason ? `${reason}; ${when}` : when);
    if (!this.follows) this.reason(when);
    this.retry = setTimeout(() => this.connect(), this.wait * (0.8 + 0.4 * Math.random()));
    this.wait = Math.min(2 * this.wait, WAIT_MS_MAX);
  }

  // A WebSocket that does not come about says nothing of why: whoever may follow events is told 426 here.
  async reason(when) {
    const { status } = await get(PATH).catch((refusal) => refusal);
    if (status === 403 && !this.follows) this.state("away", `you may not follow events; ${when}`);
  }

  // The network is back, or somebody looks: at once.
  hurry() {
    if (this.socket.readyState === WebSocket.CLOSED) {
      this.wait = WAIT_MS;
      this.connect();
    }
  }
}
