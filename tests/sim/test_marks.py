"""What a run reached: each mark by evidence that has it, none by evidence that has not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from evidence_given import BOB, MAIL_ONE, MAIL_TWO, at, attempt, delivered, evidence, fault

from momentum_trio.mail.record import Delivered, Failed, Level, Panic, Received, Reconfigured, SessionEnded, Transferred
from momentum_trio.spool.segment import segment_name
from sim.client import LEFT
from sim.dsn import Report
from sim.evidence import Evidence, Exchange, Struck, Told
from sim.hook import Hooked
from sim.marks import MARKS, NAMES, Campaign, reached
from sim.scenario import FaultKind, NamePlan, Program
from sim.seats import Look

IDS = ("b", "c", BOB, "", "default", "default")


def panic(text: str) -> Evidence:
    return evidence(records=[Panic(at(1), Level.ERROR, text)])


def ended(why: str) -> Evidence:
    return evidence(records=[SessionEnded(at(1), "SMTP", "c", 1, 1, why)])


def told(reply: str) -> Evidence:
    return evidence(attempt(MAIL_ONE, Told.DEFERRED, reply))


def traced(kind: str) -> Evidence:
    found = evidence()
    found.world.kernel.trace(kind, "mx")
    return found


def segments(*numbers: int, struck: Sequence[Struck] = ()) -> Evidence:
    """A node of one life, with these segments on its disk."""
    found = evidence(records=[Panic(at(1), Level.NOTICE, "hello")], struck=struck)
    for number in numbers:
        found.world.hosts["mx"].store.put(f"/var/spool/ecelerity/log/{segment_name(number, 7)}", b"")
    return found


def delivered_by_another() -> Evidence:
    found = evidence(
        records=[
            Received(at(1), "m", *IDS, "10.0.0.7", 9, "esmtp"),
            Delivered(at(2), "m", *IDS, "example.com", 9, 0, 1.0, ""),
        ]
    )
    found.world.records[1] = (found.world.hosts["mx"]._new_life(), found.world.records[1][1])
    return found


def to_a_worse_exchanger() -> Evidence:
    record = Delivered(at(2), "m", *IDS, "example.com", 9, 0, 1.0, "10.0.0.9")
    found = evidence(records=[record])
    found.scenario = replace(found.scenario, names=(NamePlan("example.com", mx=("20 sink", "10 mx")),))
    return found


def said(*lines: str, ok: bool | None = True, answer: str = "") -> Evidence:
    """Lines said at a console, all at once, each in a session of its own."""
    ended = None if ok is None else 9.0
    exchanges = [Exchange("mx", 1, number, line, 1.0, ended, ok, answer) for number, line in enumerate(lines)]
    return evidence(attempt(MAIL_ONE, at=2.0), exchanges=exchanges)


def at_a_manager(line: str, *, ok: bool | None = True, answer: str = "") -> Evidence:
    """*line* said at its console."""
    found = said(line, ok=ok, answer=answer)
    plans = (replace(plan, program=Program.ECCMGR) if plan.name == "mx" else plan for plan in found.scenario.hosts)
    found.scenario = replace(found.scenario, hosts=tuple(plans))
    return found


def switched() -> Evidence:
    found = said("config unset esmtp_listener listen *:25", "config commit")
    found.exchanges[1].session = found.exchanges[0].session
    found.attempts[0] = replace(found.attempts[0], connected=2.0)
    return found


REACHED = {
    "accepted": evidence(attempt(MAIL_ONE)),
    "deferred": evidence(attempt(MAIL_ONE, Told.DEFERRED)),
    "unknown": evidence(attempt(MAIL_ONE, Told.UNKNOWN)),
    "client_retried": evidence(attempt(MAIL_ONE, Told.DEFERRED), attempt(MAIL_ONE)),
    "connection_refused": told("[Errno 111] Connection refused"),
    "client_left": told(LEFT),
    "connection_reset": told("[Errno 104] Connection reset by peer"),
    "backlog_overflow": traced("syn-dropped"),
    "timed_out": traced("timeout"),
    "disk_failed": traced("disk-error"),
    "write_torn": traced("disk-torn"),
    "webhook_told": evidence(hooked=[Hooked("mx", 1.0, "a", b"")]),
    "webhook_repeated": evidence(hooked=[Hooked("mx", 1.0, "a", b"")] * 2),
    "relay_denied": evidence(
        replace(attempt(MAIL_ONE, Told.REFUSED), refused_paths=((BOB, "550 5.7.1 relaying denied"),))
    ),
    "duplicate": evidence(attempt(MAIL_ONE), arrived=[delivered(MAIL_ONE), delivered(MAIL_ONE, copy=1)]),
    "arrived": evidence(attempt(MAIL_ONE), arrived=[delivered(MAIL_ONE)]),
    "second_copy": evidence(attempt(MAIL_ONE), arrived=[delivered(MAIL_ONE), delivered(MAIL_ONE, copy=1)]),
    "sender_told": evidence(attempt(MAIL_ONE), reports=[Report(delivered(MAIL_ONE), "sender@client.example")]),
    "seats_used_up": evidence(seats=[Look(2.0, ("smtp",), 3, {"mx#1": 1, "mx#2": 2})]),
    "moved": evidence(records=[Transferred(at(2), "m", *IDS, "example.com", 9, 0, 1.0, "10.0.0.9")]),
    "worse_exchanger": to_a_worse_exchanger(),
    "451_disk": told("451 4.3.0 transaction failed"),
    "452_full": told("452 4.3.1 insufficient system storage"),
    "421_drain": told("421 4.3.2 Service shutting down"),
    "421_idle": told("421 4.4.2 mx idle timeout"),
    "421_ceiling": told("421 4.4.5 Service unavailable, concurrency limit reached"),
    "session_idle": ended("idle"),
    "session_drained": ended("drain"),
    "descriptors_exhausted": panic("no descriptor left for a connection at *:25"),
    "sync_in_doubt": panic("spool: refused after a failed sync, may appear twice: 00/00-00001-00000000"),
    "segment_sealed": panic("spool: segment 1 is sealed at 100 octets: no"),
    "quarantined": panic("spool: 9 octets at 64 are damaged; kept in quarantine as x"),
    "compaction_paused": panic("spool: compaction pauses: no"),
    "segment_rotated": segments(1, 2),
    "segment_reclaimed": segments(3),
    "deferred_then_delivered": evidence(records=[Delivered(at(2), "m", *IDS, "example.com", 9, 1, 1.0, "")]),
    "given_up": evidence(records=[Failed(at(2), "m", *IDS, True, "example.com", 0, 9, 3, 1.0, "", "554 no")]),
    "delivered_by_another_life": delivered_by_another(),
    "reconfigured": evidence(records=[Reconfigured(at(1), 2)]),
    "commits_raced": said("config commit", "config commit"),
    "commit_taken_back": panic("a commit was not confirmed in time: generation 3 is as before it"),
    "console_left": said("config commit", ok=None),
    "reload_refused": said("config reload next.conf", ok=False),
    "written_back": said("config writeback"),
    "switched_under_load": switched(),
    "explained": said(f"config explain 10.0.0.7 to 10.0.0.25:25 from a@b.example rcpt {BOB}", answer="has no session"),
    "broadcast": at_a_manager("broadcast version"),
    "broadcast_waiting": at_a_manager("retrieve version", answer="[mx] has not answered yet\n"),
    "broadcast_answered": at_a_manager("retrieve version", answer="[mx]\n1\n"),
    "broadcast_failed": at_a_manager("retrieve version", answer="[mx] failed\nno\n"),
    "broadcast_gone": at_a_manager("retrieve version", answer="[mx] left before it had answered\n"),
    "broadcast_unknown": at_a_manager("retrieve version", ok=False),
    "broadcast_left": at_a_manager("broadcast version", ok=None),
    "manager_anew": at_a_manager("config set cluster Heartbeat_Start_Delay 3"),
    "command_refused": evidence(refused_commands=[(fault(FaultKind.CONSOLE, text="x"), "", "")]),
}


@pytest.mark.parametrize("mark", MARKS, ids=lambda mark: mark.name)
def test_each_mark_is_reached_by_what_it_means(mark: object) -> None:
    assert {getattr(mark, "name", "")} <= set(reached(REACHED[getattr(mark, "name", "")]))


def test_nothing_reaches_nothing() -> None:
    assert reached(evidence()) == {}
    assert reached(evidence(attempt(MAIL_ONE), attempt(MAIL_TWO), arrived=[])) == {"accepted": 2}
    assert reached(segments(1)) == {}
    assert reached(segments(1, 2, struck=[fault(FaultKind.DISK_FULL)])) == {"fault.disk_full": 1}


def test_faults_are_marks_where_they_struck() -> None:
    struck = [fault(FaultKind.KILL), fault(FaultKind.KILL), fault(FaultKind.POWER, did=False)]
    assert reached(evidence(struck=struck)) == {"fault.kill": 2}


def test_a_campaign_says_what_it_never_reached() -> None:
    campaign = Campaign()
    campaign.add({"fault.kill": 2, "accepted": 5})
    campaign.add({"accepted": 1})
    assert (campaign.count, campaign.runs["accepted"], campaign.times["accepted"]) == (2, 2, 6)
    assert campaign.never(["accepted", "fault.power", "fault.kill"]) == ("fault.power",)


def test_every_mark_has_a_name_of_its_own() -> None:
    assert len(NAMES) == len(MARKS) + len(FaultKind)
