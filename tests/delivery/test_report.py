"""When a report is due, to whom, and what it returns (RFC 3461 sections 4 to 6, and the manual's options)."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TypeVar

import pytest
from delivery_world import AT, EPOCH, DictionaryScope, machine_with
from msgspec.structs import replace

from momentum_trio.config.chain import Chain
from momentum_trio.config.value import Setting, Word
from momentum_trio.delivery.report import INTERNAL, RENDERED_AT_ONCE_MAX, RETURNED_OCTETS_MAX, Reporter
from momentum_trio.delivery.report_contract import Failure, Report
from momentum_trio.delivery.report_options import ReportOptions
from momentum_trio.mail.dsn import Notify
from momentum_trio.mail.identifier import NONE
from momentum_trio.mail.strategies import Seen, read_back
from momentum_trio.reception.received import received
from momentum_trio.spool.fault import ContentDamaged
from momentum_trio.spool.message import Batch, Message

T = TypeVar("T")

HEADER = b"From: ann@client.example\r\nSubject: hello\r\n"
CONTENT = HEADER + b"\r\nhello\r\n"
BATCH = Batch(
    batch_id="00/00-00001-00000000",
    connection_id="00/01-00001-00000000",
    received_at=EPOCH - 100,
    reverse_path="ann@client.example",
    messages=(),
    octets=len(CONTENT),
    peer_address="192.0.2.7",
    protocol="esmtp",
    binding_group="g",
    binding="b",
)


class OneContent:
    """The content of any batch. asked: what was read of it, offset and size."""

    def __init__(self, content: bytes = CONTENT, fault: Exception | None = None) -> None:
        self._content, self._fault = content, fault
        self.asked: list[tuple[int, int]] = []

    async def content(self, batch_id: str) -> bytes:
        raise AssertionError

    async def read(self, batch_id: str, offset: int, size: int) -> bytes:
        self.asked.append((offset, size))
        if self._fault is not None:
            raise self._fault
        return self._content[offset : offset + size]


def chain(**options: str) -> Chain:
    settings = {name.lower(): Setting(name, Word(text), AT) for name, text in options.items()}
    return Chain([DictionaryScope("global", "", settings)])


def reporter(contents: OneContent | None = None) -> Reporter:
    ids = iter(f"00/0{n}-00002-00000000" for n in range(10))
    return Reporter(machine_with()[0], contents or OneContent(), lambda: next(ids))


def failure(notify: Notify = Notify.UNSET, path: str = "bob@example.net") -> Failure:
    message = Message("00/00-00001-00000000", path, notify, "rfc822;bob@list.example")
    return Failure(message, "550 5.1.1 user unknown", "mx.example.net", EPOCH - 1, 1)


def seen(report: Report | None) -> Seen:
    assert report is not None
    return read_back(report.octets.replace(b"dns; mx.example\r", b"dns; mail.example\r"))  # the name read_back knows


async def test_a_failure_is_reported_to_the_sender() -> None:
    report = await reporter().failed(chain(), replace(BATCH, envelope_id="QQ"), [failure()])
    assert report is not None
    assert replace(report.batch, received_at=EPOCH) == Batch(
        batch_id="00/00-00002-00000000",
        connection_id=NONE,
        received_at=EPOCH,
        reverse_path="",
        messages=(Message("00/00-00002-00000000", "ann@client.example"),),
        octets=len(report.octets),
        peer_address="unknown",
        protocol=INTERNAL,
    )
    found = seen(report)
    assert found.envelope_id == "QQ"
    assert found.original == HEADER
    assert found.recipients == (
        (
            "rfc822;bob@list.example",
            "rfc822;bob@example.net",
            "failed",
            "5.1.1",
            "550 5.1.1 user unknown",
            "",
        ),
    )
    assert b"From: Mail Delivery System <mailer-daemon@mx.example>\r\nTo: <ann@client.example>\r\n" in report.octets


async def test_the_record_of_a_report() -> None:
    report = await reporter().failed(chain(), BATCH, [failure()])
    assert report is not None
    record = received(report.batch, report.batch.messages[0])
    assert (record.forward_path, record.reverse_path, record.protocol) == ("ann@client.example", "", "internal")
    assert record.octets == len(report.octets)


@pytest.mark.parametrize(
    ("options", "changes", "notify", "to"),
    [
        # RFC 3461 section 4.1
        ({}, {}, Notify.UNSET, "ann@client.example"),
        ({}, {}, Notify.FAILURE | Notify.SUCCESS, "ann@client.example"),
        ({}, {}, Notify.NEVER, None),
        ({}, {}, Notify.SUCCESS | Notify.DELAY, None),
        ({"Generate_Bounces": "false"}, {}, Notify.FAILURE, None),
        # RFC 5321 section 4.5.5: never about the null reverse-path, unless the operator wants it himself
        ({}, {"reverse_path": ""}, Notify.FAILURE, None),
        ({"MDN_Failures_Notify": "op@x.example"}, {"reverse_path": ""}, Notify.UNSET, "op@x.example"),
        ({"MDN_Failures_Notify": "op@x.example"}, {"reverse_path": ""}, Notify.NEVER, "op@x.example"),
        ({"MDN_Failures_Notify": "op@x.example"}, {}, Notify.UNSET, "ann@client.example"),
        ({"MDN_Failures_Notify": "op@x.example"}, {}, Notify.NEVER, None),
        (
            {"MDN_Failures_Notify": "op@x.example", "Generate_Bounces": "false"},
            {"reverse_path": ""},
            Notify.UNSET,
            None,
        ),
        # a report that failed is the end
        ({"MDN_Failures_Notify": "op@x.example"}, {"reverse_path": "", "protocol": INTERNAL}, Notify.UNSET, None),
    ],
)
async def test_who_is_told_of_a_failure(
    options: dict[str, str], changes: dict[str, str], notify: Notify, to: str | None
) -> None:
    batch = replace(BATCH, **changes)
    report = await reporter().failed(chain(**options), batch, [failure(notify)])
    assert (None if report is None else report.batch.messages[0].forward_path) == to
    assert report is None or report.batch.reverse_path == ""


async def test_only_those_who_are_to_be_told_of() -> None:
    failures = [failure(Notify.NEVER, "a@x"), failure(Notify.FAILURE, "b@x"), failure(path="c@x")]
    found = seen(await reporter().failed(chain(), BATCH, failures))
    assert [recipient[1] for recipient in found.recipients] == ["rfc822;b@x", "rfc822;c@x"]


@pytest.mark.parametrize(
    ("notify", "told"),
    [(Notify.UNSET, True), (Notify.DELAY, True), (Notify.FAILURE, False), (Notify.NEVER, False)],
)
async def test_who_is_told_of_a_delay(notify: Notify, told: bool) -> None:
    report = await reporter().delayed(chain(), BATCH, [failure(notify)], BATCH.received_at + 86400)
    assert (report is not None) is told
    assert report is None or b"Action: delayed\r\n" in report.octets
    assert report is None or b"Will-Retry-Until: Wed, 15 Nov 2023 22:11:40 +0000\r\n" in report.octets


@pytest.mark.parametrize("relayed", [False, True])
@pytest.mark.parametrize(("notify", "told"), [(Notify.SUCCESS, True), (Notify.UNSET, False), (Notify.FAILURE, False)])
async def test_who_is_told_of_success(notify: Notify, told: bool, relayed: bool) -> None:
    success = dataclasses.replace(failure(notify), reason="250 2.0.0 ok")
    report = await reporter().succeeded(chain(), BATCH, [success], relayed=relayed)
    assert (report is not None) is told
    if report is not None:
        assert f"Action: {'relayed' if relayed else 'delivered'}\r\n".encode() in report.octets


@pytest.mark.parametrize(
    ("option", "returns", "kinds"),
    [
        # RFC 3461 section 4.3: the sender's RET decides; without it the option; none is none
        ("headers", "", "text/rfc822-headers"),
        ("all", "", "message/rfc822"),
        ("none", "", None),
        ("headers", "FULL", "message/rfc822"),
        ("all", "HDRS", "text/rfc822-headers"),
        ("none", "FULL", None),
    ],
)
async def test_what_is_returned(option: str, returns: str, kinds: str | None) -> None:
    report = await reporter().failed(
        chain(Bounces_Inline_Original=option), replace(BATCH, returns=returns), [failure()]
    )
    assert seen(report).kinds[2:] == (() if kinds is None else (kinds,))


async def test_success_returns_the_header_section_alone() -> None:
    batch = replace(BATCH, returns="FULL")
    report = await reporter().succeeded(chain(), batch, [failure(Notify.SUCCESS)], relayed=False)
    assert seen(report).original == HEADER


LONG_LINES = b"".join(b"X-%d: %s\r\n" % (n, b"x" * 90) for n in range(2000))


@pytest.mark.parametrize(
    ("content", "kind", "octets_max"),
    [
        (HEADER + b"\r\n" + b"hello\r\n" * 50_000, "text/rfc822-headers", len(HEADER)),  # too long to be returned
        (LONG_LINES + b"\r\nx\r\n", "text/rfc822-headers", RETURNED_OCTETS_MAX),
        (HEADER + b"\r\n" + b"x" * 1000 + b"\r\n", "text/rfc822-headers", len(HEADER)),
        (HEADER + b"\r\n\xc3\xa4\r\n", "message/rfc822", 100),
        (b"\r\nno header\r\n", "message/rfc822", 100),
    ],
)
async def test_what_is_returned_is_bounded(content: bytes, kind: str, octets_max: int) -> None:
    contents = OneContent(content)
    batch = replace(BATCH, returns="FULL", octets=len(content))
    report = await reporter(contents).failed(chain(), batch, [failure()])
    assert report is not None
    found = seen(report)
    assert found.kinds[2:] == (kind,)
    assert found.original is not None
    assert content.startswith(found.original)
    assert found.original.endswith(b"\r\n")
    assert len(found.original) <= octets_max
    assert contents.asked == [(0, RETURNED_OCTETS_MAX)]
    assert report.batch.body == ("" if report.octets.isascii() else "8BITMIME")


@pytest.mark.parametrize("fault", [KeyError(), ContentDamaged()])
async def test_content_that_cannot_be_read_does_not_keep_a_report_back(fault: Exception) -> None:
    found = seen(await reporter(OneContent(fault=fault)).failed(chain(), BATCH, [failure()]))
    assert found.kinds == ("text/plain", "message/delivery-status")
    assert len(found.recipients) == 1


async def test_a_report_of_very_many_is_a_workers() -> None:
    jobs: list[object] = []

    class Worker:
        async def run(self, function: Callable[[], T]) -> T:
            jobs.append(function)
            return function()

    machine = dataclasses.replace(machine_with()[0], work=Worker())
    made = Reporter(machine, OneContent(), lambda: "00/00-00002-00000000")
    for count, worked in ((RENDERED_AT_ONCE_MAX, 0), (RENDERED_AT_ONCE_MAX + 1, 1)):
        report = await made.failed(chain(), BATCH, [failure(path=f"{n}@x") for n in range(count)])
        assert len(seen(report).recipients) == count
        assert len(jobs) == worked


async def test_names() -> None:
    held = chain(Hostname="mail.example", MailerDaemon="robot@other.example")
    report = await reporter().failed(held, BATCH, [failure()])
    assert report is not None
    assert b"<robot@other.example>\r\n" in report.octets
    assert b"Reporting-MTA: dns; mail.example\r\n" in report.octets
    assert b"Message-ID: <00.00.00002.00000000@mail.example>\r\n" in report.octets


@pytest.mark.parametrize(
    ("default_binding", "binding"),
    [("normal", ("default", "default")), ("none", ("g", "b"))],
)
async def test_the_binding_of_a_report(default_binding: str, binding: tuple[str, str]) -> None:
    report = await reporter().failed(chain(Default_Binding=default_binding), BATCH, [failure()])
    assert report is not None
    assert (report.batch.binding_group, report.batch.binding) == binding


@pytest.mark.parametrize("text", ["nobody", "a b@c", "Name <a@b>", "a@b\r\nX: y", "@b"])
@pytest.mark.parametrize("option", [ReportOptions.mailer_daemon, ReportOptions.failures_notify], ids=lambda o: o.name)
def test_mailboxes_are_checked(option: object, text: str) -> None:
    with pytest.raises(ValueError, match="expected a mailbox"):
        option.kind.parse(Word(text))  # type: ignore[attr-defined]
