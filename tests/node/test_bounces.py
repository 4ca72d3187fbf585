"""The whole node, simulated, and mail that fails: who is told, once, whatever happens to the host meanwhile."""

from __future__ import annotations

from contextlib import suppress
from email import message_from_bytes
from email.message import Message

import pytest
import trio
from simulated_host import Site

from momentum_trio.mail.record import Failed, Received

HOUR = 3600.0
CONFIG = """
Hostname = "mail.example.com"
SpoolBase = "/var/spool/ecelerity"
Relay_Domains = ( "example.com" "gone.example" "dead.example" )
Retry_Interval = 60
Message_Expiration = 3600
Domain "example.com" { Delivery_Method = MAILDIR Maildir_Path = "/var/mail/%d/%l" }
Domain "gone.example" { Blackhole = internal }
Domain "dead.example" { Gateway = "10.99.99.99" Connect_Timeout = 10 }
ESMTP_Listener { SMTP_Extensions = ( DSN ) Listen ":25" {} }
Control_Listener { Listen "/run/control" {} }
bounce_logger "b" { bouncelog = "/var/log/bouncelog" heartbeat = 0 }
"""


async def send(site: Site, *recipients: str, sender: str = "ann@example.com", mail: str = "") -> None:
    """One message; *recipients* with their parameters."""
    replies = await site.talk(
        "EHLO client.example",
        f"MAIL FROM:<{sender}>{mail}",
        *(f"RCPT TO:{recipient}" for recipient in recipients),
        "DATA",
        "Subject: hello\r\n\r\nx\r\n.",
        "QUIT",
    )
    assert [reply[:1] for reply in replies] == ["2", "2", "2", *("2" for _ in recipients), "3", "2", "2"], replies


async def reports(site: Site, local_part: str = "ann") -> list[Message]:
    return [message_from_bytes(octets) for octets in await site.mailbox(local_part)]


def recipients(report: Message) -> list[tuple[str, ...]]:
    """Final-Recipient, Action and Status of each."""
    _, *groups = [part for part in report.walk() if "Action" in part or "Reporting-MTA" in part]
    return [tuple(str(group[name]) for name in ("Final-Recipient", "Action", "Status")) for group in groups]


def test_the_sender_is_told_once_of_all_that_failed_together() -> None:
    async def story(site: Site) -> None:
        await send(site, "<bob@gone.example>", "<carol@gone.example>", "<dave@example.com>", mail=" ENVID=QQ RET=FULL")
        await trio.sleep(60)
        (report,) = await reports(site)
        assert report["Return-Path"] == "<>"
        assert report.get_content_type() == "multipart/report"
        assert recipients(report) == [
            ("rfc822;bob@gone.example", "failed", "5.7.0"),
            ("rfc822;carol@gone.example", "failed", "5.7.0"),
        ]
        assert b"Original-Envelope-Id: QQ" in report.as_bytes()
        assert b"Content-Type: message/rfc822" in report.as_bytes()
        assert len(await site.mailbox("dave")) == 1

    site = Site()
    site.run(CONFIG, story)
    received = [record for _, record in site.world.records if isinstance(record, Received)]
    assert [record.protocol for record in received].count("internal") == 1
    lines = site.mx.store.octets("/var/log/bouncelog").decode().splitlines()
    assert [line.split("@")[4:7] for line in lines] == [
        ["B", "bob", "gone.example"],
        ["B", "carol", "gone.example"],
    ]
    assert {line.split("@")[12] for line in lines} == {"25"}


@pytest.mark.parametrize(
    ("sender", "recipient", "told"),
    [
        ("ann@example.com", "<bob@gone.example>", 1),
        ("ann@example.com", "<bob@gone.example> NOTIFY=NEVER", 0),
        ("ann@example.com", "<bob@gone.example> NOTIFY=SUCCESS", 0),
        ("ann@example.com", "<bob@example.com> NOTIFY=SUCCESS", 1),
        ("ann@example.com", "<bob@dead.example>", 1),  # after an hour of tries
        ("", "<bob@gone.example>", 0),
    ],
)
def test_who_wants_to_know(sender: str, recipient: str, told: int) -> None:
    async def story(site: Site) -> None:
        await send(site, recipient, sender=sender)
        await trio.sleep(2 * HOUR)
        assert len(await reports(site)) == told

    Site().run(CONFIG, story)


def test_a_report_that_cannot_be_delivered_is_the_end() -> None:
    """The bounce of a bounce: to a sender who is nowhere, and not to the operator either."""

    async def story(site: Site) -> None:
        await send(site, "<bob@gone.example>", sender="ann@dead.example")
        await send(site, "<bob@gone.example>", sender="")
        await trio.sleep(3 * HOUR)
        (to_operator,) = await reports(site, "operator")
        assert recipients(to_operator) == [("rfc822;bob@gone.example", "failed", "5.7.0")]

    site = Site()
    site.run(CONFIG + 'MDN_Failures_Notify = "operator@example.com"\n', story)
    records = [record for _, record in site.world.records]
    internal = [
        record.forward_path for record in records if isinstance(record, Received) if record.protocol == "internal"
    ]
    assert sorted(internal) == ["ann@dead.example", "operator@example.com"]
    failed = [record for record in records if isinstance(record, Failed) and record.permanent]
    assert sorted(record.forward_path for record in failed) == [
        "ann@dead.example",
        "bob@gone.example",
        "bob@gone.example",
    ]


def test_a_reply_that_is_transcoded_decides() -> None:
    async def story(site: Site) -> None:
        await send(site, "<bob@dead.example>")
        await trio.sleep(1500)  # and not an hour
        (report,) = await reports(site)
        assert recipients(report) == [("rfc822;bob@dead.example", "failed", "5.4.4")]

    transcode = 'Response_Transcode_Pattern = "^4.. 4[.]4.*" Response_Transcode_Replace = "550 5.4.4 gone ($0)"'
    Site().run(CONFIG.replace("Connect_Timeout = 10", transcode), story)


def operations_of_a_bounce() -> int:
    """How many steps the disk carries out from the first word of a message that fails to its report's delivery."""

    async def story(site: Site) -> int:
        before = site.mx.store.operations
        await send(site, "<bob@gone.example>")
        await trio.sleep(60)
        return site.mx.store.operations - before

    return Site().run(CONFIG, story)


def test_power_cut_at_every_operation_makes_one_report() -> None:
    """Of mail that was accepted: a report, and the end of what it is about, are one. Its delivery may be repeated."""
    for operation in range(operations_of_a_bounce()):
        accepted, found = bounced(cut_after=operation)
        assert len(set(found)) <= 1, operation
        assert found or not accepted, operation


def bounced(cut_after: int) -> tuple[bool, list[bytes]]:
    """Whether a message that fails was accepted, and what its sender got, when power fails after so many steps."""

    async def story(site: Site) -> tuple[bool, list[bytes]]:
        site.mx.store.cut_after = cut_after
        accepted = False
        with trio.move_on_after(60), suppress(AssertionError, OSError):
            await send(site, "<bob@gone.example>")
            accepted = True
        await trio.sleep(50)
        site.mx.power_loss()
        await site.boot()
        await trio.sleep(600)
        return accepted, await site.mailbox("ann")

    return Site(cut_after).run(CONFIG, story)
