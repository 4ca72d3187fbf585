"""Checks about mail, on evidence made by hand: whole, broken, and of the kind that tempts to a false alarm."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from evidence_given import (
    BOB,
    CAROL,
    CONFIG,
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

from momentum_trio.mail.record import Failed
from sim.checks import ALL
from sim.checks.content_unchanged import content_unchanged
from sim.checks.no_accepted_lost import no_accepted_lost
from sim.checks.nothing_invented import nothing_invented
from sim.dsn import Report, Reported
from sim.evidence import Arrived, Evidence, Struck, Told
from sim.letter import content_of
from sim.scenario import FaultKind

LATE_SYNC = CONFIG + "Force_Fsync = false\n"


def whole() -> Evidence:
    return evidence(
        attempt(MAIL_ONE),
        attempt(MAIL_TWO),
        arrived=[delivered(MAIL_ONE), delivered(MAIL_TWO), delivered(MAIL_TWO, CAROL)],
        records=[
            record
            for number, (mail, path) in enumerate(((MAIL_ONE, BOB), (MAIL_TWO, BOB), (MAIL_TWO, CAROL)))
            for record in (received(mail, path), went(mail, path, message=str(number)))
        ],
    )


def test_a_good_run_breaks_nothing() -> None:
    assert [violation for check in ALL for violation in check.find(whole())] == []


def failed(reason: str, age: float, peer: str = "", when: float = 20.0) -> Failed:
    return Failed(
        at(when),
        "m",
        batch_of(MAIL_ONE),
        "c",
        BOB,
        "",
        "default",
        "default",
        True,
        "example.com",
        0,
        9,
        3,
        age,
        peer,
        reason,
    )


def expiring(text: str, *records: Failed, struck: Sequence[Struck] = ()) -> Evidence:
    return evidence(attempt(MAIL_ONE), config=CONFIG + text, records=records, struck=struck)


SIXTY = "Message_Expiration = 60\n"
PER_DOMAIN = SIXTY + 'Domain "example.com" { Message_Expiration = 600 }\n'
TOLD = Report(
    delivered(MAIL_ONE), "sender@client.example", MAIL_ONE.name, (Reported(BOB, "", "failed", "5.4.4", "556 no"),)
)
NOT_LOST = {
    "its outcome is unknown": evidence(attempt(MAIL_ONE, Told.UNKNOWN)),
    "it was refused": evidence(attempt(MAIL_ONE, Told.REFUSED)),
    "it was deferred": evidence(attempt(MAIL_ONE, Told.DEFERRED)),
    "bit rot hit it": evidence(attempt(MAIL_ONE), struck=[fault(FaultKind.BIT_ROT, mails=("one",))]),
    "it expired": expiring(SIXTY, failed("554 5.4.7 [internal]", 60.0, when=70.0)),
    "it expired as its domain says": expiring(PER_DOMAIN, failed("554 5.4.7 [internal]", 600.0, when=610.0)),
    "it expired by a stepped clock": expiring(
        SIXTY, failed("554 5.4.7 [internal]", 60.0, when=20.0), struck=[fault(FaultKind.CLOCK_STEP)]
    ),
    "its next host refused it": evidence(attempt(MAIL_ONE), records=[failed("550 no", 1.0, "10.0.0.9")]),
    "synced late, before power was lost": evidence(
        attempt(MAIL_ONE), struck=[fault(FaultKind.POWER, at=11.0)], config=LATE_SYNC
    ),
    "synced late, to a disk that failed already": evidence(
        attempt(MAIL_ONE), struck=[fault(FaultKind.SYNC_ERROR, at=9.0, ended=11.0)], config=LATE_SYNC
    ),
    "power was lost at a step, long after that was armed": evidence(
        attempt(MAIL_ONE), struck=[fault(FaultKind.POWER_AT_STEP, at=11.0, ended=30.0)], config=LATE_SYNC
    ),
    "a life that ended had told its sender, and nobody else": evidence(
        attempt(MAIL_ONE), struck=[fault(FaultKind.POWER_AT_STEP, at=11.0)], reports=[TOLD]
    ),
    "a recipient was accepted by nobody": evidence(attempt(MAIL_TWO, paths=(BOB,)), arrived=[delivered(MAIL_TWO)]),
    "the domain in capitals": evidence(
        attempt(MAIL_ONE), arrived=[Arrived("mx", "bob@EXAMPLE.com", delivered(MAIL_ONE).octets, "x")]
    ),
}
LOST = {
    "with nothing to excuse it": evidence(attempt(MAIL_ONE)),
    "one of two recipients": evidence(attempt(MAIL_TWO), arrived=[delivered(MAIL_TWO)]),
    "power is no excuse": evidence(attempt(MAIL_ONE), struck=[fault(FaultKind.POWER, at=11.0)]),
    "told without a cause": evidence(attempt(MAIL_ONE), reports=[TOLD]),
    "told, and recorded as given up by ourselves": evidence(
        attempt(MAIL_ONE),
        struck=[fault(FaultKind.POWER, at=11.0)],
        records=[failed("554 5.7.0 [internal] oh", 1.0)],
        reports=[TOLD],
    ),
    "bit rot hit another": evidence(attempt(MAIL_ONE), struck=[fault(FaultKind.BIT_ROT, mails=("two",))]),
    "bit rot struck nothing": evidence(attempt(MAIL_ONE), struck=[fault(FaultKind.BIT_ROT, did=False, mails=("one",))]),
    "expired before its time": expiring(SIXTY, failed("554 5.4.7 [internal]", 9.0, when=70.0)),
    "expired by another domain's time": expiring(PER_DOMAIN, failed("554 5.4.7 [internal]", 60.0, when=70.0)),
    "expired of an age it cannot have": expiring(SIXTY, failed("554 5.4.7 [internal]", 60.0, when=20.0)),
    "given up by ourselves": evidence(attempt(MAIL_ONE), records=[failed("554 5.7.0 [internal] oh", 1.0)]),
    "power long after the late sync": evidence(
        attempt(MAIL_ONE), struck=[fault(FaultKind.POWER, at=40.0)], config=LATE_SYNC
    ),
    "its disk failed long after the late sync": evidence(
        attempt(MAIL_ONE), struck=[fault(FaultKind.SYNC_ERROR, at=40.0, ended=50.0)], config=LATE_SYNC
    ),
    "power before it came": evidence(attempt(MAIL_ONE), struck=[fault(FaultKind.POWER, at=9.0)], config=LATE_SYNC),
    "an unknown attempt after it": evidence(attempt(MAIL_ONE), attempt(MAIL_ONE, Told.UNKNOWN, at=12.0)),
    "another mail is there": evidence(
        attempt(MAIL_ONE), attempt(MAIL_TWO, paths=(BOB,)), arrived=[delivered(MAIL_TWO)]
    ),
}


@pytest.mark.parametrize("story", NOT_LOST)
def test_nothing_is_lost_when(story: str) -> None:
    assert list(no_accepted_lost(NOT_LOST[story])) == []


@pytest.mark.parametrize("story", LOST)
def test_it_is_lost(story: str) -> None:
    (violation,) = no_accepted_lost(LOST[story])
    assert violation.invariant == "no_accepted_lost"
    assert violation.mail in ("one", "two")


def test_mail_that_waits_in_a_spool_is_not_lost_unless_the_spool_was_drained() -> None:
    for drained, count in ((None, 0), (3.0, 1)):
        found = evidence(attempt(MAIL_ONE), drained_after_seconds=drained)
        found.world.hosts["mx"].store.put("/var/spool/ecelerity/log/1.log", content_of(MAIL_ONE))
        assert len(list(no_accepted_lost(found))) == count


def test_octets_in_quarantine_are_not_custody() -> None:
    found = evidence(attempt(MAIL_ONE), drained_after_seconds=None)
    found.world.hosts["mx"].store.put("/var/spool/ecelerity/quarantine/1.log-0", content_of(MAIL_ONE))
    assert len(list(no_accepted_lost(found))) == 1


CONTENT = content_of(MAIL_ONE)
CHANGED = {
    "cut": CONTENT[:-2],
    "longer": CONTENT + b"more\r\n",
    "an octet": CONTENT.replace(b"dot", b"d0t", 1),
    "a dot lost": CONTENT.replace(b"\r\n..", b"\r\n.", 1),
    "a dot left": CONTENT.replace(b"\r\n.", b"\r\n..", 1),
    "the other's body": CONTENT[: CONTENT.index(b"\r\n\r\n")] + content_of(MAIL_TWO)[CONTENT.index(b"\r\n\r\n") :],
}


@pytest.mark.parametrize("change", CHANGED)
def test_changed_content_is_found(change: str) -> None:
    found = evidence(attempt(MAIL_ONE), arrived=[delivered(MAIL_ONE, content=CHANGED[change])])
    (violation,) = content_unchanged(found)
    assert violation.mail == "one"


def test_bit_rot_permits_no_changed_content() -> None:
    rot = fault(FaultKind.BIT_ROT, mails=("one",))
    found = evidence(attempt(MAIL_ONE), arrived=[delivered(MAIL_ONE, content=CHANGED["an octet"])], struck=[rot])
    assert len(list(content_unchanged(found))) == 1


def test_trace_fields_and_line_ends_are_no_change() -> None:
    relayed = b"Received: by another\r\n\tid 1; x\r\n" + CONTENT
    assert list(content_unchanged(evidence(arrived=[delivered(MAIL_ONE, content=relayed)], mails=[MAIL_ONE]))) == []


INVENTED = {
    "no name": evidence(arrived=[Arrived("mx", BOB, b"torn", "x")], mails=[MAIL_ONE]),
    "an empty file": evidence(arrived=[Arrived("mx", BOB, b"", "x")], mails=[MAIL_ONE]),
    "nobody sent it": evidence(arrived=[delivered(MAIL_ONE)], mails=[MAIL_ONE]),
    "another mailbox": evidence(attempt(MAIL_ONE), arrived=[delivered(MAIL_ONE), delivered(MAIL_ONE, CAROL)]),
    "refused": evidence(attempt(MAIL_ONE, Told.REFUSED), arrived=[delivered(MAIL_ONE)]),
    "deferred, the disk being well": evidence(attempt(MAIL_ONE, Told.DEFERRED), arrived=[delivered(MAIL_ONE)]),
    "deferred for a limit": evidence(
        attempt(MAIL_ONE, Told.DEFERRED, "421 4.4.5 Service unavailable"),
        arrived=[delivered(MAIL_ONE)],
        struck=[fault(FaultKind.SYNC_ERROR)],
    ),
    "this recipient was refused": evidence(
        attempt(MAIL_TWO, paths=(BOB,)), arrived=[delivered(MAIL_TWO), delivered(MAIL_TWO, CAROL)]
    ),
}
NOT_INVENTED = {
    "accepted": evidence(attempt(MAIL_ONE), arrived=[delivered(MAIL_ONE)]),
    "unknown": evidence(attempt(MAIL_ONE, Told.UNKNOWN), arrived=[delivered(MAIL_ONE)]),
    "451 after a failed sync": evidence(
        attempt(MAIL_ONE, Told.DEFERRED), arrived=[delivered(MAIL_ONE)], struck=[fault(FaultKind.SYNC_ERROR)]
    ),
    "first deferred, then accepted": evidence(
        attempt(MAIL_ONE, Told.DEFERRED), attempt(MAIL_ONE, at=20.0), arrived=[delivered(MAIL_ONE)]
    ),
}


@pytest.mark.parametrize("story", INVENTED)
def test_it_is_invented(story: str) -> None:
    assert [violation.invariant for violation in nothing_invented(INVENTED[story])] == ["nothing_invented"]


@pytest.mark.parametrize("story", NOT_INVENTED)
def test_it_is_not_invented(story: str) -> None:
    assert list(nothing_invented(NOT_INVENTED[story])) == []
