"""Checks of how mail leaves: notifications, retries, throttles, mail exchangers, logs; on evidence made by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import msgspec
import pytest
from evidence_given import BOB, CONFIG, MAIL_ONE, at, attempt, batch_of, delivered, evidence, fault, received, went

from momentum_trio.log import mainlog
from momentum_trio.mail.record import Delivered, Failed, Received, Record
from sim.checks.best_mx_first import best_mx_first
from sim.checks.bounced_once import bounced_once
from sim.checks.envelope_kept import envelope_kept
from sim.checks.logs_agree import logs_agree
from sim.checks.no_accepted_lost import no_accepted_lost
from sim.checks.no_bounce_of_a_bounce import no_bounce_of_a_bounce
from sim.checks.reported_right import reported_right
from sim.checks.retried_in_time import retried_in_time
from sim.checks.throttled import throttled
from sim.dsn import Report, is_report, read_report
from sim.evidence import Arrived, Evidence, Struck
from sim.heard import Heard
from sim.letter import content_of
from sim.scenario import Behaviour, Expect, FaultKind, HostPlan, Mail, NamePlan, Program, SinkPlan, Turn

NO = "550 5.1.1 no such user"
SENDER = "sender@client.example"


def report(
    mail: Mail = MAIL_ONE,
    *,
    to: str = SENDER,
    path: str = BOB,
    action: str = "failed",
    status: str = "5.1.1",
    said: str = NO,
    sender: str = "",
    copy: int = 0,
    returned: bytes | None = None,
    envelope_id: str = "",
) -> Report:
    """A notification as it lies in a mailbox."""
    octets = content_of(mail) if returned is None else returned
    header = octets.partition(b"\r\n\r\n")[0]
    text = (
        f"Return-Path: <{sender}>\r\nFrom: MAILER-DAEMON@mx.example.com\r\nTo: <{to}>\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n'
        "--b\r\nContent-Type: text/plain\r\n\r\nIt failed.\r\n"
        "--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example.com\r\n"
        f"{f'Original-Envelope-Id: {envelope_id}' if envelope_id else 'Arrival-Date: today'}\r\n\r\n"
        f"Final-Recipient: rfc822; {path}\r\nAction: {action}\r\nStatus: {status}\r\n"
        f"Diagnostic-Code: smtp; {said}\r\n\r\n"
        "--b\r\nContent-Type: text/rfc822-headers\r\n\r\n"
    )
    return read_report(Arrived("mx", to, text.encode() + header + b"\r\n\r\n--b--\r\n", f"/var/mail/{copy}"))


def failed(
    mail: Mail = MAIL_ONE,
    *,
    permanent: bool = True,
    when: float = 12.0,
    retries: int = 0,
    reason: str = NO,
    path: str = BOB,
    peer: str = "10.0.0.9",
    stage: int = 4,
    message: str = "m",
    age: float = 0.5,
) -> Failed:
    ids = (message, batch_of(mail), "c", path, SENDER, "default", "default")
    return Failed(at(when), *ids, permanent, "example.com", 400, stage, retries, age, peer, reason)


def heard(turn: Turn = Turn.RCPT, reply: str = NO, path: str = BOB, mail: str = "") -> Heard:
    return Heard("sink", 11.0, turn, "10.0.0.25:1", "10.0.0.9:25", reply, SENDER, path, mail=mail)


def bounced(
    *reports: Report, mail: Mail = MAIL_ONE, heards: Sequence[Heard] = (), struck: Sequence[Struck] = ()
) -> Evidence:
    found = evidence(
        attempt(mail), records=[received(mail), failed(mail)], reports=list(reports), heard=list(heards), struck=struck
    )
    found.scenario = replace(found.scenario, expect=Expect(reported=("client.example",)))
    return found


def test_a_notification_is_read() -> None:
    read = report()
    assert is_report(read.arrived.octets)
    assert not is_report(delivered(MAIL_ONE).octets)
    assert (read.mail, read.problem, read.reverse_path) == ("one", "", "")
    (reported,) = read.recipients
    assert (reported.address, reported.action, reported.status, reported.diagnostic) == (BOB, "failed", "5.1.1", NO)


def test_what_a_notification_without_its_content_is_about() -> None:
    nothing = b"Subject: nothing\r\n\r\n"
    assert report(returned=nothing).mail == ""
    assert report(returned=nothing, envelope_id="one").mail == "one"
    assert report(envelope_id="another").mail == "one"


def test_who_sent_what_failed_must_hear_of_it() -> None:
    assert [one.text for one in no_accepted_lost(bounced())] == [f"one for {BOB} failed, and <{SENDER}> was not told"]
    assert list(no_accepted_lost(bounced(report()))) == []
    for mail in (
        replace(MAIL_ONE, reverse_path=""),
        replace(MAIL_ONE, notify="NEVER"),
        replace(MAIL_ONE, notify="DELAY"),
    ):
        assert list(no_accepted_lost(bounced(mail=mail))) == []


def test_he_hears_of_it_once() -> None:
    twice = (report(), report(copy=1))
    assert list(bounced_once(bounced(report()))) == []
    assert len(list(bounced_once(bounced(*twice)))) == 1
    assert list(bounced_once(bounced(*twice, struck=[fault(FaultKind.KILL)]))) == []
    assert list(bounced_once(bounced(*twice, heards=[heard(Turn.STORED, "", mail="one")]))) == []
    both = bounced(report())
    both.arrived = [delivered(MAIL_ONE)]
    assert len(list(bounced_once(both))) == 1


def test_nobody_hears_of_a_notification() -> None:
    null = replace(MAIL_ONE, reverse_path="")
    about_one = report(returned=report().arrived.octets.partition(b"\r\n")[2])
    assert list(no_bounce_of_a_bounce(bounced(report()))) == []
    assert len(list(no_bounce_of_a_bounce(bounced(report(sender=SENDER))))) == 1
    assert len(list(no_bounce_of_a_bounce(bounced(report(null), mail=null)))) == 1
    assert len(list(no_bounce_of_a_bounce(bounced(about_one)))) == 1


@pytest.mark.parametrize(
    ("found", "wrong"),
    [
        (report(), ""),
        (report(status="4.1.1"), ""),
        (report(status="2.1.1"), "failed with status 2.1.1"),
        (report(status="5"), "lacks a field, or has a wrong one"),
        (report(path="carol@example.com"), "for whom it was not accepted"),
        (report(said="550 5.7.1 another"), "nobody said of"),
        (report(said="554 5.4.7 [internal] too old"), ""),
        (report(to="other@client.example"), "the mail came from"),
        (report(returned=b"Subject: x\r\n\r\n"), "returns nothing that a client sent"),
        (report(action="delayed", status="4.4.1", said="451 later"), ""),
        (report(action="delayed", status="5.4.1", said="451 later"), "delayed with status"),
    ],
)
def test_it_says_what_is_so(found: Report, wrong: str) -> None:
    problems = [one.text for one in reported_right(bounced(found, heards=[heard()]))]
    assert bool(problems) == bool(wrong)
    assert any(wrong in problem for problem in problems) == bool(wrong)


def tried(*times: float, retries: Sequence[int] = (0, 1, 2, 3), struck: Sequence[Struck] = ()) -> Evidence:
    records = [failed(permanent=False, when=10 + when, retries=n) for when, n in zip(times, retries, strict=False)]
    return evidence(
        attempt(MAIL_ONE),
        records=records,
        struck=struck,
        config=f"{CONFIG}Retry_Interval = 10 Max_Retry_Interval = 25 Host_Failure_Retry = 5",
    )


@pytest.mark.parametrize(
    ("found", "count"),
    [
        (tried(0, 10, 30, 55), 0),
        (tried(0, 10.5, 30.5, 56), 0),
        (tried(0, 9.5, 29.5), 1),
        (tried(0, 10, 20), 1),  # the interval did not double
        (tried(0, 10, 30, 70), 0),
        (tried(0, 10, 30, 91), 1),
        (tried(0, 10, 30, 91, struck=[fault(FaultKind.PAUSE, at=60.0)]), 0),
        (tried(0, 10, retries=(0, 2)), 1),
    ],
)
def test_the_retry_rule(found: Evidence, count: int) -> None:
    assert len(list(retried_in_time(found))) == count


def paced(every: float, many: int, *, limit: str = "2/10") -> Evidence:
    """So many messages received at once, and delivered one after the other."""
    batches = [(f"m{n}", replace(MAIL_ONE, name=f"n{n}")) for n in range(many)]
    records: list[Record] = [msgspec.structs.replace(received(mail), message_id=message) for message, mail in batches]
    records += [went(mail, message=name, when=10 + every * n) for n, (name, mail) in enumerate(batches)]
    return evidence(attempt(MAIL_ONE), records=records, config=CONFIG + f'Outbound_Throttle_Messages = "{limit}"')


@pytest.mark.parametrize(("every", "count"), [(5.0, 0), (5.5, 0), (3.0, 1), (10.0, 1), (0.0, 1)])
def test_the_throttle(every: float, count: int) -> None:
    assert len(list(throttled(paced(every, 40)))) == count
    assert list(throttled(paced(every, 40, limit="0"))) == []


def exchanged(
    record: Delivered | Failed, struck: Sequence[Struck] = (), behaviours: Sequence[Behaviour] = ()
) -> Evidence:
    """Two exchangers, the sinks best and worse."""
    found = evidence(attempt(MAIL_ONE), records=[record], struck=struck, config='ESMTP_Listener { Listen ":25" {} }')
    hosts = (
        *(host for host in found.scenario.hosts if host.program is not Program.SINK),
        HostPlan("best", ("10.0.0.9",), Program.SINK, sink=SinkPlan(behaviours=tuple(behaviours))),
        HostPlan("worse", ("10.0.0.8",), Program.SINK),
    )
    names = (NamePlan("example.com", mx=("20 worse", "10 best")),)
    found.scenario = replace(found.scenario, hosts=hosts, names=names)
    return found


TO_WORSE = msgspec.structs.replace(went(MAIL_ONE), peer_address="10.0.0.8")


@pytest.mark.parametrize(
    ("found", "count"),
    [
        (exchanged(msgspec.structs.replace(TO_WORSE, peer_address="10.0.0.9")), 0),
        (exchanged(TO_WORSE), 1),
        (exchanged(TO_WORSE, [fault(FaultKind.KILL, "best")]), 0),
        (exchanged(TO_WORSE, [fault(FaultKind.KILL, "worse")]), 1),
        (exchanged(TO_WORSE, behaviours=[Behaviour("b", Turn.CONNECT, reply="421 no")]), 0),
        (exchanged(failed(permanent=False, peer="10.0.0.9", stage=0)), 1),  # and worse was not tried
        (exchanged(failed(permanent=False, peer="", stage=0), [fault(FaultKind.FREEZE, "worse")]), 1),
        (exchanged(failed(permanent=False, peer="", stage=0), [fault(FaultKind.FREEZE, "worse", "best")]), 0),
        (exchanged(failed(permanent=False, stage=4)), 0),
    ],
)
def test_the_order_of_exchangers(found: Evidence, count: int) -> None:
    assert len(list(best_mx_first(found))) == count


LOGGED = CONFIG + 'ec_logger "l" { mainlog = "/log" }'
TO_SINK = msgspec.structs.replace(went(MAIL_ONE), peer_address="10.0.0.9")
RECORDS: tuple[Received | Delivered | Failed, ...] = (
    received(MAIL_ONE),
    failed(permanent=False, reason="451 4.2.1 later, a@b\\c", when=11.0),
    TO_SINK,
)
SAID = (heard(reply="451 4.2.1 later, a@b\\c"), heard(Turn.STORED, "250 2.0.0 OK", mail="one"))


def line(record: Received | Delivered | Failed) -> str:
    match record:
        case Received():
            return mainlog.received(record)
        case Delivered():
            return mainlog.delivered(record)
        case Failed():
            return mainlog.failed(record)


def logged(
    *lines: str, end: str = "\n", struck: Sequence[Struck] = (), heards: Sequence[Heard] = SAID, read: float = 99.0
) -> Evidence:
    octets = ("\n".join(lines) + end).encode()
    return evidence(
        attempt(MAIL_ONE),
        records=RECORDS,
        struck=struck,
        config=LOGGED,
        heard=list(heards),
        logs={("mx", "/log"): octets},
        logs_read=read,
    )


LINES = [line(record) for record in RECORDS]


@pytest.mark.parametrize(
    ("found", "count"),
    [
        (logged(*LINES), 0),
        (logged(*LINES[::-1]), 0),
        (logged(*LINES[1:]), 1),  # a line is missing
        (logged(*LINES, LINES[0]), 1),  # there twice
        (logged(LINES[0].replace("@R@bob", "@R@rob"), *LINES[1:]), 2),  # another one instead
        (logged(*LINES, "what is this"), 1),
        (logged(*LINES[:2], read=12.0), 0),  # not written yet
        (logged(*LINES[:2], struck=[fault(FaultKind.KILL, at=12.0)]), 0),
        (logged(*LINES[:2], struck=[fault(FaultKind.KILL, "sink", at=12.0)]), 1),
        (logged(*LINES[:2], LINES[2][:9], end="", struck=[fault(FaultKind.POWER, at=50.0)]), 0),
        (logged(*LINES[:2], LINES[2][:9], end="", struck=[fault(FaultKind.PAUSE, at=50.0)]), 2),
        (logged(*LINES, heards=SAID[:1]), 1),  # the sink has no such mail
        (logged(*LINES, heards=SAID[1:]), 1),  # and did not say that
    ],
)
def test_every_line_of_the_log_is_what_happened(found: Evidence, count: int) -> None:
    assert len(list(logs_agree(found))) == count


def test_what_the_sender_wants_to_hear_goes_along() -> None:
    mail = replace(MAIL_ONE, notify="NEVER")
    for parameters, offers, count in (
        ("NOTIFY=NEVER", ("DSN",), 0),
        ("", ("DSN",), 1),
        ("NOTIFY=FAILURE", ("DSN",), 1),
        ("", (), 0),
    ):
        stored = replace(heard(Turn.STORED, "250 OK", mail="one"), parameters=parameters)
        found = evidence(attempt(mail), heard=[stored])
        sink = replace(found.scenario.host("sink"), sink=SinkPlan(offers=offers))
        found.scenario = replace(found.scenario, hosts=(*found.scenario.hosts[:2], sink))
        assert len(list(envelope_kept(found))) == count
