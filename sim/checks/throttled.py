"""Deliveries keep to ``Outbound_Throttle_Messages``, and use it.

All that fall back to one scope's throttle share it: with N messages in W seconds no time T sees more than N + N*T/W of
their deliveries. And where mail waits for nothing but the throttle, in a calm, they come as fast as it permits.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from momentum_trio.config.merged import Scope
from momentum_trio.config.scope import OUTBOUND
from momentum_trio.config.value import Word
from momentum_trio.mail.path import split
from momentum_trio.mail.record import Delivered, Failed, Received

from ..evidence import Evidence, Violation
from ..scenario import HostPlan
from .configuration import configuration_of
from .custody import disturbed
from .excuses import DEFAULT
from .timed import timed

NAME = "throttled"
OPTION = "outbound_throttle_messages"
LAG_SECONDS = 5.0  # between two deliveries, that one was slower than the other
WINDOWS = (1, 5, 20)  # the times looked at, in windows of the throttle
BUSY_WINDOWS = 4  # mail waits for so long before it is said to come too slowly
USED_SHARE = 0.8
CALM_SECONDS = 70.0


@dataclass(slots=True)
class Counted:
    """What one throttle saw. limit in seconds; ended: when messages were delivered; fresh: received and delivered at
    once, without an attempt that failed. hosts: itself, and where they went."""

    host: str
    limit: int
    seconds: float
    ended: list[float] = field(default_factory=list)
    fresh: list[tuple[float, float]] = field(default_factory=list)
    hosts: dict[str, None] = field(default_factory=dict)


def throttled(evidence: Evidence) -> Iterator[Violation]:
    """One for each throttle that let too many through, or too few."""
    for counted in _counted(evidence):
        lives = sum(life.host.name == counted.host for life in {life: None for life, _ in evidence.world.records})
        for windows in WINDOWS:
            span = windows * counted.seconds + LAG_SECONDS
            most = counted.limit * (lives + span / counted.seconds)
            if (many := _most_within(counted.ended, span)) > most:
                text = f"{many} deliveries in {span:g} s, and {counted.limit} in {counted.seconds:g} s are permitted"
                yield Violation(NAME, text, host=counted.host)
                break
        yield from _too_slow(evidence, counted)


def _counted(evidence: Evidence) -> Iterator[Counted]:
    found: dict[tuple[str, int], Counted] = {}
    received: dict[tuple[str, str], float] = {}
    deferred: dict[tuple[str, str], None] = {}
    places = {address: plan.name for plan in evidence.scenario.hosts for address in plan.addresses}
    for life, record, at in timed(evidence):
        host = life.host.name
        if isinstance(record, Received):
            received[host, record.message_id] = at
        elif isinstance(record, Failed):
            deferred[host, record.message_id] = None
        elif isinstance(record, Delivered) and (scope := _owner(evidence.scenario.host(host), record)) is not None:
            counted = found.get((host, id(scope)))
            if counted is None:
                counted = found[host, id(scope)] = Counted(host, *_limit(scope))
            counted.ended.append(at)
            counted.hosts |= dict.fromkeys((host, places.get(record.peer_address, host)))
            key = host, record.message_id
            if key in received and key not in deferred:
                counted.fresh.append((received[key], at))
    return iter([counted for counted in found.values() if counted.limit])


def _owner(plan: HostPlan, record: Delivered) -> Scope | None:
    tree = configuration_of(plan)
    assert tree is not None, plan.name
    group, binding = record.binding_group or DEFAULT, record.binding or DEFAULT
    scope = tree.chain_outbound(group, binding, split(record.forward_path)[1]).owner(OPTION, OUTBOUND)
    return scope if isinstance(scope, Scope) else None


def _limit(scope: Scope) -> tuple[int, float]:
    value = scope.settings[OPTION].value
    text = value.text if isinstance(value, Word) else "0"
    count, _, seconds = text.partition("/")
    return int(count), float(seconds or 1)


def _most_within(times: Sequence[float], seconds: float) -> int:
    most = first = 0
    times = sorted(times)
    for last, at in enumerate(times):
        while at - times[first] > seconds:
            first += 1
        most = max(most, last - first + 1)
    return most


def _too_slow(evidence: Evidence, counted: Counted) -> Iterator[Violation]:
    for began, ended, many in _busy(counted.fresh):
        seconds = ended - began
        least = USED_SHARE * counted.limit * (seconds / counted.seconds - 1)
        calm = not disturbed(evidence, counted.hosts, began - CALM_SECONDS, ended)
        if seconds >= BUSY_WINDOWS * counted.seconds and many < least and calm:
            text = f"only {many} deliveries in {seconds:g} s, though mail waited and {counted.limit} in"
            yield Violation(NAME, f"{text} {counted.seconds:g} s are permitted", began, host=counted.host)


def _busy(fresh: Sequence[tuple[float, float]]) -> Iterator[tuple[float, float, int]]:
    """The times in which some message waited: beginning, end, and how many were delivered in them."""
    began, ended, many = 0.0, -1.0, 0
    for received, delivered in sorted(fresh):
        if received > ended:
            if many:
                yield began, ended, many
            began, ended, many = received, delivered, 0
        ended, many = max(ended, delivered), many + 1
    if many:
        yield began, ended, many
