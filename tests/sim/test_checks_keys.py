"""The check of idempotency keys, on evidence made by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from evidence_given import BOB, CAROL, CONFIG, MAIL_TWO, attempt, delivered, evidence, fault

from sim.checks.one_message_a_key import one_message_a_key
from sim.evidence import Arrived, Evidence, Struck, Told
from sim.scenario import FaultKind, Mail

KEYED = replace(MAIL_TWO, key="1")
ONE, OTHER = delivered(KEYED), delivered(KEYED, copy=1)
TWICE = [attempt(KEYED, Told.UNKNOWN), attempt(KEYED, at=30.0)]
LATE_SYNC = CONFIG + "Force_Fsync = false\n"
SHORT = CONFIG + "Idempotency_Key_Time = 60\n"


def seen(arrived: Sequence[Arrived], *struck: Struck, mail: Mail = KEYED, config: str = CONFIG) -> Evidence:
    attempts = [replace(each, mail=mail) for each in TWICE]
    return evidence(*attempts, arrived=arrived, struck=struck, config=config)


def step(seconds: float) -> Struck:
    struck = fault(FaultKind.CLOCK_STEP)
    return replace(struck, fault=replace(struck.fault, amount=seconds))


FINE = {
    "sent twice, kept once": seen([ONE, delivered(KEYED, CAROL)]),
    "one batch that lies twice is not for this check": seen([ONE, ONE]),
    "two recipients were taken as two": seen([ONE, delivered(KEYED, CAROL, copy=1)]),
    "without a key": seen([ONE, OTHER], mail=MAIL_TWO),
    "bit rot": seen([ONE, OTHER], fault(FaultKind.BIT_ROT)),
    "a sync that failed": seen([ONE, OTHER], fault(FaultKind.SYNC_ERROR)),
    "power, and nothing is synced": seen([ONE, OTHER], fault(FaultKind.POWER), config=LATE_SYNC),
    "its time was over by the clock": seen([ONE, OTHER], step(50.0), config=SHORT),
}
BROKEN = {
    "two batches": seen([ONE, OTHER]),
    "power": seen([ONE, OTHER], fault(FaultKind.POWER)),
    "a full disk": seen([ONE, OTHER], fault(FaultKind.DISK_FULL)),
    "a step, and its time was not over": seen([ONE, OTHER], step(30.0), config=SHORT),
    "a step back": seen([ONE, OTHER], step(-50.0), config=SHORT),
    "denied": evidence(attempt(KEYED, Told.REFUSED, "554 5.5.0 another message came with this idempotency key")),
}


@pytest.mark.parametrize("story", FINE)
def test_it_is_permitted(story: str) -> None:
    assert list(one_message_a_key(FINE[story])) == []


@pytest.mark.parametrize("story", BROKEN)
def test_it_is_found(story: str) -> None:
    [violation] = one_message_a_key(BROKEN[story])
    assert violation.mail == KEYED.name
    assert BOB in violation.text or "refused for a key" in violation.text
