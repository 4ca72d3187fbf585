"""The picture of a story between two times, as SVG: a lane for each host, bars for what broke, arrows for mail.

Colours, the dark ones too, are the page's style sheet's: here are classes and places only. Every text is escaped.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape

from .show_story import Arrow, Bar, Lane, Story

WIDTH, LANE_HEIGHT, AXIS_HEIGHT, PAD = 1000, 72, 34, 14
BAR_HEIGHT, BAR_ROWS = 17, 3
CHARACTER_WIDTH = 7  # about, of a label
ARROWS_MAX = 600  # drawn in one picture; those in question always are
TICKS = 8  # about
MARKS = {
    "accepted": "✓",
    "refused": "✗",
    "deferred": "…",
    "unknown": "?",
    "delivered": "✉",
    "told": "",
}


@dataclass(frozen=True, slots=True)
class Picture:
    """svg: the drawing; left_out: how many arrows there was no room for."""

    svg: str
    left_out: int


def picture(story: Story, window: tuple[float, float], name: str) -> Picture:
    """What is to be seen of *story* in *window*. name: of the drawing, for those who cannot see it."""
    sheet = _Sheet(story, window)
    shown, left_out = sheet.arrows()
    height = AXIS_HEIGHT + LANE_HEIGHT * len(story.lanes)
    body = [*sheet.lanes(), *sheet.bars(), *sheet.ticks()]
    for arrow in shown:
        body += sheet.arrow(arrow)
    first, last = window
    svg = (
        f'<svg viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" role="img" aria-label="{escape(name)}" '
        f'data-first="{first:.9g}" data-last="{last:.9g}" data-pad="{PAD}">\n<title>{escape(name)}</title>\n'
        + "\n".join(body)
        + f'\n<line class="now" x1="{PAD}" x2="{PAD}" y1="0" y2="{height}"/>\n</svg>'
    )
    return Picture(svg, left_out)


def lane_names(lanes: tuple[Lane, ...]) -> str:
    """The names beside the lanes, which stay in sight when the picture is scrolled."""
    return "\n".join(
        [f"<li><b>{escape(_lane_title(lane))}</b><small>{escape(lane.note)}</small></li>" for lane in lanes]
    )


def lane_places(lanes: tuple[Lane, ...]) -> Iterator[tuple[Lane, int]]:
    """Each lane, and how far down its name may stand in the picture."""
    for number, lane in enumerate(lanes, 1):
        yield lane, AXIS_HEIGHT + LANE_HEIGHT * number - 5


def _lane_title(lane: Lane) -> str:
    return "mailboxes" if lane.kind == "mailboxes" else lane.name


class _Sheet:
    """Where things lie in one picture."""

    def __init__(self, story: Story, window: tuple[float, float]) -> None:
        self._story = story
        self._first, self._last = window
        self._rows = {lane.name: AXIS_HEIGHT + LANE_HEIGHT * number for number, lane in enumerate(story.lanes)}

    def x(self, seconds: float) -> float:
        """Clipped to the window."""
        share = (seconds - self._first) / max(self._last - self._first, 1e-9)
        return round(PAD + min(max(share, 0.0), 1.0) * (WIDTH - 2 * PAD), 1)

    def _touches(self, began: float, ended: float) -> bool:
        return began <= self._last and ended >= self._first

    def _middle(self, lane: str) -> float:
        return self._rows[lane] + LANE_HEIGHT - 18

    def lanes(self) -> Iterator[str]:
        """A strip and a line each."""
        for lane in self._story.lanes:
            top, middle = self._rows[lane.name], self._middle(lane.name)
            yield f'<rect class="lane {lane.kind}" x="0" y="{top + 1}" width="{WIDTH}" height="{LANE_HEIGHT - 2}"/>'
            yield f'<line class="life" x1="{PAD}" x2="{WIDTH - PAD}" y1="{middle}" y2="{middle}"/>'

    def ticks(self) -> Iterator[str]:
        """The axis: round numbers of seconds."""
        step = _round_step((self._last - self._first) / TICKS)
        digits = 0 if step >= 1 else len(f"{step:g}") - 2
        number = int(self._first // step)
        while (seconds := number * step) <= self._last:
            if seconds >= self._first:
                x = self.x(seconds)
                yield f'<line class="tick" x1="{x}" x2="{x}" y1="{AXIS_HEIGHT - 6}" y2="{AXIS_HEIGHT}"/>'
                yield f'<text class="axis" x="{x}" y="{AXIS_HEIGHT - 10}">{seconds:.{digits}f} s</text>'
            number += 1

    def bars(self) -> Iterator[str]:
        """Bars of one lane lie in rows, so that those at the same time do not hide each other."""
        rows: dict[str, list[float]] = {}
        for bar in sorted(self._story.bars, key=lambda each: each.began):
            if not self._touches(bar.began, bar.ended) or bar.lane not in self._rows:
                continue
            ends = rows.setdefault(bar.lane, [self._first] * BAR_ROWS)
            row = min(range(BAR_ROWS), key=lambda number: (ends[number] > bar.began, number))
            ends[row] = max(ends[row], bar.ended)
            yield self._between(bar, row) if bar.other in self._rows else self._bar(bar, row)

    def _bar(self, bar: Bar, row: int) -> str:
        left, right = self.x(bar.began), self.x(bar.ended)
        top = self._rows[bar.lane] + 2 + row * (BAR_HEIGHT + 1)
        width = max(right - left, 2)
        return (
            f'<g class="bar {bar.kind}"><title>{escape(_time_span(bar))} {escape(bar.text)}</title>'
            f'<rect x="{left}" y="{top}" width="{width:.1f}" height="{BAR_HEIGHT}" rx="3"/>'
            f"{_bar_label(bar, left, top, width)}</g>"
        )

    def _between(self, bar: Bar, row: int) -> str:
        left, right = self.x(bar.began), self.x(bar.ended)
        one, other = self._middle(bar.lane), self._middle(bar.other)
        top, width = min(one, other), max(right - left, 3)
        arrow = (" ↓" if one < other else " ↑") if bar.one_way else ""
        label = bar.label + arrow
        y = top + 4 + row * (BAR_HEIGHT + 1)
        return (
            f'<g class="between {bar.kind}"><title>{escape(_time_span(bar))} {escape(bar.text)}</title>'
            f'<rect x="{left}" y="{top}" width="{width:.1f}" height="{abs(other - one)}"/>'
            f'<text x="{_label_x(left, label)}" y="{y + BAR_HEIGHT - 4}">{escape(label)}</text></g>'
        )

    def arrows(self) -> tuple[list[Arrow], int]:
        """Those to draw, the ones in question last (on top); how many are left out."""
        inside = [
            arrow
            for arrow in self._story.arrows
            if self._touches(arrow.began, arrow.ended) and arrow.source in self._rows and arrow.target in self._rows
        ]
        others = [arrow for arrow in inside if not arrow.guilty]
        guilty = [arrow for arrow in inside if arrow.guilty]
        return others[:ARROWS_MAX] + guilty, max(0, len(others) - ARROWS_MAX)

    def arrow(self, arrow: Arrow) -> Iterator[str]:
        """From lane to lane, with a mark at its end that says how it ended."""
        x1, y1 = self.x(arrow.began), self._middle(arrow.source)
        x2, y2 = self.x(arrow.ended), self._middle(arrow.target)
        inner = y2 + (9 if y1 > y2 else -9)  # the mark sits at the lane, the line ends before it
        guilty = " guilty" if arrow.guilty else ""
        yield (
            f'<g class="mail {arrow.outcome}{guilty}"><title>{escape(f"{arrow.ended:.3f} s {arrow.text}")}</title>'
            f'<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{inner}"/><circle cx="{x1}" cy="{y1}" r="2.5"/>'
            f'<circle class="mark" cx="{x2}" cy="{y2}" r="8"/>'
            f'<text x="{x2}" y="{y2 + 4}">{MARKS.get(arrow.outcome, "•")}</text>'
            + (
                f'<text class="name" x="{_label_x(x1 + 6, arrow.mail)}" y="{y1 + (13 if y2 < y1 else -6)}">'
                f"{escape(arrow.mail)}</text>"
                if arrow.guilty and x1 > PAD and arrow.outcome != "delivered"
                else ""
            )
            + "</g>"
        )


def _bar_label(bar: Bar, left: float, top: float, width: float) -> str:
    """Inside the bar where it fits, else beside it."""
    fits = len(bar.label) * CHARACTER_WIDTH + 8 <= width
    x = left + 5 if fits else _label_x(left + width + 4, bar.label)
    kind = "inside" if fits else "beside"
    return f'<text class="{kind}" x="{x:.1f}" y="{top + BAR_HEIGHT - 4}">{escape(bar.label)}</text>'


def _label_x(x: float, label: str) -> float:
    """So that it does not leave the picture on the right."""
    return round(min(x, WIDTH - PAD - len(label) * CHARACTER_WIDTH), 1)


def _time_span(bar: Bar) -> str:
    return f"{bar.began:.3f} s to {bar.ended:.3f} s:" if bar.ended > bar.began else f"{bar.began:.3f} s:"


def _round_step(seconds: float) -> float:
    """1, 2 or 5 times a power of ten, not less than *seconds*."""
    power = 1e-6
    while True:
        for factor in (1, 2, 5):
            if factor * power >= seconds:
                return factor * power
        power = round(power * 10, 9)
