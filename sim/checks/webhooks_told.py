"""Webhooks are told what the node's records say, all of it, in order, once for each batch; what is missing has a cause.

Of each life of a node its webhook is told the first so many events without a hole, and all of them unless the life was
cut off: what happened in its last seconds may not have been kept.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from momentum_trio.config.value import Word
from momentum_trio.mail.record import Delivered, Failed, MessageRecord, Received
from momentum_trio.net.url import Url

from ..evidence import Evidence, Violation
from ..life import Life
from ..scenario import FaultKind, HostPlan
from .configuration import root_of
from .custody import DISK_FAULTS, overlaps, strikes
from .timed import timed

NAME = "webhooks_told"
KEPT_SECONDS = 3.0  # until what happened is kept
SLOW_SECONDS = 75.0  # the same, after a disk failed
LAST_SECONDS = 30.0  # before the last loss of power: what was not posted yet
SLOWING = DISK_FAULTS | {FaultKind.DISK_SLOW, FaultKind.SLOW_CPU, FaultKind.PAUSE, FaultKind.FREEZE}

Key = tuple[str, str, float]  # type, message, time


def hook_ports(plan: HostPlan) -> list[int]:
    """The ports on a host of *plan* at which its webhooks expect a server, when it starts."""
    root = root_of(plan)
    settings = [scope.settings.get("url") for scope in root.all("webhook")] if root is not None else []
    urls = [Url.parse(each.value.text) for each in settings if each is not None and isinstance(each.value, Word)]
    return sorted({url.port for url in urls if url.is_loopback})


def webhooks_told(evidence: Evidence) -> Iterator[Violation]:
    """One for each hole, each event out of order, and each life of which some is missing without a cause."""
    for plan in evidence.scenario.hosts:
        if hook_ports(plan):
            yield from _of_host(evidence, plan.name)


def _of_host(evidence: Evidence, host: str) -> Iterator[Violation]:
    batches: dict[str, dict[str, Any]] = {}
    last = 0
    for hooked in evidence.hooked:
        said = json.loads(hooked.octets)
        if hooked.host != host or batches.setdefault(hooked.batch_id, said) is not said:
            if hooked.host == host and batches[hooked.batch_id] != said:
                yield _violation(evidence, host, hooked.at, f"batch {hooked.batch_id} came again, and says otherwise")
            continue
        if said["first"] != last + 1:
            yield _violation(evidence, host, hooked.at, f"after event {last} came {said['first']}")
        last = said["last"]
    yield from _of_lives(evidence, host, [event for said in batches.values() for event in said["events"]])


def _of_lives(evidence: Evidence, host: str, events: list[dict[str, Any]]) -> Iterator[Violation]:
    told: dict[str, list[Key]] = {}
    for event in events:
        life = event["cursor"].partition("-")[0]
        if event["type"] == "gap":
            if event["reason"] != "stopped" and not any(strikes(evidence, DISK_FAULTS, host)):
                yield _violation(evidence, host, evidence.load_began, f"events are {event['reason']} without a cause")
        else:
            told.setdefault(life, []).append((event["type"], event["message_id"], event["time"]))
    known = list(told.values())
    for life, happened in _happened(evidence, host).items():
        keys = [key for key, _ in happened]
        mine = next((each for each in known if each[0] in keys), [])
        if mine != keys[: len(mine)]:
            yield _violation(evidence, host, happened[0][1] + evidence.load_began, f"{life}: told in another order")
            continue
        untold = [at for _, at in happened[len(mine) :] if not _may_be_missing(evidence, life, at)]
        if untold:
            text = f"{life}: {len(untold)} of {len(happened)} events were never told"
            yield _violation(evidence, host, untold[0] + evidence.load_began, text)


def _happened(evidence: Evidence, host: str) -> dict[Life, list[tuple[Key, float]]]:
    """What each life published about messages, with the seconds since the load began."""
    found: dict[Life, list[tuple[Key, float]]] = {}
    for life, record, at in timed(evidence):
        if life.host.name == host and isinstance(record, MessageRecord):
            found.setdefault(life, []).append(((_word(record), record.message_id, record.at), at))
    return found


def _word(record: MessageRecord) -> str:
    match record:
        case Received():
            return "reception"
        case Delivered():
            return "delivery"
        case Failed(permanent=True):
            return "bounce"
    return "transient"


def _may_be_missing(evidence: Evidence, life: Life, at: float) -> bool:
    if at > evidence.logs_read - LAST_SECONDS:
        return True
    if any(overlaps(each, at - SLOW_SECONDS, at + SLOW_SECONDS) for each in strikes(evidence, SLOWING, life.host.name)):
        return True
    return life.died_at is not None and at > life.died_at - evidence.load_began - KEPT_SECONDS


def _violation(evidence: Evidence, host: str, at: float, text: str) -> Violation:
    return Violation(NAME, text, at - evidence.load_began, host=host)
