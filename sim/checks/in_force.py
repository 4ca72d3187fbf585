"""Which configuration a node may have had at which time: followed from what was said at its console, and answered.

A change that is under way may have happened or not; so may one whose answer never came, until its process ends, and one
that the manager of its cluster was asked for, until it has told that the node has answered. A node that starts has what
its files say. Nothing is known of a host whose text the slow reader does not understand, nor from
the first line on that it does not.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from ..admin import LATE_SECONDS, SHOW
from ..console_line import read as line_of
from ..evidence import Evidence, Exchange, Lived
from ..reference_configuration import Broken, Configuration, read
from .asked import DONE, Asking, askings, looks, setting_of

Several = tuple[Configuration, ...]
Effect = Callable[[Configuration], Configuration]

READINGS_KEPT = 512
_INCLUDE = re.compile("include", re.I)  # of a file, by any of its names
UNKNOWN_SECONDS = float("inf")
_CHANGING = ("set", "unset", "reload", "rollback", "confirm", "commit", "begin", "writeback")
QUIET_SECONDS = 20.0  # after which a change that nobody hears of is over, if it happens at all


@dataclass(frozen=True, slots=True)
class Since:
    """From *seconds* on one of *may* holds."""

    seconds: float
    may: Several


@dataclass(slots=True)
class _Pending:
    """A commit that waits to be confirmed. It is taken back between *low* and *high*, to one of *before*."""

    before: Several
    after: Several
    low: float
    high: float
    is_over: bool = False  # *low* has come


@dataclass(frozen=True, slots=True)
class _Answer:
    """*asking* was done here at *began*, if it was ever."""

    began: float
    asking: Asking


Event = Exchange | Lived | Asking | _Answer


@dataclass(slots=True)
class InForce:
    """What may have held on one host.

    problems: what the console showed, or said yes to, though it cannot be: when, and in words. unheard: from when to
    when sockets may have opened and closed that nobody had an answer about.
    """

    spans: list[Since] = field(default_factory=list)
    unheard: list[tuple[float, float]] = field(default_factory=list)
    problems: list[tuple[float, str]] = field(default_factory=list)

    def during(self, began: float, ended: float) -> Several:
        """All that may have held at some time from *began* to *ended*; nothing where that is not known."""
        following = [*(span.seconds for span in self.spans[1:]), UNKNOWN_SECONDS]
        spans = zip(self.spans, following, strict=False)
        may = [span.may for span, until in spans if span.seconds <= ended and until >= began]
        return _unique(each for several in may for each in several) if all(may) else ()

    def is_quiet(self, began: float, ended: float) -> bool:
        """Whether nothing happened all that time that nobody had an answer about."""
        return not any(one <= ended and other >= began for one, other in self.unheard)

    def at(self, began: float, ended: float) -> Configuration | None:
        """The one that held all that time; None where it may have changed, or is not known."""
        may = self.during(began, ended)
        return may[0] if len(may) == 1 else None


def in_force(evidence: Evidence, host: str) -> InForce:
    """Of *host*; empty where nobody spoke at its console."""
    exchanges = [exchange for exchange in evidence.exchanges if exchange.host == host]
    plan = evidence.scenario.host(host)
    texts = dict(plan.files)
    if not exchanges or plan.config not in texts:
        return InForce()
    first = _read(texts[plan.config].decode("utf-8", "replace"))
    if first is None:
        return InForce()
    follower = _Follower(plan.config, first)
    lives = [lived for lived in evidence.lives if lived.host == host]
    asked = [asking for asking in askings(evidence) if asking.concerns(host)]
    events: list[Event] = [*exchanges, *lives, *asked, *_answers(evidence, asked, host)]
    for event in sorted(events, key=_place):
        follower.follow(event)
    follower.advance(UNKNOWN_SECONDS)
    return follower.found


def _answers(evidence: Evidence, asked: Sequence[Asking], host: str) -> Iterator[_Answer]:
    """What *host* has done of *asked*, and nobody asked for twice."""
    once = {(asking.manager, asking.life, asking.command): asking for asking in asked}
    counts = Counter((asking.manager, asking.command) for asking in asked)
    for look in looks(evidence):
        asking = once.get((look.manager, look.life, look.command))
        is_once = asking is not None and counts[look.manager, look.command] == 1
        if asking is not None and is_once and any(row.node == host and row.state in DONE for row in look.rows):
            yield _Answer(look.ended, asking)


def _place(event: Event) -> tuple[float, int]:
    """Of commits that were said at once, the first one is that which made the lower generation."""
    return event.began, event.generation if isinstance(event, Exchange) else 0


@lru_cache(maxsize=READINGS_KEPT)  # pure: the same texts are shown over and over
def _read(text: str) -> Configuration | None:
    try:
        return read(text)
    except Broken:
        return None


def _unique(found: Iterable[Configuration]) -> Several:
    kept: list[Configuration] = []
    for each in found:
        if each not in kept:
            kept.append(each)
    return tuple(kept)


class _NotUnderstood(Exception):
    """What was said, and not refused, says nothing to the slow reader."""


class _Follower:
    """Follows what happened, in order. main: path of the file that a node starts with."""

    def __init__(self, main: str, first: Configuration) -> None:
        self.found = InForce()
        self._main = self._source = main
        self._files: dict[str, Several] = {main: (first,)}
        self._may: Several = (first,)
        self._prior: Several = self._may  # before the last change, which ended then:
        self._settled = -UNKNOWN_SECONDS
        self._late: list[Effect] = []  # changes nobody heard of any more
        self._asked: dict[Asking, Effect] = {}  # of a manager, and not known to be done
        self._writes_late = False
        self._pending: _Pending | None = None
        self._transactions: dict[int, list[Effect]] = {}
        self._lives: list[Lived] = []
        self._is_known = False  # what holds was seen since the node started
        self._is_lost = False  # it did not understand

    def follow(self, event: Event) -> None:
        """*event* is next."""
        if self._is_lost:
            return
        self.advance(event.began)
        try:
            if isinstance(event, Lived):
                self._boot(event)
            elif isinstance(event, Asking):
                self._ask(event)
            elif isinstance(event, _Answer):
                self._answered(event)
            elif event.session < 0:
                self._file(event)
            elif not event.life or (self._lives and event.life == self._lives[-1].number):
                self._said(event)
        except _NotUnderstood:
            self._is_lost = True
            self._span(event.began, ())

    def _boot(self, lived: Lived) -> None:
        self._lives.append(lived)
        self._source, self._pending, self._late, self._writes_late = self._main, None, [], False
        self.found.unheard = [(one, min(other, lived.began)) for one, other in self.found.unheard]
        self._transactions.clear()
        self._is_known = False
        self._hold(lived.began, self._files[self._main])
        self._prior, self._settled = self._may, lived.began

    # what holds

    def _hold(self, seconds: float, may: Iterable[Configuration]) -> None:
        """From *seconds* on one of *may* holds, or what follows from what nobody heard of any more."""
        self._may = self._closed(may)
        if self._writes_late:
            self._files[self._source] = _unique([*self._files[self._source], *self._may])
        self._span(seconds, self._may)

    def _closed(self, may: Iterable[Configuration]) -> Several:
        found = _unique(may)
        for effect in (*self._late, *self._asked.values()):
            found = _unique([*found, *map(effect, found)])
        return found

    def _span(self, seconds: float, may: Several) -> None:
        spans = self.found.spans
        seconds = max(seconds, spans[-1].seconds) if spans else seconds
        spans.append(Since(seconds, may))

    def advance(self, seconds: float) -> None:
        """Time passes: a commit that waits may be taken back, then it is."""
        pending = self._pending
        if pending is not None and not pending.is_over and seconds >= pending.low:
            pending.is_over = True
            self.found.unheard.append((pending.low, pending.low + QUIET_SECONDS))
            self._hold(pending.low, [*pending.before, *self._may])
        if pending is not None and seconds >= pending.high:
            self._pending = None
            self._hold(pending.high, pending.before)

    # the manager

    def _ask(self, asking: Asking) -> None:
        words = asking.command.split()
        if words[:1] == ["config"] and words[1:2] != [] and words[1] in _CHANGING:
            self._asked[asking] = _effect(asking.command)
            self._hold(asking.began, self._may)

    def _answered(self, answer: _Answer) -> None:
        if self._pending is None:  # what is taken back may be taken back from under it
            self._asked.pop(answer.asking, None)

    # files

    def _file(self, exchange: Exchange) -> None:
        line = line_of(exchange.line)
        if _INCLUDE.search(line.text):
            raise _NotUnderstood
        new = _read(line.text)
        held = () if exchange.ok else self._files.get(line.path, ())
        written = () if new is None else (new,)
        over_it = self._may if self._writes_late and line.path == self._source else ()
        self._files[line.path] = _unique([*held, *written, *over_it])
        if line.path == self._main and not self._is_known:  # a node that is starting may have read either
            self._hold(exchange.began, [*self._may, *self._files[line.path]])

    # the console

    def _said(self, exchange: Exchange) -> None:
        words = exchange.line.split(maxsplit=2)
        rest = words[2] if len(words) > 2 else ""
        transaction = self._transactions.get(exchange.session)
        match words[:2]:
            case _ if exchange.line == SHOW:
                self._shown(exchange)
            case ["config", "begin"] if exchange.ok and rest:
                raise _NotUnderstood  # from scratch
            case ["config", "begin"] if exchange.ok:
                self._transactions[exchange.session] = []
            case ["config", "set" | "unset"] if exchange.ok is not False:
                effect = _effect(exchange.line)
                if transaction is None:
                    self._change(exchange, [effect])
                elif exchange.ok:
                    transaction.append(effect)
            case ["config", "commit"] if transaction is not None and exchange.ok is not False:
                self._commit(exchange, transaction, rest.split())
            case ["config", "rollback"] if transaction is not None and exchange.ok:
                del self._transactions[exchange.session]
            case ["config", "rollback"] if self._pending is not None and exchange.ok is not False:
                self._take_back(exchange, self._pending)
            case ["config", "confirm"] if self._pending is not None and exchange.ok is not False:
                self._confirm(exchange, self._pending)
            case ["config", "reload"] if exchange.ok is not False:
                self._reload(exchange, rest)
            case ["config", "writeback"] if exchange.ok is not False:
                self._write(exchange, rest)

    def _shown(self, exchange: Exchange) -> None:
        if exchange.ended is None:
            return
        before = self._may
        self.advance(exchange.ended)
        shown, may = _read(exchange.answer), _unique([*before, *self._may])
        if shown is None:
            self._wrong(exchange, "the console shows what is no configuration")
            return
        if shown not in may:
            self._wrong(exchange, f"the console shows {_differing(shown, may)}")
        pending = self._pending
        waits = pending.before if pending is not None and pending.is_over else ()
        if not self._is_known and shown in self._files[self._main]:
            self._files[self._main] = (shown,)
        self._is_known = True
        self._hold(exchange.ended, [shown, *waits])
        self._prior, self._settled = self._may, exchange.ended

    def _wrong(self, exchange: Exchange, text: str) -> None:
        self.found.problems.append((exchange.began, text))

    def _change(self, exchange: Exchange, effects: Sequence[Effect]) -> None:
        """*exchange* has *effects*, all or none. Those of another one under way may come before them, or not."""

        def made(configuration: Configuration) -> Configuration:
            for effect in effects:
                configuration = effect(configuration)
            return configuration

        base = self._may
        everything = [*base, *(self._prior if exchange.began < self._settled else ())]
        everything += [made(each) for each in everything]
        spans = self.found.spans
        while spans and spans[-1].seconds >= exchange.began:
            everything += spans.pop().may
        self._span(exchange.began, self._closed(everything))
        self._prior, self._settled = base, exchange.began if exchange.ended is None else exchange.ended
        if exchange.ok is None:
            self.found.unheard.append((exchange.began, exchange.began + QUIET_SECONDS))
            self._late.append(made)
            self._hold(exchange.began, base)
        else:
            self._hold(self._settled, map(made, base))

    def _commit(self, exchange: Exchange, changes: Sequence[Effect], rest: Sequence[str]) -> None:
        before = self._may
        self._change(exchange, changes)
        del self._transactions[exchange.session]
        if rest[:1] == ["confirmed"]:
            seconds = float(rest[1])
            high = UNKNOWN_SECONDS if exchange.ended is None else exchange.ended + seconds + LATE_SECONDS
            self._pending = _Pending(before, self._may, exchange.began + seconds, high)

    def _take_back(self, exchange: Exchange, pending: _Pending) -> None:
        self._span(exchange.began, _unique([*self._may, *pending.before]))
        if exchange.ok:
            self._pending = None
            self._hold(exchange.began if exchange.ended is None else exchange.ended, pending.before)

    def _confirm(self, exchange: Exchange, pending: _Pending) -> None:
        self._pending = None
        self._hold(exchange.began, pending.after if exchange.ok else [*pending.before, *pending.after])

    def _reload(self, exchange: Exchange, path: str) -> None:
        source = self._main if not path else f"{self._main.rpartition('/')[0]}/{path}"
        if source not in self._files:
            raise _NotUnderstood
        held = self._files[source]
        if exchange.ok and not held:
            self._wrong(exchange, f"{source} is no configuration, and was taken")
            return
        base = self._may
        self._span(exchange.began, _unique([*base, *held]))
        self._prior, self._settled = base, exchange.began if exchange.ended is None else exchange.ended
        if exchange.ok:
            self._source = source
            self._hold(self._settled, held)
        else:
            self.found.unheard.append((exchange.began, exchange.began + QUIET_SECONDS))
            self._late += [_constant(each) for each in held]
            self._hold(exchange.began, base)

    def _write(self, exchange: Exchange, path: str) -> None:
        """The file that was read last says what holds, or may say it; nothing is known of another one."""
        if path:
            return
        held = self._files.get(self._source, ())
        self._files[self._source] = self._may if exchange.ok else _unique([*held, *self._may])
        self._writes_late = self._writes_late or exchange.ok is None


def _effect(command: str) -> Effect:
    """What ``config set`` or ``config unset`` does. Raises _NotUnderstood."""
    setting = setting_of(command)
    if setting is None:
        raise _NotUnderstood
    return setting.on


def _constant(configuration: Configuration) -> Effect:
    return lambda _: configuration


def _differing(shown: Configuration, may: Several) -> str:
    """In what *shown* is none of *may*, in words."""
    if not may:
        return "something, and nothing is right"
    here, there = _said(shown), _said(may[-1])
    more, less = sorted(here - there), sorted(there - here)
    said = [f"{', '.join(more)}" if more else "", f"not {', '.join(less)}" if less else ""]
    return ", ".join(filter(None, said)) + (f" ({len(may)} were possible)" if len(may) > 1 else "")


def _said(configuration: Configuration) -> set[str]:
    return {line for path, settings in configuration.scopes.items() for line in _lines(path, settings)}


def _lines(path: Sequence[tuple[str, str]], settings: dict[str, str | tuple[str, ...]]) -> Iterator[str]:
    at = " ".join(f"{kind} {instance}".strip() for kind, instance in path)
    yield f"{at} {{}}".strip()
    for option, words in settings.items():
        yield f"{at} {option} = {words if isinstance(words, str) else '( ' + ' '.join(words) + ' )'}".strip()
