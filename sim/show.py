"""A run as one HTML page, for somebody who did not see it.

The story of the mail that shows the violation in words, then as a picture with a lane for each host, then a scrubber
that says what state each host was in at any time. The page needs nothing from anywhere: its Content-Security-Policy
permits its own style and script, by their hashes, and nothing else. Everything that came from mail, configuration or
the network is escaped.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from html import escape
from pathlib import Path

from .evidence import Result, Verdict, Violation
from .show_picture import lane_names, lane_places, picture
from .show_story import Moment, Story, story
from .show_words import meaning
from .shrinking.search import ESCAPE, size

HERE = Path(__file__).parent
STORY_MAX = 60  # sentences at the top; the whole run has all
MOMENTS_MAX = 5_000  # of the whole run
CHANGES_MAX = 50_000
VIOLATIONS_MAX = 5  # of one invariant

KEY = (
    "Time runs from left to right; each host has a lane, servers a grey one. An arrow is one attempt to send a mail, "
    "from when it began to when it ended: <b>✓</b> answered 250, <b>✗</b> refused, <b>…</b> try again later, "
    "<b>?</b> nobody answered, <b>✉</b> delivered. Bars are what was broken; a dashed field between two lanes is "
    "trouble on the way between them. The mail in question is red. This is the part of the run in which most happened "
    "to it; the whole run stands further below. Hover over anything for more."
)


def page(result: Result, facts: Mapping[str, str] | None = None) -> str:
    """The page of a run that kept its trace and evidence. facts: more to say at its end, by name."""
    told = story(result)
    css, js = (_inline(HERE / f"show_page.{suffix}") for suffix in ("css", "js"))
    parts = {
        "title": escape(_title(result)),
        "style": css,
        "style_hash": _hash(css),
        "script": js,
        "script_hash": _hash(js),
        "verdict": _verdict(result),
        "heading": escape(f"What happened to {told.guilty[0]}" if told.guilty else "What happened"),
        "story": _sentences(_top(told), told.guilty),
        "ends": "\n".join([f'<p class="end">{escape(text)}</p>' for text in told.ends]),
        "key": KEY,
        "picture": _framed(told, told.window, "The interesting part of the run"),
        "hosts": _hosts(told),
        "whole": _framed(told, told.whole, "The whole run"),
        "moment_count": str(min(len(told.moments), MOMENTS_MAX)),
        "moments": _sentences(told.moments[:MOMENTS_MAX], told.guilty),
        "facts": _facts(result, facts or {}),
        "data": _data(told),
    }
    template = (HERE / "show_page.html").read_text(encoding="utf-8")
    return re.sub(r"@(\w+)@", lambda found: parts[found[1]], template)


def drawing(result: Result) -> str:
    """The picture of a run that kept its trace and evidence, as an SVG file of its own."""
    told = story(result)
    svg = picture(told, told.window, _title(result)).svg
    places = lane_places(told.lanes)
    names = "".join([f'<text x="14" y="{y}" class="lane-name">{escape(lane.name)}</text>' for lane, y in places])
    style = (HERE / "show_page.css").read_text(encoding="utf-8")
    head, _, body = svg.partition(">\n")
    fonts = "svg { font: 13px system-ui, sans-serif; background: var(--sheet); } svg .lane-name { font-weight: 600; }"
    return f'{head} xmlns="http://www.w3.org/2000/svg">\n<style>{style}{fonts}</style>\n{body[:-6]}{names}</svg>\n'


def _inline(path: Path) -> str:
    return "\n" + path.read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _title(result: Result) -> str:
    name = Path(result.scenario.source).name or "Scenario"
    if result.verdict is Verdict.HELD:
        return f"{name}, seed {result.seed}: everything held"
    broken = list(dict.fromkeys(violation.invariant for violation in result.violations)) or [ESCAPE]
    return f"{name}, seed {result.seed}: {', '.join(broken)}"


def _verdict(result: Result) -> str:
    if result.verdict is Verdict.HELD:
        return '<p class="held">Every invariant held in this run.</p>'
    violations = result.violations or (Violation(ESCAPE, "the simulated program reached for the real world"),)
    names = dict.fromkeys(violation.invariant for violation in violations)
    return "\n".join([_broken(name, [each for each in violations if each.invariant == name]) for name in names])


def _broken(invariant: str, violations: list[Violation]) -> str:
    said = [f'<div class="violation"><p><b>Must hold:</b> {escape(meaning(invariant))}</p>']
    for violation in violations[:VIOLATIONS_MAX]:
        since = f" (from {violation.seconds:.3f} s on)" if violation.seconds else ""
        said.append(f"<p><b>Broken:</b> {escape(violation.text)}{since}</p>")
    if len(violations) > VIOLATIONS_MAX:
        said.append(f"<p>... and {len(violations) - VIOLATIONS_MAX} times more.</p>")
    return "\n".join([*said, "</div>"])


def _top(told: Story) -> list[Moment]:
    """What concerns the first mail in question, and what broke around it; without such a mail, what broke."""
    first, last = told.window
    chosen = [
        moment
        for moment in told.moments
        if moment.mail in told.guilty[:1]
        or moment.kind == "last"
        or (not moment.mail and first <= moment.seconds <= last)
    ]
    return chosen[:STORY_MAX]


def _sentences(moments: Iterable[Moment], guilty: tuple[str, ...]) -> str:
    return "\n".join(
        [
            f"<li{' class=guilty' if moment.mail and moment.mail in guilty else ''}>"
            f"<time>{moment.seconds:.3f} s</time>"
            f"<span{f' class={moment.kind}' if moment.kind else ''}>{escape(moment.text)}</span></li>"
            for moment in moments
        ]
    )


def _framed(told: Story, window: tuple[float, float], name: str) -> str:
    drawn = picture(told, window, name)
    note = f'<p class="hint">{drawn.left_out} more messages are not drawn.</p>' if drawn.left_out else ""
    return (
        f'<div class="picture" tabindex="0" role="region" aria-label="{escape(name)}">'
        f'<ul class="names">{lane_names(told.lanes)}</ul>{drawn.svg}</div>{note}'
    )


def _hosts(told: Story) -> str:
    return "\n".join(
        [
            f'<tr data-host="{escape(lane.host)}" data-kind="{lane.kind}"><th scope="row">{escape(lane.host)}</th>'
            + "<td></td>" * 5
            + "</tr>"
            for lane in told.lanes
            if lane.kind != "mailboxes"
        ]
    )


def _facts(result: Result, facts: Mapping[str, str]) -> str:
    own = {
        "Scenario": f"{result.scenario.source or '(none)'}: {size(result.scenario)}",
        "Virtual time": f"{result.seconds:.3f} s, {result.events} events",
        "Digest": result.digest,
    }
    return "\n".join(
        [f"<dt>{escape(name)}</dt><dd><code>{escape(text)}</code></dd>" for name, text in {**own, **facts}.items()]
    )


def _data(told: Story) -> str:
    """For the scrubber. No ``<`` is in it, so that nothing in it ends the element it stands in."""
    first, last = told.window
    value = {
        "hosts": [lane.host for lane in told.lanes if lane.kind != "mailboxes"],
        "window": [first, last],
        "at": max(min([each.seconds for each in told.result.violations if each.seconds > 0], default=first), first),
        "changes": [[each.seconds, each.host, each.key, each.value] for each in told.changes[:CHANGES_MAX]],
        "moments": [
            [each.seconds, each.text, each.kind, bool(each.mail) and each.mail in told.guilty]
            for each in told.moments[:MOMENTS_MAX]
        ],
    }
    return json.dumps(value, ensure_ascii=True, separators=(",", ":")).replace("<", "\\u003c").replace(">", "\\u003e")
