"""The laws of extended virtual synchrony, over what members of a bus did and saw. Pure; knows nothing of the product.

After Moser, Amir, Melliar-Smith and Agarwal, «Extended Virtual Synchrony» (1994), as docs/protocols/msgc.md has them
for groups. What a member sees of a group is cut into *tenures*: from its first view after it joined, or was connected
anew, to the last before it left or was cut off. A tenure is views with messages between them: it *passes* from one
regular view to the next, by a join or a leave, or over a transitional view.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from typing import NamedTuple, TypeAlias

from momentum_trio.net.group import Apart, GroupView, Service, Told, ViewId, node_of

from .bus import Began, Entry, Left, Spoke

ViewKey: TypeAlias = tuple[str, ViewId, int]  # of a regular view: group, id, number


class Breach(NamedTuple):
    """A law that did not hold. at: when it showed; host: with whose member."""

    law: str
    text: str
    at: float
    host: str


@dataclass(slots=True)
class Stay:
    """What a tenure saw from one regular view on until the next, or its end.

    moved: the transitional view in it, and the last form of it; told_before: how many of *told* came before it.
    """

    view: GroupView
    at: float
    told: list[Told] = field(default_factory=list)
    moved: GroupView | None = None
    last_moved: GroupView | None = None
    told_before: int = 0

    @property
    def key(self) -> ViewKey:
        return key_of(self.view)

    def move(self, view: GroupView) -> bool:
        """The transitional *view* came: the first, or the last one without somebody who left. Otherwise False."""
        last, self.last_moved = self.last_moved, view
        if last is not None:
            same = view.id == last.id and {*view.members} < {*last.members}
            return same and view.number == last.number + 1
        self.moved, self.told_before = view, len(self.told)
        return True


@dataclass(slots=True)
class Tenure:
    """One member's time in one group. said: what it said there meanwhile, until it left."""

    host: str
    life: int
    group: str
    stays: list[Stay] = field(default_factory=list)
    said: list[bytes] = field(default_factory=list)


@dataclass
class Seen:
    """What the member beside *host* did and saw in the process *life*, in order."""

    host: str
    life: int
    entries: list[Entry] = field(default_factory=list)

    @cached_property
    def told(self) -> list[tuple[float, Told]]:
        """All messages it was told."""
        return [(entry.at, entry.deed) for entry in self.entries if isinstance(entry.deed, Told)]


def key_of(view: GroupView) -> ViewKey:
    """What a regular view is known by."""
    return view.group, view.id, view.number


def named(key: ViewKey) -> str:
    """*key* in words."""
    group, view, number = key
    return f"view {view.epoch}.{view.proposer}/{number} of {group}"


def word(octets: bytes) -> str:
    """The name of a message, which it begins with."""
    return octets.partition(b" ")[0].decode("ascii", "replace")


def breaches(entries: Sequence[Entry]) -> Iterator[Breach]:
    """Every law that did not hold, the gravest of each kind first."""
    members = _members(entries)
    tenures, broken = _tenures(members.values())
    yield from broken
    yield from _one_view(tenures)
    yield from _one_primary(tenures)
    yield from _in_itself(tenures)
    yield from _together(tenures)
    yield from _same_messages(tenures)
    yield from _own_view(tenures)
    yield from _safe(tenures)
    yield from _as_said(members, entries)
    yield from _one_order(members.values())
    yield from _sender_order(members.values(), entries)
    yield from _without_gap(tenures, entries)
    yield from _own_words(tenures)


def _members(entries: Iterable[Entry]) -> dict[tuple[str, int], Seen]:
    members: dict[tuple[str, int], Seen] = {}
    for entry in entries:
        members.setdefault((entry.host, entry.life), Seen(entry.host, entry.life)).entries.append(entry)
    return members


# -- tenures


def _tenures(members: Iterable[Seen]) -> tuple[list[Tenure], list[Breach]]:
    """All tenures, and where one begins or goes on as none may."""
    tenures: list[Tenure] = []
    broken: list[Breach] = []
    for seen in members:
        _cut(seen, tenures, broken)
    return tenures, broken


def _cut(seen: Seen, tenures: list[Tenure], broken: list[Breach]) -> None:
    now: dict[str, Tenure] = {}
    left: dict[str, None] = {}  # groups it left since their tenure began

    def say(law: str, text: str, at: float) -> None:
        broken.append(Breach(law, text, at, seen.host))

    for at, _, _, deed in seen.entries:
        match deed:
            case Began() | Apart():
                now.clear()
                left.clear()
            case Left(group):
                left[group] = None
            case Spoke(group=group, taken=True) if group in now and group not in left:
                now[group].said.append(deed.octets)
            case GroupView(group) if deed.transitional:
                if group not in now:
                    say("transitional", f"a transitional view of {group} without a regular one before", at)
                elif not now[group].stays[-1].move(deed):
                    say("transitional", f"two transitional views of {group} without a regular one between them", at)
            case GroupView(group):
                tenure = now.get(group)
                alone = group in left and len(deed.together) == 1  # it may have come again
                if tenure is not None and (alone or not _goes_on(tenure.stays[-1], deed)):
                    if group not in left:
                        before = named(tenure.stays[-1].key)
                        say("transitional", f"after {before} came {named(key_of(deed))}, and nothing between", at)
                    tenure = None
                if tenure is None:
                    if not alone:
                        left.pop(group, None)
                    tenure = now[group] = Tenure(seen.host, seen.life, group)
                    tenures.append(tenure)
                tenure.stays.append(Stay(deed, at))
            case Told(group) if group:
                if group in now:
                    now[group].stays[-1].told.append(deed)
                else:
                    say("own_view", f"{word(deed.octets)} was told in {group} before any view of it", at)


def _goes_on(stay: Stay, view: GroupView) -> bool:
    """Whether *view* is the one after *stay*: one change later, or past a transitional view."""
    if stay.moved is not None:
        return view.id > stay.view.id
    return view.id == stay.view.id and view.number == stay.view.number + 1


def _passes(tenure: Tenure) -> Iterator[tuple[Stay, Stay]]:
    return zip(tenure.stays, tenure.stays[1:], strict=False)


# -- laws of views


def _one_view(tenures: Iterable[Tenure]) -> Iterator[Breach]:
    """A view is the same for all who see it: its members, their order, and whether it is primary."""
    first: dict[ViewKey, tuple[GroupView, str]] = {}
    for tenure in tenures:
        for stay in tenure.stays:
            view, host = first.setdefault(stay.key, (stay.view, tenure.host))
            if (view.members, view.primary) != (stay.view.members, stay.view.primary):
                here, there = (f"({' '.join(each.members)}; primary: {each.primary})" for each in (stay.view, view))
                text = f"{named(stay.key)} is {here} to {tenure.host} and {there} to {host}"
                yield Breach("one_view", text, stay.at, tenure.host)


def _one_primary(tenures: Iterable[Tenure]) -> Iterator[Breach]:
    """Of two primary views one epoch is larger."""
    first: dict[int, ViewId] = {}
    for tenure in tenures:
        for stay in tenure.stays:
            if stay.view.primary and (view := first.setdefault(stay.view.id.epoch, stay.view.id)) != stay.view.id:
                text = f"{named(stay.key)} is primary, and so is view {view.epoch}.{view.proposer}"
                yield Breach("one_primary", text, stay.at, tenure.host)


def _in_itself(tenures: Iterable[Tenure]) -> Iterator[Breach]:
    """Who sees a view is in it."""
    for tenure in tenures:
        for stay in tenure.stays:
            for view in (stay.view, stay.moved):
                if view is not None and tenure.host not in map(node_of, view.members):
                    yield Breach("in_itself", f"{named(stay.key)} has nobody of {tenure.host}", stay.at, tenure.host)


def _together(tenures: Sequence[Tenure]) -> Iterator[Breach]:
    """Who is said to come along came from the same view; in a transitional view nobody is new."""
    before: dict[tuple[ViewKey, str], ViewKey] = {}
    for tenure in tenures:
        for one, other in _passes(tenure):
            before[other.key, tenure.host] = one.key
    for tenure in tenures:
        for one, other in _passes(tenure):
            if one.moved is not None and (new := {*one.moved.members} - {*one.view.members}):
                text = f"{', '.join(sorted(new))} is new in the transitional view after {named(one.key)}"
                yield Breach("transitional", text, other.at, tenure.host)
            for name in other.view.together:
                came = before.get((other.key, node_of(name)), one.key)
                if came != one.key:
                    text = f"{name} comes to {named(other.key)} from {named(came)}, not from {named(one.key)}"
                    yield Breach("together", text, other.at, tenure.host)


# -- laws of messages and views


def _same_messages(tenures: Sequence[Tenure]) -> Iterator[Breach]:
    """Who passes together from one regular view to the next was told the same, in the same order, but for FIFO."""
    alike: dict[object, list[tuple[Tenure, Stay, Stay]]] = defaultdict(list)
    for tenure in tenures:
        for one, other in _passes(tenure):
            alike[one.key, other.key, frozenset(other.view.together)].append((tenure, one, other))
    for passed in alike.values():
        tenure, one, other = passed[0]
        for mate, same, _ in passed[1:]:
            path = f"from {named(one.key)} to {named(other.key)}"
            hosts = f"{tenure.host} and {mate.host}"
            mine, theirs = ({word(told.octets) for told in stay.told} for stay in (one, same))
            if differing := sorted(mine ^ theirs):
                missing = mate.host if differing[0] in mine else tenure.host
                text = f"{hosts} pass {path}, and {missing} was not told {', '.join(differing[:5])}"
                yield Breach("same_messages", text, other.at, missing)
            elif _ordered(one.told) != _ordered(same.told):
                yield Breach("same_order", f"{hosts} pass {path} and were told in another order", other.at, mate.host)


def _ordered(told: Iterable[Told]) -> list[bytes]:
    return [each.octets for each in told if each.service is not Service.FIFO]


def _own_view(tenures: Iterable[Tenure]) -> Iterator[Breach]:
    """A message comes in the view that it was sent in, which is the same for all who are told it."""
    views: dict[bytes, tuple[ViewId, str]] = {}
    for tenure in tenures:
        for stay in tenure.stays:
            for number, told in enumerate(stay.told):
                now = stay.view if stay.moved is None or number < stay.told_before else stay.moved
                if told.view != now.id:
                    text = f"{word(told.octets)} is of view {told.view.epoch}.{told.view.proposer}, and came in"
                    yield Breach("own_view", f"{text} {named(stay.key)}", stay.at, tenure.host)
                view, host = views.setdefault(told.octets, (stay.view.id, tenure.host))
                if view != stay.view.id:
                    text = f"{word(told.octets)} came in view {view.epoch}.{view.proposer} to {host}, and in"
                    yield Breach("own_view", f"{text} {named(stay.key)} to {tenure.host}", stay.at, tenure.host)


def _safe(tenures: Sequence[Tenure]) -> Iterator[Breach]:
    """What one was told safely in a regular view, all of that view are told who come to another one."""
    stays: dict[ViewKey, list[tuple[Tenure, Stay, bool]]] = defaultdict(list)
    for tenure in tenures:
        for number, stay in enumerate(tenure.stays):
            stays[stay.key].append((tenure, stay, number + 1 < len(tenure.stays)))
    told_safely: dict[ViewKey, dict[bytes, str]] = defaultdict(dict)
    for key, all_of in stays.items():
        for tenure, stay, _ in all_of:
            regular = stay.told if stay.moved is None else stay.told[: stay.told_before]
            told_safely[key] |= {told.octets: tenure.host for told in regular if told.service is Service.SAFE}
    for key, safely in told_safely.items():
        for tenure, stay, went_on in stays[key]:
            heard = {told.octets for told in stay.told}
            missing = [octets for octets in safely if octets not in heard] if went_on else []
            if missing:
                text = (
                    f"{word(missing[0])} was safe to {safely[missing[0]]} in {named(key)}, and {tenure.host} passed on"
                )
                yield Breach("safe", f"{text} without it", stay.at, tenure.host)


# -- laws of messages


def _as_said(members: dict[tuple[str, int], Seen], entries: Iterable[Entry]) -> Iterator[Breach]:
    """What is told was said, so and there, and is told once."""
    said = {entry.deed.octets: entry.deed for entry in entries if isinstance(entry.deed, Spoke)}
    for seen in members.values():
        times: dict[bytes, int] = {}
        for at, told in seen.told:
            spoke = said.get(told.octets)
            if spoke is None or not spoke.taken:
                yield Breach("as_said", f"{word(told.octets)} was told, and nobody said it", at, seen.host)
            elif (spoke.sender, spoke.group) != (told.sender, told.group):
                text = f"{word(told.octets)}, of {spoke.sender} to {spoke.group or spoke.to}, came as of {told.sender}"
                yield Breach("as_said", f"{text} to {told.group or 'it alone'}", at, seen.host)
            times[told.octets] = times.get(told.octets, 0) + 1
            if times[told.octets] == 2:
                yield Breach("once", f"{word(told.octets)} was told twice", at, seen.host)


def _one_order(members: Iterable[Seen]) -> Iterator[Breach]:
    """There is one order of all agreed and safe messages, and of all regular views, that everybody's agrees with.

    But for what comes between a transitional view and the next regular one: those who were cut from whoever ordered
    the messages cannot know how it did, and agree among themselves (``_same_messages``).
    """
    after: dict[object, dict[object, None]] = defaultdict(dict)
    for seen in members:
        before: object = None
        between: dict[str, None] = {}
        for entry in seen.entries:
            here: object
            match entry.deed:
                case Told(group, service=service) if group and service is not Service.FIFO and group not in between:
                    here = entry.deed.octets
                case GroupView(group, transitional=True):
                    between[group] = None
                    continue
                case GroupView(group):
                    between.pop(group, None)
                    here = key_of(entry.deed)
                case Began() | Apart():
                    between.clear()
                    continue
                case _:
                    continue
            if before is not None:
                after[here][before] = None
            before = here
    try:
        TopologicalSorter(after).prepare()
    except CycleError as cycle:
        names = [word(each) if isinstance(each, bytes) else named(each) for each in reversed(cycle.args[1])]
        yield Breach("one_order", f"by what members saw each is before the next: {', '.join(names[:6])}", 0.0, "")


def _sender_order(members: Iterable[Seen], entries: Iterable[Entry]) -> Iterator[Breach]:
    """What one member said comes in the order in which it said it."""
    place = {entry.deed.octets: number for number, entry in enumerate(entries) if isinstance(entry.deed, Spoke)}
    for seen in members:
        last: dict[tuple[str, bool], Told] = {}
        for at, told in seen.told:
            stream = told.sender, bool(told.group)
            before = last.get(stream)
            if before is not None and place.get(told.octets, -1) < place.get(before.octets, -1):
                text = f"{word(told.octets)} was said before {word(before.octets)}, and told after it"
                yield Breach("sender_order", text, at, seen.host)
            last[stream] = told


def _without_gap(tenures: Iterable[Tenure], entries: Iterable[Entry]) -> Iterator[Breach]:
    """Of what one said in a group over one connection, in one view, nothing is left out between two that came."""
    streams: dict[tuple[str, int, str, int], list[bytes]] = defaultdict(list)
    connection: dict[tuple[str, int], int] = defaultdict(int)
    for entry in entries:
        member = entry.host, entry.life
        if isinstance(entry.deed, Apart):
            connection[member] += 1
        elif isinstance(entry.deed, Spoke) and entry.deed.taken and entry.deed.group:
            streams[(*member, entry.deed.group, connection[member])].append(entry.deed.octets)
    place_of = {octets: (key, number) for key, texts in streams.items() for number, octets in enumerate(texts)}
    for tenure in tenures:
        last: dict[tuple[str, int, str, int], tuple[int, Told]] = {}
        for stay in tenure.stays:
            for told in [told for told in stay.told if told.octets in place_of]:
                key, number = place_of[told.octets]
                before = last.get(key)
                if before is not None and before[1].view == told.view and number > before[0] + 1:
                    gone = word(streams[key][before[0] + 1])
                    text = f"{gone} was said between {word(before[1].octets)} and {word(told.octets)}, and not told"
                    yield Breach("no_gap", text, stay.at, tenure.host)
                last[key] = number, told


def _own_words(tenures: Iterable[Tenure]) -> Iterator[Breach]:
    """Who says something in a group it is in, and is told what it says there later, is told that too."""
    for tenure in tenures:
        told = {each.octets: stay.at for stay in tenure.stays for each in stay.told}
        last = max((number for number, octets in enumerate(tenure.said) if octets in told), default=0)
        for octets in [octets for octets in tenure.said[:last] if octets not in told]:
            text = f"{word(octets)} was not told to who said it, and {word(tenure.said[last])} was"
            yield Breach("own_words", text, told[tenure.said[last]], tenure.host)
