"""Checks of what the product says of itself, and of the envelope, on evidence made by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from evidence_given import (
    BOB,
    CAROL,
    MAIL_ONE,
    MAIL_TWO,
    at,
    attempt,
    batch_of,
    delivered,
    evidence,
    fault,
    received,
    went,
)

from momentum_trio.mail.record import Delivered, Failed, Received
from momentum_trio.mail.stage import Stage
from sim import checks
from sim.checks.answered import answered
from sim.checks.envelope_kept import envelope_kept
from sim.checks.prompt import prompt
from sim.checks.records_agree import records_agree
from sim.evidence import Arrived, Evidence, Struck, Told
from sim.scenario import FaultKind, Mail
from sim.show_words import MEANINGS


def deferred(reason: str, age: float = 0.5, when: float = 11.0, stage: int = 9) -> Failed:
    ids = ("m", batch_of(MAIL_ONE), "c", BOB, "", "default", "default")
    return Failed(at(when), *ids, False, "example.com", 0, stage, 0, age, "", reason)


LOST = "451 4.4.2 [internal] connection closed by remote host"
TWO = (received(MAIL_TWO), received(MAIL_TWO, CAROL))


def of_one(*records: Received | Delivered | Failed, struck: Sequence[Struck] = ()) -> Evidence:
    return evidence(attempt(MAIL_ONE), arrived=[delivered(MAIL_ONE)], records=records, struck=struck)


KEYED = replace(MAIL_ONE, key="one")


def sent_again(mail: Mail, killed: float) -> Evidence:
    """Nobody answered at 10 s; at 40 s it was answered 250, and no record tells of its reception."""
    attempts = attempt(mail, Told.UNKNOWN), attempt(mail, at=40.0)
    return evidence(*attempts, struck=[fault(FaultKind.KILL, at=killed, ended=None)])


AGREE = {
    "taken before by who was killed, and its key is known": sent_again(KEYED, 10.2),
    "received and delivered": of_one(received(MAIL_ONE), went(MAIL_ONE)),
    "killed before it could tell": of_one(received(MAIL_ONE), struck=[fault(FaultKind.KILL)]),
    "its reply was lost": of_one(received(MAIL_ONE), deferred(LOST)),
    "both recipients": evidence(attempt(MAIL_TWO), records=TWO),
    "nobody knows": evidence(attempt(MAIL_ONE, Told.UNKNOWN)),
    "postmaster has no domain": evidence(
        attempt(replace(MAIL_ONE, forward_paths=("postmaster",))),
        records=[received(MAIL_ONE, "postmaster@mx.example.com")],
    ),
}
DISAGREE = {
    "taken before by who was killed, but without a key": sent_again(MAIL_ONE, 10.2),
    "killed before it can have been taken": sent_again(KEYED, 9.0),
    "no reception": of_one(went(MAIL_ONE)),
    "no delivery": of_one(received(MAIL_ONE)),
    "no delivery, but a refusal": of_one(received(MAIL_ONE), deferred("452 4.2.2 mailbox full")),
    "no delivery, nor content": of_one(received(MAIL_ONE), deferred(LOST, stage=Stage.DURING_DATA)),
    "a reception twice": of_one(received(MAIL_ONE), received(MAIL_ONE), went(MAIL_ONE)),
    "a recipient missing": evidence(attempt(MAIL_TWO), records=TWO[:1]),
    "another sender": of_one(received(MAIL_ONE, sender="x@y.example"), went(MAIL_ONE)),
    "delivered twice": of_one(received(MAIL_ONE), went(MAIL_ONE), went(MAIL_ONE)),
    "younger than itself": of_one(received(MAIL_ONE), went(MAIL_ONE, age=-2.0)),
}


@pytest.mark.parametrize("story", AGREE)
def test_records_agree(story: str) -> None:
    assert list(records_agree(AGREE[story])) == []


@pytest.mark.parametrize("story", DISAGREE)
def test_records_disagree(story: str) -> None:
    assert [violation.invariant for violation in records_agree(DISAGREE[story])] == ["records_agree"]


def rewritten(old: bytes, new: bytes) -> Arrived:
    arrived = delivered(MAIL_ONE)
    assert old in arrived.octets
    return replace(arrived, octets=arrived.octets.replace(old, new, 1))


SENDER = b"Return-Path: <sender@client.example>\n"
ENVELOPES = {
    "another sender": rewritten(SENDER, b"Return-Path: <bob@example.com>\n"),
    "no sender": rewritten(SENDER, b""),
    "two senders": rewritten(SENDER, SENDER * 2),
    "another client": rewritten(b"[10.0.0.7] (", b"[10.0.0.8] ("),
    "no Received": replace(delivered(MAIL_ONE), octets=SENDER + delivered(MAIL_ONE).octets.partition(b"+0000\n")[2]),
}


def test_a_kept_envelope_is_well() -> None:
    assert list(envelope_kept(evidence(attempt(MAIL_ONE), arrived=[delivered(MAIL_ONE)]))) == []


@pytest.mark.parametrize("story", ENVELOPES)
def test_another_envelope_is_found(story: str) -> None:
    found = evidence(attempt(MAIL_ONE), arrived=[ENVELOPES[story]])
    assert [violation.mail for violation in envelope_kept(found)] == ["one"]


PROMPT = {
    "at once": of_one(went(MAIL_ONE)),
    "something broke before": of_one(deferred("450 later", when=60.0), struck=[fault(FaultKind.PARTITION, ended=9.0)]),
    "the next node's limit": of_one(deferred("452 4.5.3 batch limit reached")),
}
NOT_PROMPT = {
    "an attempt failed": of_one(deferred("450 4.4.1 [internal] Connection Timed Out")),
    "many attempts failed": of_one(*[deferred("450 later", when=11.0 + number) for number in range(9)]),
    "hours": of_one(went(MAIL_ONE, age=7000.0, when=7011.0)),
    "long after a fault": of_one(deferred("450 later", when=500.0), struck=[fault(FaultKind.PARTITION, ended=9.0)]),
}


@pytest.mark.parametrize("story", PROMPT)
def test_it_is_prompt(story: str) -> None:
    assert list(prompt(PROMPT[story])) == []


@pytest.mark.parametrize("story", NOT_PROMPT)
def test_it_is_not_prompt(story: str) -> None:
    assert [violation.invariant for violation in prompt(NOT_PROMPT[story])] == ["prompt"]


def test_nobody_is_put_off_for_a_disk_that_is_well() -> None:
    full = attempt(MAIL_ONE, Told.DEFERRED, "452 4.3.1 insufficient system storage")
    assert len(list(answered(evidence(full)))) == 1
    assert list(answered(evidence(full, struck=[fault(FaultKind.DISK_FULL)]))) == []


def test_a_listen_that_the_console_took_away_answers_nobody() -> None:
    refused = attempt(MAIL_ONE, Told.DEFERRED, "[Errno 111] Connection refused", at=500.0)
    for text, count in (("config set esmtp_listener listen :25 enable false", 0), ("config set retry_interval 3", 1)):
        said = fault(FaultKind.CONSOLE, ended=5.0, text=text)
        assert len(list(answered(evidence(refused, struck=[said])))) == count


def test_every_check_has_a_meaning() -> None:
    assert [check.name for check in checks.ALL if check.name not in MEANINGS] == []
