"""ec_log_trace: read the logs, find what is asked for, tell the story of each message (manual: ec_log_trace).

Reads mainlogs, bouncelogs and rejectlogs, plain or compressed (bzip2, gzip, xz), rotated ones too. Prints the lines
found; with -v the stories of the messages; with --count how many; with --json or --xml values. Exit status: 0; 1 when a
file could not be read; 2 for wrong arguments.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO
from xml.sax.saxutils import quoteattr

from momentum_trio.cli import log_filter
from momentum_trio.cli.log_filter import Condition, Filter, equal, letter, matching
from momentum_trio.cli.log_sources import Source, SourceFault, default_sources, lines, source
from momentum_trio.cli.log_story import Story, heading, sentence, stories
from momentum_trio.cli.output import for_readers
from momentum_trio.log.escaping import rest
from momentum_trio.log.parse import READERS, Entry
from momentum_trio.log.parse_mainlog import Heartbeat
from momentum_trio.log.parse_rejectlog import Rejection
from momentum_trio.log.reading import Unreadable

DATE_FORMS = ("%b %d %H:%M:%S %Y", "%m %d %H:%M:%S %Y")
TYPES = {"in": "R", "out": "DX", "tran": "T", "perm": "P"}
COUNTED = {"R": "receptions", "D": "deliveries", "X": "transfers", "T": "transient failures", "P": "permanent failures",
           "B": "bounces", "reject": "rejections"}  # fmt: skip
READS: dict[str, Callable[[Entry], str | None]] = {
    "id": log_filter.message_id,
    "batch": log_filter.batch_id,
    "connection": log_filter.connection_id,
    "from": log_filter.sender,
    "from-domain": log_filter.sender_domain,
    "to": log_filter.recipient,
    "to-domain": log_filter.recipient_domain,
    "src-ip": log_filter.source_address,
    "dst-ip": log_filter.destination_address,
    "binding": log_filter.binding,
    "binding-group": log_filter.binding_group,
}
PROBLEMS_SHOWN_MAX = 3


@dataclass(slots=True)
class Trouble:
    """Lines that could not be read: how many, and the first of them."""

    count: int = 0
    first: list[str] = field(default_factory=list)

    def note(self, problem: Unreadable) -> None:
        """Count a line that could not be read; the first PROBLEMS_SHOWN_MAX are shown."""
        self.count += 1
        if len(self.first) < PROBLEMS_SHOWN_MAX:
            self.first.append(f"{problem.reason}: {rest(problem.line)}")


def main(arguments: Sequence[str] | None = None) -> int:
    """The program. Returns its exit status."""
    parser = _parser()
    chosen = parser.parse_args(arguments)
    try:
        wanted = _filter(chosen)
    except ValueError as fault:
        parser.error(str(fault))
    trouble = Trouble()
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    try:
        status = for_readers(lambda: _trace(chosen, wanted, trouble))
    except (SourceFault, OSError) as fault:
        print(f"ec_log_trace: {fault}", file=sys.stderr)
        status = 1
    if trouble.count:
        print(f"ec_log_trace: {trouble.count} lines could not be read:", *trouble.first, sep="\n  ", file=sys.stderr)
    return status


def _trace(chosen: argparse.Namespace, wanted: Filter, trouble: Trouble) -> int:
    if chosen.output is None:
        _write(chosen, wanted, trouble, sys.stdout)
    else:
        with chosen.output.open("a" if chosen.append else "w", errors="backslashreplace") as out:
            _write(chosen, wanted, trouble, out)
    return 0


def _write(chosen: argparse.Namespace, wanted: Filter, trouble: Trouble, out: IO[str]) -> None:
    found = read(_sources(chosen), trouble, _needles(chosen))
    if chosen.count:
        _write_counts(found, wanted, out)
    elif chosen.xml:
        out.write("<log>\n")
        for entry in _entries(chosen, found, wanted):
            out.write(f"{_xml(entry, dated=chosen.date)}\n")
        out.write("</log>\n")
    elif chosen.json:
        for entry in _entries(chosen, found, wanted):
            out.write(f"{json.dumps(_values(entry))}\n")
    elif chosen.verbose:
        for item in _told(found, wanted):
            out.write(_story(item, dated=chosen.date))
    else:
        for line, entry in found:
            if wanted.matches(entry) and not isinstance(entry, Heartbeat):
                out.write(f"{_line(line, entry, dated=chosen.date)}\n")


def read(sources: Iterable[Source], trouble: Trouble, needles: Sequence[bytes] = ()) -> Iterator[tuple[str, Entry]]:
    """The lines of *sources* that can be read, with what they say; the others are noted in *trouble*.

    needles: only lines with one of them are looked at, if there are any.
    """
    for log, octets in lines(sources):
        if needles and not any(needle in octets for needle in needles):
            continue
        line = octets.decode("utf-8", "surrogateescape")
        entry = READERS[log](line)
        if isinstance(entry, Unreadable):
            trouble.note(entry)
        else:
            yield line, entry


def _needles(chosen: argparse.Namespace) -> list[bytes]:
    """Ids stand in every line of a message, in upper case."""
    given = () if chosen.regex else chosen.id
    return [text.encode() for text in given] if all(text.isascii() and text == text.upper() for text in given) else []


def _sources(chosen: argparse.Namespace) -> list[Source]:
    sources = [source(name) for name in chosen.logfiles] or default_sources()
    return [each for each in sources if each.log == "mainlog"] if chosen.main else sources


def _told(found: Iterable[tuple[str, Entry]], wanted: Filter) -> Iterator[Story | Rejection]:
    """Stories and rejections that were asked for."""
    rejections: list[Rejection] = []

    def of_messages() -> Iterator[Entry]:
        for _, entry in found:
            if isinstance(entry, Rejection):
                if wanted.matches(entry):
                    rejections.append(entry)
            else:
                yield entry

    for story in stories(of_messages()):
        yield from rejections
        rejections.clear()
        if any(map(wanted.of_type, story)) and wanted.story_matches(story):
            yield story
    yield from rejections


def _entries(chosen: argparse.Namespace, found: Iterable[tuple[str, Entry]], wanted: Filter) -> Iterator[Entry]:
    """Entries that were asked for; with -v all of a story, one after the other."""
    if not chosen.verbose:
        for _, entry in found:
            if wanted.matches(entry) and not isinstance(entry, Heartbeat):
                yield entry
        return
    for item in _told(found, wanted):
        if isinstance(item, Rejection):
            yield item
        else:
            yield from item


def _write_counts(found: Iterable[tuple[str, Entry]], wanted: Filter, out: IO[str]) -> None:
    """Counts of the records of all messages asked for."""
    counts: Counter[str] = Counter()
    if wanted.conditions:
        for item in _told(found, wanted):
            counts.update(letter(entry) for entry in ((item,) if isinstance(item, Rejection) else item))
    else:
        counts.update(letter(entry) for _, entry in found if wanted.of_type(entry))
    for kind, name in COUNTED.items():
        out.write(f"{name}: {counts[kind]}\n")


def _line(line: str, entry: Entry, *, dated: bool) -> str:
    if dated:
        digits = len(str(entry.at))
        line = _date(entry.at) + line[digits:] if line.startswith(str(entry.at)) else line
    return line if line.isprintable() else "".join(c if c.isprintable() else rest(c) for c in line)


def _story(item: Story | Rejection, *, dated: bool) -> str:
    def when(at: int) -> str:
        return _date(at) if dated else str(at)

    if isinstance(item, Rejection):
        context = ", ".join(f"{key}={value}" for key, value in (*item.connection_context, *item.message_context))
        said = f"{item.code} {item.text} by {item.module or 'nobody'} in phase {item.phase!r}"
        return f"{rest(f'{when(item.at)}  rejected {item.remote} at {item.local}: {said}')}\n    {rest(context)}\n"
    told = "".join(f"    {when(entry.at)}  {rest(sentence(entry))}\n" for entry in item)
    return f"{rest(heading(item))}\n{told}"


def _date(at: int) -> str:
    try:
        return time.ctime(at)
    except (OverflowError, ValueError, OSError):
        return str(at)


def _values(entry: Entry) -> dict[str, object]:
    return {"type": letter(entry), **entry._asdict()}


def _xml(entry: Entry, *, dated: bool) -> str:
    values = _values(entry)
    if dated:
        values["at"] = _date(entry.at)
    return f"<record {' '.join(f'{name}={quoteattr(rest(str(value)))}' for name, value in values.items())}/>"


def _filter(chosen: argparse.Namespace) -> Filter:
    """What the arguments ask for. Raises ValueError."""
    conditions = []
    for name, get in READS.items():
        key = name.replace("-", "_")
        plain = matching if chosen.regex else equal
        conditions += [Condition(name, get, plain(text)) for text in getattr(chosen, key)]
        conditions += [Condition(name, get, matching(text)) for text in getattr(chosen, f"{key}_regex")]
    conditions += _contexts(chosen)
    letters = "".join(types for option, types in TYPES.items() if getattr(chosen, option))
    since = _moment(chosen.start) if chosen.start else float("-inf")
    until = _moment(chosen.end) if chosen.end else float("inf")
    return Filter(conditions, frozenset(letters), since, until)


def _contexts(chosen: argparse.Namespace) -> Iterator[Condition]:
    """Conditions on the contexts of rejections, each of which must hold."""
    for place in ("conn", "mess"):
        for suffix, test in (("", equal), ("_regex", matching)):
            for text in getattr(chosen, f"vctx_{place}{suffix}"):
                key, equals, value = text.partition("=")
                yield Condition(
                    f"vctx-{place}{suffix} {text}", _context(place, key), test(value) if equals else lambda found: True
                )


def _context(place: str, key: str) -> Callable[[Entry], str | None]:
    def look(entry: Entry) -> str | None:
        if not isinstance(entry, Rejection):
            return None
        return dict(entry.connection_context if place == "conn" else entry.message_context).get(key)

    return look


def _moment(text: str) -> float:
    """Unix seconds of *text*: digits, or one of the manual's two forms in local time. Raises ValueError."""
    if text.isascii() and text.isdigit():
        return float(text[:18])
    for form in DATE_FORMS:
        try:
            return time.mktime(time.strptime(text, form))
        except (ValueError, OverflowError):
            continue
    raise ValueError(f"{text!r} is no date: expected Unix seconds or 'Sep 12 18:12:21 2006'")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("ec_log_trace", description=(__doc__ or "").splitlines()[0], allow_abbrev=False)
    add = parser.add_argument
    for name in READS:
        for suffix in ("", "-regex"):
            what = "matches" if suffix else "is"
            add(f"--{name}{suffix}", action="append", default=[], metavar="TEXT", help=f"whose {name} {what} TEXT")
    for place in ("conn", "mess"):
        for suffix in ("", "-regex"):
            add(f"--vctx-{place}{suffix}", action="append", default=[], metavar="KEY[=VALUE]",
                help=f"rejections with KEY in their {place} context")  # fmt: skip
    add("--in", "--reception", action="store_true", dest="in", help="receptions")
    add("--out", "--delivery", action="store_true", dest="out", help="deliveries")
    add("--tran", "--transient", action="store_true", dest="tran", help="transient failures")
    add("--perm", "--permanent", action="store_true", dest="perm", help="permanent failures")
    add("--start", metavar="DATE", help="from then on")
    add("--end", metavar="DATE", help="up to then")
    add("--main", action="store_true", help="mainlogs only")
    add("--regex", action="store_true", help="take all texts as regular expressions")
    add("--count", action="store_true", help="show how many")
    add("--date", action="store_true", help="show dates instead of Unix seconds")
    add("-v", "--verbose", action="store_true", help="the stories of the messages found; details of rejections")
    add("--xml", action="store_true", help="as XML")
    add("--json", action="store_true", help="as JSON, one object a line (ours)")
    add("--output", type=Path, metavar="FILE", help="write there")
    add("--append", action="store_true", help="at its end")
    add(
        "logfiles", nargs="*", metavar="FILE", help="- is standard input; default: /var/log/ecelerity, rotated ones too"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
