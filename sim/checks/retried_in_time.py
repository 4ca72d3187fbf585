"""A deferred message is tried again when the retry rule says: not before, and in a calm not much later.

The rule, as the manual has it: ``Retry_Interval`` after the first attempt, twice as long after each further one, at
most ``Max_Retry_Interval``; but when it is to expire, once more, or given up. Only attempts of one life are compared:
what it knew of the last one may be lost with it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from momentum_trio.delivery.delivery_options import DeliveryOptions
from momentum_trio.mail.path import split
from momentum_trio.mail.record import Delivered, Failed

from ..evidence import Evidence, Violation
from ..life import Life
from ..scenario import FaultKind, HostPlan, Program
from .configuration import DEFAULT, configuration_of, root_of, words
from .custody import DISK_FAULTS, overlaps, strikes
from .excuses import EXPIRED
from .timed import timed

NAME = "retried_in_time"
EARLY_SECONDS = 0.01
LATE_SECONDS = 30.0  # beside the time for which an address that failed is not asked again
HOST_FAILURE_SECONDS = 120.0  # Host_Failure_Retry, where nobody sets it
LATE_OF_THE_SLOW_SECONDS = 600.0  # where servers are slow or not there, an attempt takes long, and others wait for it
CALM_SECONDS = 70.0
WAIT_SECONDS_MIN = 1.0

_LIMITS = (
    "outbound_throttle_messages",
    "outbound_throttle_connections",
    "max_outbound_connections",
    "server_max_outbound_connections",
    "suspend_delivery",
)


@dataclass(frozen=True, slots=True)
class Tried:
    """A transient failure that is to be tried again at *again*."""

    seconds: float
    again: float
    retries: int


def retried_in_time(evidence: Evidence) -> Iterator[Violation]:
    """One for each attempt that came too early or too late, or was counted wrongly."""
    last: dict[tuple[Life, str], Tried] = {}
    for life, record, at in timed(evidence):
        if not isinstance(record, Delivered | Failed) or _by_hand(evidence, life.host.name):
            continue
        key = life, record.message_id
        tried = last.pop(key, None)
        expired = isinstance(record, Failed) and record.reason.startswith(EXPIRED)
        if tried is not None and not expired and (problem := _problem(evidence, life, tried, record, at)):
            yield Violation(NAME, f"{life}: {record.message_id} {problem}", at, host=life.host.name)
        if isinstance(record, Failed) and not record.permanent:
            wait = _wait(evidence.scenario.host(life.host.name), record)
            last[key] = Tried(at, at + wait, record.retries)


def _problem(evidence: Evidence, life: Life, tried: Tried, record: Delivered | Failed, at: float) -> str:
    if any(overlaps(one, tried.seconds, at) for one in strikes(evidence, DISK_FAULTS, life.host.name)):
        return ""  # the report of a failure may not have been kept: then the message stays, and no record tells of it
    if record.retries != tried.retries + 1:
        return f"was retry {tried.retries}, and then {record.retries}"
    if at < tried.again - EARLY_SECONDS:
        return f"was tried again {tried.again - at:g} s early, after {at - tried.seconds:g} s"
    host = life.host.name
    failing = float(next(words(root_of(evidence.scenario.host(host)), "host_failure_retry"), HOST_FAILURE_SECONDS))
    late = LATE_OF_THE_SLOW_SECONDS if _slow(evidence) else LATE_SECONDS + failing
    if at > tried.again + late and not _limited(evidence, host) and not _disturbed(evidence, tried.seconds, at):
        return f"was tried again {at - tried.again:g} s late, after {at - tried.seconds:g} s"
    return ""


def _wait(plan: HostPlan, record: Failed) -> float:
    tree = configuration_of(plan)
    assert tree is not None, plan.name
    group, binding = record.binding_group or DEFAULT, record.binding or DEFAULT
    options = DeliveryOptions.resolve(tree.chain_outbound(group, binding, split(record.forward_path)[1]))
    doubled = options.retry_interval
    for _ in range(record.retries):
        doubled = min(2 * doubled, max(options.retry_interval_max, options.retry_interval))
    left = max(options.expiration - record.age_seconds, 0.0)
    return min(max(min(doubled, options.retry_interval_max), WAIT_SECONDS_MIN), left)


def _by_hand(evidence: Evidence, host: str) -> bool:
    """Whether somebody at the console may have had mail tried at another time, or changed the rule."""
    return any(True for _ in strikes(evidence, [FaultKind.CONSOLE], host))


def _slow(evidence: Evidence) -> bool:
    sinks = [behaviour for plan in evidence.scenario.hosts for behaviour in plan.sink.behaviours]
    return bool(evidence.scenario.unreachable) or any(one.after_seconds or one.way.value != "answer" for one in sinks)


def _limited(evidence: Evidence, host: str) -> bool:
    root = root_of(evidence.scenario.host(host))
    return any(any(words(root, option)) for option in _LIMITS)


def _disturbed(evidence: Evidence, began: float, ended: float) -> bool:
    """Whether anything broke; that a sink is not there, and says so, makes no attempt late."""
    sinks = {plan.name for plan in evidence.scenario.hosts if plan.program is Program.SINK}
    return any(
        overlaps(struck, began - CALM_SECONDS, ended)
        for struck in strikes(evidence, FaultKind)
        if struck.fault.kind not in (FaultKind.KILL, FaultKind.STOP) or sinks.isdisjoint(struck.fault.targets)
    )
