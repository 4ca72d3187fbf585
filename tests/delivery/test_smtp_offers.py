"""What servers offer, used over whole connections: LMTP, CHUNKING, XCLIENT, AUTH, DSN, SMTPUTF8, and Bind_Address."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass

import pytest
import trio
from msgspec.structs import replace
from scripted_server import ScriptedServer
from test_smtp_delivery import EIGHT_BIT, LARGE, SECOND_SOURCE, SINK, SMALL, SOURCE, Road

from momentum_trio.delivery.errand import Outfit
from momentum_trio.delivery.lmtp import Lmtp
from momentum_trio.delivery.method import Attempt, Carrier
from momentum_trio.delivery.outcome import Bounced, Deferred, Delivered, Outcome
from momentum_trio.machine import Machine
from momentum_trio.machine.disk import MakeDirectory
from momentum_trio.mail.dsn import Notify
from momentum_trio.mail.stage import Stage
from momentum_trio.spool.message import Batch


def offering(*keywords: str) -> dict[str, str]:
    """A server's answer to EHLO."""
    lines = ("sink", *keywords)
    return {"EHLO": "\r\n".join(f"250{' ' if n == len(lines) - 1 else '-'}{line}" for n, line in enumerate(lines))}


# LMTP (RFC 2033)


@dataclass
class Local(Road):
    """A road by LMTP."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.server = ScriptedServer(self.answers, lmtp=True)

    def carrier(self, outfit: Outfit) -> Carrier:
        return Lmtp(outfit)

    def go(self, *forward_paths: str, port: int = 2003) -> list[Outcome]:
        batch = self.accept(*forward_paths)
        return self.run(lambda: self.attempt(self.attempts(batch)), port=port)


def test_lmtp_has_an_outcome_for_each_recipient() -> None:
    road = Local({"BODY carol@d": "452 4.2.2 full", "BODY dora@d": "550 5.2.1 closed", "RCPT TO:<no@d>": "550 no"})
    outcomes = road.go("bob@d", "no@d", "carol@d", "dora@d")
    assert [type(outcome) for outcome in outcomes] == [Delivered, Bounced, Deferred, Bounced]
    assert road.server.lines[0] == "LHLO mx"
    assert [taken.forward_paths for taken in road.server.taken] == [["bob@d", "carol@d", "dora@d"]]


@pytest.mark.parametrize(
    ("gateway", "options", "port"), [("sink", {"LMTP_Port": "24"}, 24), ("sink:24", {"LMTP_Port": "25"}, 24)]
)
def test_where_lmtp_goes(gateway: str, options: Mapping[str, str], port: int) -> None:
    assert Local(gateway=gateway, options=options).go("bob@d", port=port) == [Delivered(SINK)]


def test_lmtp_to_a_socket_of_this_host() -> None:
    road = Local(gateway="/run/lmtp")
    batch = road.accept("bob@d", "carol@d")

    async def listen(machine: Machine) -> None:
        await machine.disk.perform([MakeDirectory("/run", 0o755)])
        await road.server.serve_unix(machine, "/run/lmtp")

    async def main() -> list[Outcome]:
        await road.mx.boot(listen)
        await trio.sleep(0.1)
        return await road.attempt(road.attempts(batch))

    assert road.world.run(main) == [Delivered("/run/lmtp")] * 2
    assert road.feed.told[0] == "host /run/lmtp"


def test_a_socket_that_is_not_there() -> None:
    (outcome,) = Local(gateway="/run/lmtp").go("bob@d")
    assert isinstance(outcome, Deferred)
    assert outcome.reason.startswith("451 4.4.1 [internal] No valid hosts (unable to make any connections): ")
    assert outcome.peer_address == "/run/lmtp"


# CHUNKING, BINARYMIME (RFC 3030)


@pytest.mark.parametrize("content", [b"", b"no end", SMALL, LARGE, LARGE + EIGHT_BIT])
@pytest.mark.parametrize("short", [0.0, 0.3])
def test_content_in_a_chunk_arrives_unchanged(content: bytes, short: float) -> None:
    road = Road(offering("CHUNKING", "8BITMIME", "PIPELINING"), short=short)
    assert road.deliver("bob@d", content=content) == [Delivered(SINK)]
    assert [taken.content for taken in road.server.taken] == [content]
    assert f"BDAT {len(content)} LAST" in road.server.lines


@pytest.mark.parametrize("content", [b"a\n.\r\n", b"a\r.\r\n", LARGE + b"\n\xe9"])
def test_lone_line_ends_go_as_binary_where_that_is_offered(content: bytes) -> None:
    road = Road(offering("CHUNKING", "BINARYMIME", "8BITMIME"))
    assert road.deliver("bob@d", content=content) == [Delivered(SINK)]
    assert road.server.lines[1] == "MAIL FROM:<ann@c> BODY=BINARYMIME"
    assert road.server.taken[0].content == content


def test_a_partition_in_the_middle_of_a_chunk_delivers_nothing_half() -> None:
    road = Road(offering("CHUNKING"), {"Body_Timeout": "50"})
    (outcome,) = road.deliver_while_parted()
    assert isinstance(outcome, Deferred)
    assert outcome.stage is Stage.SENDING_BODY
    assert road.server.taken == []
    assert road.server.cut_short


# XCLIENT


@pytest.mark.parametrize(
    ("peer_address", "protocol", "line"),
    [
        ("192.0.2.1", "esmtp", "XCLIENT NAME=[UNAVAILABLE] ADDR=192.0.2.1 PROTO=ESMTP"),
        ("2001:db8::1", "smtp", "XCLIENT NAME=[UNAVAILABLE] ADDR=IPV6:2001:db8::1 PROTO=SMTP"),
        ("", "internal", "XCLIENT NAME=[UNAVAILABLE] ADDR=[UNAVAILABLE] PROTO=ESMTP"),
    ],
)
def test_xclient_tells_who_handed_it_in(peer_address: str, protocol: str, line: str) -> None:
    road = Road(offering("XCLIENT NAME ADDR PROTO HELO"), {"XCLIENT": "required"})
    batch = replace(road.accept("bob@d"), peer_address=peer_address, protocol=protocol)
    assert road.run(lambda: road.attempt(road.attempts(batch))) == [Delivered(SINK)]
    assert road.server.lines[:4] == ["EHLO mx", line, "EHLO mx", "MAIL FROM:<ann@c>"]


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        ({}, "451 4.7.6 [internal] XCLIENT required but not advertised"),
        (
            {**offering("XCLIENT ADDR"), "XCLI": "550 5.7.0 not you"},
            "451 4.7.6 [internal] XCLIENT refused: 550 5.7.0 not you",
        ),
    ],
)
def test_without_xclient_nothing_goes_where_it_is_required(answers: Mapping[str, str], reason: str) -> None:
    (outcome,) = Road(answers, {"XCLIENT": "required"}).deliver("bob@d")
    assert isinstance(outcome, Deferred)
    assert outcome.reason == reason


# AUTH (RFC 4954)

PLAIN = {
    "Outbound_SMTP_AUTH_Type": "PLAIN",
    "Outbound_SMTP_AUTH_User": "ann",
    "Outbound_SMTP_AUTH_Pass": "hunter2",
}


def test_authentication_needs_tls_unless_told_otherwise() -> None:
    road = Road(offering("AUTH PLAIN"), PLAIN)
    (outcome,) = road.deliver("bob@d")
    assert isinstance(outcome, Deferred)
    assert outcome.reason == "454 4.7.0 [internal] AUTH is not done without TLS"
    assert road.server.lines == ["EHLO mx", "QUIT"]


def test_authentication_in_clear() -> None:
    road = Road(offering("AUTH PLAIN"), {**PLAIN, "Outbound_SMTP_AUTH_In_Clear": "true"})
    assert road.deliver("bob@d") == [Delivered(SINK)]
    assert road.server.lines[1] == f"AUTH PLAIN {b64encode(b'.ann.hunter2'.replace(b'.', bytes(1))).decode()}"


def test_authentication_that_fails_defers_and_tells_no_secret() -> None:
    answers = {**offering("AUTH PLAIN"), "AUTH": "535 5.7.8 hunter2 is wrong"}
    (outcome,) = Road(answers, {**PLAIN, "Outbound_SMTP_AUTH_In_Clear": "true"}).deliver("bob@d")
    assert isinstance(outcome, Deferred)
    assert outcome.reason == "454 4.7.0 [internal] AUTH refused: 535 5.7.8 *** is wrong"


# DSN (RFC 3461), SMTPUTF8 (RFC 6531)


def wishing(road: Road) -> list[Attempt]:
    batch = road.accept("bob@d", "carol@d")
    bob = replace(batch.messages[0], notify=Notify.SUCCESS, original_recipient="rfc822;rob@d")
    asked: Batch = replace(batch, messages=(bob, batch.messages[1]), returns="HDRS", envelope_id="e 1")
    return road.attempts(asked)


@pytest.mark.parametrize("offered", [True, False])
def test_wishes_about_notifications_are_passed_on_or_not(offered: bool) -> None:
    """The queue learns which, to report for a server that will not."""
    road = Road(offering("DSN") if offered else {})
    assert road.run(lambda: road.attempt(wishing(road))) == [Delivered(SINK, reports_itself=offered)] * 2
    assert road.server.lines[1:4] == (
        [
            "MAIL FROM:<ann@c> RET=HDRS ENVID=e+201",
            "RCPT TO:<bob@d> NOTIFY=SUCCESS ORCPT=rfc822;rob@d",
            "RCPT TO:<carol@d>",
        ]
        if offered
        else ["MAIL FROM:<ann@c>", "RCPT TO:<bob@d>", "RCPT TO:<carol@d>"]
    )


@pytest.mark.parametrize(
    ("content", "offered", "line"),
    [
        (EIGHT_BIT, True, "MAIL FROM:<ann@c> BODY=8BITMIME SMTPUTF8"),
        (SMALL, False, "MAIL FROM:<ann@c>"),  # it was declared, and is not needed
        (EIGHT_BIT, False, "QUIT"),
    ],
)
def test_smtputf8(content: bytes, offered: bool, line: str) -> None:
    road = Road(offering("8BITMIME", *["SMTPUTF8"] * offered))
    batch = replace(road.accept("bob@d", content=content), smtputf8=True)
    (outcome,) = road.run(lambda: road.attempt(road.attempts(batch)))
    assert road.server.lines[1] == line
    if line == "QUIT":
        assert isinstance(outcome, Bounced)
        assert outcome.reason.startswith("550 5.6.7 [internal] ")


# Bind_Address


@pytest.mark.parametrize(("options", "source"), [({}, SOURCE), ({"Bind_Address": SECOND_SOURCE}, SECOND_SOURCE)])
def test_connections_come_from_the_address_that_is_set(options: Mapping[str, str], source: str) -> None:
    road = Road(options=options)
    assert road.deliver("bob@d") == [Delivered(SINK)]
    assert road.server.peers == [source]


def test_an_address_that_is_not_ours_defers() -> None:
    (outcome,) = Road(options={"Bind_Address": "192.0.2.99"}).deliver("bob@d")
    assert isinstance(outcome, Deferred)
    assert outcome.reason.startswith("451 4.4.1 [internal] No valid hosts (unable to make any connections): ")
