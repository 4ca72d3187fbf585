"""The check of webhooks: what is told in order and whole holds, and each way in which it is not is found."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from evidence_given import CONFIG, MAIL_ONE, MAIL_TWO, evidence, fault, received
from msgspec.structs import replace

from sim.checks.webhooks_told import webhooks_told
from sim.evidence import Evidence, Struck
from sim.hook import Hooked
from sim.run import run
from sim.scenario import FaultKind
from sim.scenario_text import read

HOOK = 'webhook "crm" { URL = "http://127.0.0.1:8080/" Signing_Secret = "long-enough-a-secret" }'
LIFE = "0123456789abcdef"
ONE, TWO = replace(received(MAIL_ONE), message_id="m1"), replace(received(MAIL_TWO), message_id="m2")
EVENTS = [
    {"type": "reception", "message_id": each.message_id, "time": each.at, "cursor": f"{LIFE}-{number}"}
    for number, each in enumerate((ONE, TWO), 1)
]
GAP = {"type": "gap", "reason": "lost", "cursor": f"{LIFE}-0", "time": 1.0}


def batch(first: int, *events: dict[str, Any], name: str = "") -> Hooked:
    last = first + len(events) - 1
    said = {"first": first, "last": last, "events": events}
    return Hooked("mx", 50.0, name or f"{first}-{last}", json.dumps(said).encode())


def told(*batches: Hooked, struck: Sequence[Struck] = (), config: str = CONFIG + HOOK) -> Evidence:
    records = [ONE, TWO]
    return evidence(records=records, struck=struck, config=config, hooked=list(batches), logs_read=1_000.0)


HOLDS = {
    "in one": told(batch(1, *EVENTS)),
    "in two": told(batch(1, EVENTS[0]), batch(2, EVENTS[1])),
    "lost, since a disk failed": told(batch(1, GAP, *EVENTS), struck=[fault(FaultKind.DISK_ERROR)]),
    "nobody is to be told": told(config=CONFIG),
    "one came again": told(batch(1, EVENTS[0]), batch(1, EVENTS[0]), batch(2, EVENTS[1])),
}
FAILS = {
    "a hole": told(batch(1, EVENTS[0]), batch(3, EVENTS[1])),
    "one twice": told(batch(1, EVENTS[0]), batch(2, EVENTS[0])),
    "another order": told(batch(1, EVENTS[1], EVENTS[0])),
    "never told": told(batch(1, EVENTS[0])),
    "nothing at all": told(),
    "came again, and said otherwise": told(batch(1, EVENTS[0], name="x"), batch(1, EVENTS[1], name="x")),
    "lost without a cause": told(batch(1, GAP, *EVENTS)),
}


@pytest.mark.parametrize("story", HOLDS)
def test_what_holds(story: str) -> None:
    assert list(webhooks_told(HOLDS[story])) == []


@pytest.mark.parametrize("story", FAILS)
def test_what_does_not(story: str) -> None:
    assert {violation.invariant for violation in webhooks_told(FAILS[story])} == {"webhooks_told"}


def test_a_node_tells_its_webhook_through_whatever_befalls_it() -> None:
    result = run(read("sim/scenarios/hooks.sim"), 3, keep_evidence=True)
    assert result.violations == ()
    assert result.marks["webhook_told"] > 5
    assert result.marks["webhook_repeated"]
    assert result.marks["fault.power"]
