"""The other checks, on evidence made by hand: what breaks them, and what only looks as if it did."""

from __future__ import annotations

from dataclasses import replace

import pytest
from evidence_given import BOB, CAROL, CONFIG, MAIL_ONE, MAIL_TWO, at, attempt, batch_of, delivered, evidence, fault

from momentum_trio.mail.record import Level, Panic, Record, SessionEnded, Transferred
from sim.admin import Said
from sim.checks.delivered_once import delivered_once
from sim.checks.drained import drained
from sim.checks.failed_set_changes_nothing import failed_set_changes_nothing
from sim.checks.first_commit_wins import first_commit_wins
from sim.checks.no_leak import no_leak
from sim.checks.paniclog_says_nothing_of_ours import paniclog_says_nothing_of_ours
from sim.checks.relay_denied import relay_denied
from sim.checks.spool_size import spool_size
from sim.checks.unconfirmed_is_undone import unconfirmed_is_undone
from sim.evidence import Arrived, Attempt, Evidence, Struck, Told
from sim.scenario import FaultKind, Mail

TWICE = [delivered(MAIL_ONE), delivered(MAIL_ONE, copy=1)]
AS_ONE_BATCH = [delivered(MAIL_ONE), delivered(MAIL_ONE, copy=1, batch=batch_of(MAIL_ONE))]
WITH_THE_SINK = [delivered(MAIL_ONE, copy=n, batch=batch_of(MAIL_ONE), host="sink") for n in (0, 1)]
MOVED = Transferred(
    at(11), "m", batch_of(MAIL_ONE), "c", BOB, "", "default", "default", "example.com", 400, 0, 1.0, "10.0.0.9"
)
DUPLICATES_PERMITTED = {
    "the client was not told": evidence(
        attempt(MAIL_ONE, Told.UNKNOWN), attempt(MAIL_ONE, at=20.0), arrived=TWICE, struck=[fault(FaultKind.KILL)]
    ),
    "451 after a failed sync": evidence(
        attempt(MAIL_ONE, Told.DEFERRED),
        attempt(MAIL_ONE, at=20.0),
        arrived=TWICE,
        struck=[fault(FaultKind.SYNC_ERROR)],
    ),
    "relayed, and the node was killed": evidence(
        attempt(MAIL_ONE), arrived=WITH_THE_SINK, struck=[fault(FaultKind.KILL, at=12.0)]
    ),
    "relayed, and the link to the sink was cut": evidence(
        attempt(MAIL_ONE), arrived=WITH_THE_SINK, struck=[fault(FaultKind.PARTITION, "mx", "sink", at=12.0)]
    ),
    "two recipients": evidence(attempt(MAIL_TWO), arrived=[delivered(MAIL_TWO), delivered(MAIL_TWO, CAROL)]),
    "moved, and a node was killed": evidence(
        attempt(MAIL_ONE), arrived=AS_ONE_BATCH, records=[MOVED], struck=[fault(FaultKind.KILL, at=12.0)]
    ),
}
DUPLICATES = {
    "accepted once": evidence(attempt(MAIL_ONE), arrived=TWICE),
    "accepted once, and killed: a Maildir has it once all the same": evidence(
        attempt(MAIL_ONE), arrived=AS_ONE_BATCH, struck=[fault(FaultKind.KILL, at=12.0)]
    ),
    "the unknown attempt was to another": evidence(
        attempt(MAIL_TWO, Told.UNKNOWN, paths=(CAROL,)),
        attempt(MAIL_TWO, at=20.0),
        arrived=[delivered(MAIL_TWO), delivered(MAIL_TWO, copy=1), delivered(MAIL_TWO, CAROL)],
    ),
    "three of two attempts": evidence(
        attempt(MAIL_ONE, Told.UNKNOWN), attempt(MAIL_ONE, at=20.0), arrived=[*TWICE, delivered(MAIL_ONE, copy=2)]
    ),
    "451 with the disk well": evidence(
        attempt(MAIL_ONE, Told.DEFERRED), attempt(MAIL_ONE, at=20.0), arrived=TWICE, struck=[fault(FaultKind.KILL)]
    ),
    "452 of a full disk": evidence(
        attempt(MAIL_ONE, Told.DEFERRED, "452 4.3.1 insufficient system storage"),
        attempt(MAIL_ONE, at=20.0),
        arrived=TWICE,
        struck=[fault(FaultKind.DISK_FULL)],
    ),
    "moved, and no node ended": evidence(
        attempt(MAIL_ONE),
        arrived=AS_ONE_BATCH,
        records=[MOVED],
        struck=[fault(FaultKind.PARTITION, "mx", "sink", at=12.0)],
    ),
    "relayed, and nothing broke": evidence(attempt(MAIL_ONE), arrived=WITH_THE_SINK),
    "relayed, and it was over before": evidence(
        attempt(MAIL_ONE), arrived=WITH_THE_SINK, struck=[fault(FaultKind.KILL, at=1.0, ended=2.0)]
    ),
    "relayed, and the clock was set": evidence(
        attempt(MAIL_ONE), arrived=WITH_THE_SINK, struck=[fault(FaultKind.CLOCK_STEP, at=12.0)]
    ),
    "relayed, and the client's link was cut": evidence(
        attempt(MAIL_ONE), arrived=WITH_THE_SINK, struck=[fault(FaultKind.PARTITION, "client", "mx", at=12.0)]
    ),
    "a fault that did not strike": evidence(
        attempt(MAIL_ONE), arrived=WITH_THE_SINK, struck=[fault(FaultKind.KILL, at=12.0, did=False)]
    ),
}


@pytest.mark.parametrize("story", DUPLICATES_PERMITTED)
def test_a_copy_with_a_cause(story: str) -> None:
    assert list(delivered_once(DUPLICATES_PERMITTED[story])) == []


@pytest.mark.parametrize("story", DUPLICATES)
def test_a_copy_without_a_cause(story: str) -> None:
    assert [violation.invariant for violation in delivered_once(DUPLICATES[story])] == ["delivered_once"]


ELSEWHERE = Mail("away", 1.0, "client", "mx", 25, ("eve@elsewhere.example",))
DENIED = (("eve@elsewhere.example", "550 5.7.1 relaying denied"),)


def refused(mail: Mail = ELSEWHERE, replies: tuple[tuple[str, str], ...] = DENIED) -> Attempt:
    return replace(attempt(mail, Told.REFUSED, replies[-1][1], paths=()), refused_paths=replies)


OPEN = CONFIG.replace("ESMTP_Listener {", 'ESMTP_Listener { Peer "10.0.0.0/24" { Open_Relay = true }')
RELAYED_RIGHTLY = {
    "ours": evidence(attempt(MAIL_ONE)),
    "denied": evidence(refused()),
    "an open peer": evidence(attempt(ELSEWHERE), config=OPEN),
    "refused for something else": evidence(refused(MAIL_ONE, ((BOB, "550 5.7.1 no such user"),))),
    "deferred": evidence(attempt(ELSEWHERE, Told.DEFERRED, paths=())),
    "after the console opened it": evidence(
        attempt(ELSEWHERE), struck=[fault(FaultKind.CONSOLE, text="config set esmtp_listener open_relay true")]
    ),
    "to a sink": evidence(replace(attempt(ELSEWHERE), target_host="sink")),
}
RELAYED_WRONGLY = {
    "accepted": evidence(attempt(ELSEWHERE)),
    "accepted, and the content refused": evidence(attempt(ELSEWHERE, Told.REFUSED)),
    "ours, denied": evidence(refused(MAIL_ONE, ((BOB, DENIED[0][1]),))),
    "denied to an open peer": evidence(refused(), config=OPEN),
    "denied, and there all the same": evidence(refused(), arrived=[delivered(ELSEWHERE, "eve@elsewhere.example")]),
    "the console changed something else": evidence(
        attempt(ELSEWHERE), struck=[fault(FaultKind.CONSOLE, text="config set retry_interval 20")]
    ),
    "before the console opened it": evidence(
        attempt(ELSEWHERE),
        struck=[fault(FaultKind.CONSOLE, at=40.0, text="config set esmtp_listener open_relay true")],
    ),
    "an open peer, which he is not": evidence(attempt(ELSEWHERE), config=OPEN.replace("10.0.0.0/24", "10.1.0.0/16")),
}


@pytest.mark.parametrize("story", RELAYED_RIGHTLY)
def test_relaying_as_configured(story: str) -> None:
    assert list(relay_denied(RELAYED_RIGHTLY[story])) == []


@pytest.mark.parametrize("story", RELAYED_WRONGLY)
def test_relaying_not_as_configured(story: str) -> None:
    assert {violation.invariant for violation in relay_denied(RELAYED_WRONGLY[story])} == {"relay_denied"}


def test_a_refused_command_that_changed_something() -> None:
    command = fault(FaultKind.CONSOLE, text="config set x y")
    same = evidence(refused_commands=[(command, "A = 1\nB = 2", "A = 1\nB = 2")])
    (violation,) = failed_set_changes_nothing(evidence(refused_commands=[(command, "A = 1\nB = 2", "A = 1\nB = 3")]))
    assert list(failed_set_changes_nothing(same)) == []
    assert "'B = 2' to 'B = 3'" in violation.text


def conversation(*lines: str, after: str = "") -> Evidence:
    """One of which every line was taken."""
    said = Said("", True, "A = 1", after, tuple((line, True) for line in lines), first="A = 1")
    return evidence(conversations=[(fault(FaultKind.CONSOLE, text="\n".join(lines)), said)])


RACE = ("config begin", "another: config begin", "config set A 2", "another: config set A 1")  # which it was before


@pytest.mark.parametrize(
    ("lines", "count"),
    [
        ((*RACE, "another: config commit", "config commit"), 0),
        ((*RACE, "config commit", "another: config commit"), 1),
        (("config begin", "config set A 2", "another: config set a 3", "config commit"), 1),
        (("config begin", "config set A 2", "another: config set B 3", "config commit"), 0),
        (("config begin", "another: config set A 3", "config rollback", "config begin", "config set A 2"), 0),
        (("another: config set A 3", "config begin", "config set A 2", "config commit"), 0),
        (("config begin", "config set A 2", "config commit", "another: config set A 3"), 0),
    ],
)
def test_a_transaction_that_was_committed_over_another(lines: tuple[str, ...], count: int) -> None:
    assert len(list(first_commit_wins(conversation(*lines)))) == count


@pytest.mark.parametrize(
    ("lines", "after", "count"),
    [
        (("config commit confirmed 2",), "A = 2", 1),
        (("config commit confirmed 2",), "A = 1", 0),
        (("config commit confirmed 2", "another: config confirm"), "", 0),
        (("config commit confirmed 2", "config rollback"), "", 0),
        (("config commit",), "", 0),
    ],
)
def test_a_commit_that_nobody_confirmed(lines: tuple[str, ...], after: str, count: int) -> None:
    assert len(list(unconfirmed_is_undone(conversation(*lines, after=after)))) == count


SMALL = CONFIG + "Spool_Segment_Size = 1000 Idle_Time = 30\n"


def sampled(*samples: tuple[float, int, int], kind: FaultKind = FaultKind.KILL, ended: float = 1.0) -> Evidence:
    """In use and live octets by time; a fault from 0 to *ended*."""
    return evidence(
        config=SMALL, spool_octets=[("mx", *sample) for sample in samples], struck=[fault(kind, at=0.0, ended=ended)]
    )


@pytest.mark.parametrize(
    ("found", "count"),
    [
        (sampled((40.0, 2000, 0), (50.0, 4000, 1000)), 0),
        (sampled((40.0, 2001, 0), (50.0, 2000, 0)), 0),  # one sample alone
        (sampled((40.0, 2001, 0), (60.0, 2001, 0), (70.0, 2001, 0), (90.0, 0, 0)), 1),
        (sampled((40.0, 2001, 0), (60.0, 2000, 0), (71.0, 2001, 0), (90.0, 0, 0)), 0),
        (sampled((40.0, 0, 0), (50.0, 2001, 0)), 1),  # the last
        (sampled((40.0, 2001, 0), (60.0, 2001, 0), (71.0, 2001, 0), (99.0, 0, 0), kind=FaultKind.PAUSE, ended=60.0), 0),
        (sampled((40.0, 2001, 0), (60.0, 2001, 0), (71.0, 2001, 0), (99.0, 0, 0), kind=FaultKind.CLOCK_STEP), 1),
    ],
)
def test_the_law_of_the_spools_size(found: Evidence, count: int) -> None:
    assert len(list(spool_size(found))) == count


@pytest.mark.parametrize(
    ("told", "at_seconds", "count"),
    [(Told.UNKNOWN, 39.5, 0), (Told.UNKNOWN, 10.0, 1), (Told.ACCEPTED, 39.5, 1), (Told.DEFERRED, 73.0, 1)],
)
def test_what_a_client_has_sent_of_a_mail_takes_room(told: Told, at_seconds: float, count: int) -> None:
    """From its first word until it is known to be gone, or the mail is in custody."""
    found = sampled((42.0, 62_000, 0), (60.0, 62_000, 0), (72.0, 62_000, 0), (76.0, 0, 0))
    found.attempts.append(attempt(replace(MAIL_ONE, octets=60_000), told, at=at_seconds))
    assert len(list(spool_size(found))) == count


def test_a_segment_is_64_mib_unless_somebody_says_otherwise() -> None:
    law = 2 * 64 * 1024 * 1024
    assert list(spool_size(evidence(spool_octets=[("mx", 1.0, law, 0)]))) == []
    assert len(list(spool_size(evidence(spool_octets=[("mx", 1.0, law + 1, 0)])))) == 1


def test_what_does_not_come_to_rest() -> None:
    late = evidence(attempt(MAIL_ONE), arrived=[delivered(MAIL_ONE)], drained_after_seconds=61.0)
    (violation,) = drained(late)
    assert "61 s" in violation.text
    owed = evidence(attempt(MAIL_ONE, Told.DEFERRED), attempt(MAIL_TWO), arrived=[delivered(MAIL_TWO)])
    owed.drained_after_seconds = None
    (violation,) = drained(owed)
    assert "one, two" in violation.text
    assert list(drained(evidence(attempt(MAIL_ONE), arrived=[delivered(MAIL_ONE)]))) == []


@pytest.mark.parametrize(
    ("baseline", "leftover", "count"),
    [
        ({"tasks": 9, "sockets": 2}, {"tasks": 9, "sockets": 2}, 0),
        ({"tasks": 9}, {"tasks": 10}, 1),
        ({"tasks": 9}, {"tasks": 8}, 0),
        ({}, {"files": 1}, 1),
        ({"sockets": 2}, {"sockets": 1}, 1),
        ({"sockets": 1}, {}, 1),
    ],
)
def test_what_is_left_open(baseline: dict[str, int], leftover: dict[str, int], count: int) -> None:
    def found(*struck: Struck) -> int:
        return len(list(no_leak(evidence(struck=struck, baseline={"mx": baseline}, leftover={"mx": leftover}))))

    assert found() == count
    assert found(fault(FaultKind.CONSOLE, text="config set retry_interval 20")) == count
    assert found(fault(FaultKind.CONSOLE, text='config set esmtp_listener listen ":26" enable true')) == 0
    assert list(no_leak(evidence(baseline={}, leftover={"mx": {"tasks": 1}}, drained_after_seconds=None))) == []


@pytest.mark.parametrize(
    ("record", "ours"),
    [
        (Panic(at(3), Level.CRITICAL, "SMTP c 10.0.0.7:1\nTraceback (most recent call last):\n..."), True),
        (Panic(at(3), Level.ERROR, "delivery by MAILDIR: KeyError: 'x'"), True),
        (Panic(at(3), Level.ERROR, "spool: cannot write: No space left on device"), False),
        (Panic(at(3), Level.ERROR, "no descriptor left for a connection at *:25"), False),
        (SessionEnded(at(3), "SMTP", "c", 1, 1, "fault"), True),
        (SessionEnded(at(3), "SMTP", "c", 1, 1, "closed"), False),
    ],
)
def test_faults_of_our_own(record: Record, ours: bool) -> None:
    found = list(paniclog_says_nothing_of_ours(evidence(records=[record])))
    assert [(violation.seconds, violation.host) for violation in found] == ([(3.0, "mx")] if ours else [])


def test_the_owner_of_a_mailbox_is_known_whatever_the_domains_case() -> None:
    again = [delivered(MAIL_ONE), Arrived("mx", "bob@EXAMPLE.COM", delivered(MAIL_ONE, copy=1).octets, "y")]
    assert len(list(delivered_once(evidence(attempt(MAIL_ONE), arrived=again)))) == 1
