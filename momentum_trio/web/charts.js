// Small charts of one span of time: five rates in columns, and latency as the range from its median to its 95th percentile.

import { clock } from "./api.js";
import { BUCKETS, KINDS, Series } from "./series.js";
import { glyph, make, number, rate, say, span, time } from "./words.js";

const COLUMN = 4, GAP = 1;                       // of a chart, CSS pixels
const NOW_SECONDS = 5;                           // that the large figures are the mean of
const MARKS = [0.001, 0.01, 0.1, 1, 10, 60, 600, 3600, 36000];
const NAMES = { received: "Received", delivered: "Delivered", deferred: "Deferred", rejected: "Rejected", failed: "Failed" };

// The next of 1, 2, 5, 10, 20 ... that is not below *value*.
function ceiling(value) {
  const decade = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((step) => step * decade).find((step) => step >= value * 0.999);
}

export class Charts {
  constructor(strip, controls) {
    this.fine = new Series(1);
    this.coarse = new Series(12);
    this.series = this.fine;
    this.moment = null;                          // buckets back that somebody looks at
    this.awaited = null;
    this.isMoved = true;
    this.charts = [...KINDS.map((kind) => this.chart(strip, kind, NAMES[kind], "/s")), this.chart(strip, "latency", "Latency", "")];
    this.controls(controls);
    new ResizeObserver(() => this.measure()).observe(strip);
    this.recolour();
  }

  chart(strip, kind, name, unit) {
    const value = make("span", { class: "value" }), aside = make("span", { class: "aside" }), top = make("span", { class: "scale" });
    const canvas = make("canvas", { role: "img", "aria-label": name });
    const caption = make("figcaption", {}, glyph(kind), make("span", { class: "name" }, name), aside);
    const figure = make("figure", { "data-kind": kind }, caption,
      make("p", { class: "figure" }, value, make("span", { class: "unit" }, unit)), make("div", { class: "plot" }, canvas, top));
    strip.append(figure);
    return { kind, name, figure, canvas, value, aside, top, pen: canvas.getContext("2d") };
  }

  controls({ strip, moment, at, reach }) {
    Object.assign(this, { range: moment, at, reach });
    moment.max = moment.value = BUCKETS - 1;
    moment.addEventListener("input", () => this.look(BUCKETS - 1 - moment.value));
    strip.addEventListener("pointermove", (event) => {
      const plot = event.target.closest?.(".plot");
      if (!plot) return;
      const box = plot.getBoundingClientRect();
      this.look(Math.round((1 - (event.clientX - box.left) / box.width) * (BUCKETS - 1)));
    });
    strip.addEventListener("pointerleave", () => this.look(BUCKETS - 1 - moment.value));
    reach.addEventListener("click", () => this.turn());
  }

  // The other span of time.
  turn() {
    this.series = this.series === this.fine ? this.coarse : this.fine;
    say(this.reach, this.series === this.fine ? "5 minutes" : "1 hour");
    this.draw();
  }

  look(back) {
    this.moment = back > 0 ? Math.min(back, BUCKETS - 1) : null;
    this.isMoved = true;
    this.redraw();
  }

  // Once in the next frame, however often the pointer moves.
  redraw() {
    this.awaited ??= requestAnimationFrame(() => {
      this.awaited = null;
      this.draw();
    });
  }

  count(kind, at) {
    this.fine.count(kind, at);
    this.coarse.count(kind, at);
  }

  took(at, seconds) {
    this.fine.took(at, seconds);
    this.coarse.took(at, seconds);
  }

  recolour() {
    const mark = getComputedStyle(document.body).color;
    for (const chart of this.charts) {
      const { color: ink, borderTopColor: line } = getComputedStyle(chart.canvas);
      Object.assign(chart, { ink, line, mark });
    }
    this.draw();
  }

  measure() {
    const ratio = window.devicePixelRatio || 1;
    for (const chart of this.charts) {
      const { clientWidth, clientHeight } = chart.canvas;
      Object.assign(chart, { width: clientWidth, height: clientHeight });
      chart.canvas.width = Math.round(clientWidth * ratio);
      chart.canvas.height = Math.round(clientHeight * ratio);
      chart.pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    }
    this.draw();
  }

  // The buckets of one column each, in steps that stay the same while time goes on: nothing shimmers.
  columns(width, last) {
    const step = Math.max(1, Math.ceil(BUCKETS / Math.floor(width / COLUMN)));
    const end = Math.floor(last / step), count = Math.floor(BUCKETS / step), columns = [];
    for (let at = 0; at < count; at += 1) {
      const from = (end - count + 1 + at) * step;
      columns.push([from, Math.min(from + step - 1, last)]);
    }
    return columns;
  }

  draw() {
    if (!this.range) return;
    const now = clock.now(), { series } = this, last = series.bucket(now) - 1;
    const looked = this.moment === null ? null : last - this.moment;
    for (const chart of this.charts) {
      if (!chart.width) continue;
      const columns = this.columns(chart.width, last), column = chart.width / columns.length;
      chart.pen.clearRect(0, 0, chart.width, chart.height);
      const values = chart.kind === "latency" ? this.ranges(chart, columns, column) : this.rates(chart, columns, column);
      const at = looked === null ? -1 : columns.findIndex(([from, to]) => from <= looked && looked <= to);
      if (at >= 0) this.cross(chart, (at + 0.5) * column);
      this.figures(chart, now, last, at < 0 ? null : columns[at], values);
    }
    this.say(now, last, looked);
  }

  rates({ kind, pen, width, height, ink, line, top }, columns, column) {
    const of = KINDS.indexOf(kind), values = columns.map(([from, to]) => this.series.rate(of, from, to));
    const most = ceiling(Math.max(1, ...values));
    this.rule(pen, line, width, 0.5);
    this.rule(pen, line, width, height - 0.5);
    pen.fillStyle = ink;
    values.forEach((value, at) => {
      if (value) {
        const tall = Math.max(1.5, (value / most) * (height - 2));
        pen.fillRect(at * column, height - tall, column - GAP, tall);
      }
    });
    say(top, `${rate(most)}/s`);
    return values;
  }

  ranges({ pen, width, height, ink, line, top }, columns, column) {
    const values = columns.map(([from, to]) => this.series.quantiles(from, to, [0.5, 0.95]));
    const found = values.filter(Boolean).flat();
    const low = MARKS.findLast((mark) => mark <= Math.min(0.01, ...found)) ?? MARKS[0];
    const high = MARKS.find((mark) => mark >= Math.max(1, ...found)) ?? MARKS.at(-1);
    const y = (seconds) => (height - 1) * (1 - Math.log(seconds / low) / Math.log(high / low));
    for (const mark of new Set([low, 1, high])) this.rule(pen, line, width, Math.round(y(mark)) + 0.5);
    pen.fillStyle = ink;
    values.forEach((value, at) => {
      if (!value) return;
      const [median, most] = value.map(y);
      pen.globalAlpha = 0.4;
      pen.fillRect(at * column, most, column - GAP, Math.max(0, median - most));
      pen.globalAlpha = 1;
      pen.fillRect(at * column, median - 1.5, column - GAP, 3);
    });
    say(top, `${span(low)} to ${span(high)}`);
    return values;
  }

  rule(pen, colour, width, y) {
    pen.strokeStyle = colour;
    pen.lineWidth = 1;
    pen.beginPath();
    pen.moveTo(0, y);
    pen.lineTo(width, y);
    pen.stroke();
  }

  cross({ pen, height, mark }, x) {
    pen.fillStyle = mark;
    pen.fillRect(Math.round(x) - 0.5, 0, 1, height);
  }

  // The large figures: of the column that is looked at, else of the last seconds.
  figures(chart, now, last, column, values) {
    if (chart.kind === "latency") return this.latency(chart, last, column);
    const of = KINDS.indexOf(chart.kind), second = this.fine.bucket(now) - 1;
    const value = column ? this.series.rate(of, ...column) : this.fine.rate(of, second - NOW_SECONDS + 1, second);
    say(chart.value, rate(value));
    say(chart.aside, `${number(this.series.sum(of, last - BUCKETS + 1, last))} in ${span(BUCKETS * this.series.seconds)}`);
    chart.said = `${chart.name}: ${rate(value)} a second, ${rate(Math.max(...values))} at most`;
  }

  latency(chart, last, column) {
    const found = this.series.quantiles(...(column ?? [last - BUCKETS + 1, last]), [0.5, 0.95]);
    say(chart.value, found ? span(found[0]) : "–");
    say(chart.aside, found ? `95 %: ${span(found[1])}` : "");
    chart.said = found ? `Latency: median ${span(found[0])}, 95 % within ${span(found[1])}` : "Latency: nothing was delivered";
  }

  say(now, last, looked) {
    say(this.at, looked === null ? "now" : time((looked + 0.5) * this.series.seconds));
    if (this.isMoved) {
      // Not while time goes on by itself: a screen reader would say each.
      this.isMoved = false;
      const told = this.charts.map(({ said }) => said).join(". ");
      this.range.setAttribute("aria-valuetext", looked === null ? "now" : `${time(looked * this.series.seconds)}. ${told}`);
    }
    for (const { canvas, said } of this.charts) if (said) canvas.setAttribute("aria-label", said);
  }
}
