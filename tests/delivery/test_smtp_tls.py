"""STARTTLS over whole connections: when it is used, what happens without it, and stages and octets within it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest
import trio
from scripted_server import CLOSE, RESET, SILENCE, ScriptedServer
from test_smtp_delivery import LARGE, SECOND, SINK, SMALL, STAGE_OF, Road
from test_smtp_offers import PLAIN, offering

from momentum_trio.delivery.outcome import Deferred, Delivered, Outcome
from momentum_trio.delivery.tls import WRONG_NAME
from momentum_trio.limits.deadline import SLACK_SECONDS
from momentum_trio.mail.stage import Stage
from momentum_trio.net.tls_terms import TlsTerms
from sim.certificates import AUTHORITY, FOLDER, SERVER, SERVER_KEY, install

TERMS = TlsTerms(f"{FOLDER}/{SERVER}", f"{FOLDER}/{SERVER_KEY}")
STARTTLS = offering("STARTTLS", "PIPELINING")
REQUIRED, OPPORTUNISTIC = {"TLS": "required"}, {"TLS": "ifavailable"}


@dataclass
class Secured(Road):
    """A road to a server with a certificate. terms: None: it goes ahead with something that is no TLS."""

    answers: Mapping[str, str] = field(default_factory=lambda: STARTTLS)
    terms: TlsTerms | None = TERMS

    def __post_init__(self) -> None:
        super().__post_init__()
        install(self.sink.store)
        self.server.tls = self.terms


@pytest.mark.parametrize("content", [SMALL, LARGE])
@pytest.mark.parametrize("short", [0.0, 0.3])
@pytest.mark.parametrize("options", [REQUIRED, OPPORTUNISTIC])
def test_content_goes_within_tls(options: Mapping[str, str], short: float, content: bytes) -> None:
    road = Secured(options=options, short=short)
    assert road.deliver("bob@d", content=content) == [Delivered(SINK)]
    assert [taken.content for taken in road.server.taken] == [content]
    assert road.server.secured == 1
    assert road.server.lines[:3] == ["EHLO mx", "STARTTLS", "EHLO mx"]
    assert road.server.lines[-1] == "QUIT"


def test_no_tls_without_the_option() -> None:
    road = Secured()
    assert road.deliver("bob@d") == [Delivered(SINK)]
    assert "STARTTLS" not in road.server.lines


@pytest.mark.parametrize(
    ("answers", "reason", "stage"),
    [
        ({}, "451 4.7.6 [internal] STARTTLS required but not advertised", Stage.AFTER_EHLO),
        ({**STARTTLS, "STAR": "454 4.7.0 no"}, "451 4.7.5 [internal] no tls go-ahead", Stage.DURING_STARTTLS),
        (
            {**STARTTLS, "STAR": "220 go\r\n250 injected"},
            "451 4.5.0 [internal] protocol error: a reply came before it was asked for",
            Stage.AFTER_STARTTLS,
        ),
    ],
)
def test_mail_that_needs_tls_waits_for_it(answers: Mapping[str, str], reason: str, stage: Stage) -> None:
    (outcome,) = Secured(answers, REQUIRED).deliver("bob@d")
    assert isinstance(outcome, Deferred)
    assert (outcome.reason, outcome.stage) == (reason, stage)


@pytest.mark.parametrize(
    ("options", "delivered", "connections"),
    [
        (OPPORTUNISTIC, True, 2),  # at once, over another connection
        ({**OPPORTUNISTIC, "TLS_Ifavailable_Fallback": "false"}, False, 1),
        (REQUIRED, False, 1),
    ],
)
def test_a_handshake_that_fails(options: Mapping[str, str], delivered: bool, connections: int) -> None:
    road = Secured(options=options, terms=None)
    (outcome,) = road.deliver("bob@d")
    assert isinstance(outcome, Delivered) is delivered
    assert road.server.connections == connections
    if isinstance(outcome, Deferred):
        assert outcome.stage is Stage.HANDSHAKING_TLS
        assert outcome.reason.startswith("451 4.7.5 [internal] TLS negotiation failed")
    else:
        assert "STARTTLS" not in road.server.lines[2:]


@pytest.mark.parametrize(
    ("options", "connections", "secured"),
    [(OPPORTUNISTIC, 1, 0), ({**OPPORTUNISTIC, "TLS_Ifavailable_Fallback": "false"}, 1, 0)],
)
def test_a_go_ahead_that_is_refused(options: Mapping[str, str], connections: int, secured: int) -> None:
    """Nothing went wrong on this connection yet: where plain text may be, it goes on."""
    road = Secured({**STARTTLS, "STAR": "454 4.7.0 not now"}, options)
    (outcome,) = road.deliver("bob@d")
    assert isinstance(outcome, Delivered) is ("TLS_Ifavailable_Fallback" not in options)
    assert (road.server.connections, road.server.secured) == (connections, secured)


@pytest.mark.parametrize("ending", [CLOSE, RESET, "421 4.3.2 going down", "450 4.7.1 not you"])
@pytest.mark.parametrize("stage", ["MAIL", "RCPT", "DATA", "BODY"])
def test_stages_within_tls(stage: str, ending: str) -> None:
    (outcome,) = Secured({**STARTTLS, stage: ending}, REQUIRED).deliver("bob@d")
    assert isinstance(outcome, Deferred)
    assert outcome.stage in (STAGE_OF[stage], Stage.DURING_MAIL if ending == RESET else STAGE_OF[stage])
    said = len("EHLO mx\r\n") * 2 + len("STARTTLS\r\nMAIL FROM:<ann@c>\r\nRCPT TO:<bob@d>\r\nDATA\r\n")
    assert outcome.octets >= said  # octets of SMTP, not of TLS
    assert outcome.octets <= said + len(SMALL) + 20
    if ending[0] == "4":
        assert outcome.reason == ending


def test_silence_within_tls() -> None:
    road = Secured({**STARTTLS, "BODY": SILENCE}, {**REQUIRED, "Body_Timeout": "50"})
    (outcome,) = road.deliver("bob@d")
    assert isinstance(outcome, Deferred)
    assert outcome.stage is Stage.READING_CONFIRMATION
    assert 50 <= road.seconds <= 50 + SLACK_SECONDS + 1


def test_a_partition_in_the_middle_of_content_delivers_nothing_half() -> None:
    road = Secured(options={**REQUIRED, "Body_Timeout": "50"})
    (outcome,) = road.deliver_while_parted()
    assert isinstance(outcome, Deferred)
    assert outcome.stage is Stage.SENDING_BODY
    assert 0 < outcome.octets < len(LARGE)
    assert road.server.taken == []


def told(options: Mapping[str, str], gateway: str = "mx.example.com") -> Secured:
    """A road to a server that offers AUTH, of one of the names in its certificate; the authority is known."""
    road = Secured(offering("STARTTLS", "AUTH PLAIN"), {"TLS_CA": f"{FOLDER}/{AUTHORITY}", **options}, gateway)
    install(road.mx.store)
    road.world.names.add("mx.example.com", road.sink.addresses[:1])
    return road


@pytest.mark.parametrize("tls", [REQUIRED, OPPORTUNISTIC])
@pytest.mark.parametrize("unverified", [False, True])
def test_a_password_goes_within_tls(tls: Mapping[str, str], unverified: bool) -> None:
    anyhow = {"Outbound_SMTP_AUTH_Unverified": "true"} if unverified else {}
    road = told({**tls, **PLAIN, **anyhow}, *(("sink",) if unverified else ()))
    assert road.deliver("bob@d") == [Delivered(SINK)]
    assert road.server.lines[3].startswith("AUTH PLAIN ")


@pytest.mark.parametrize("tls", [REQUIRED, OPPORTUNISTIC])
@pytest.mark.parametrize("verify", [{}, {"TLS_Verify": "no"}, {"TLS_Verify": "optional"}])
def test_no_password_for_who_does_not_prove_his_name(tls: Mapping[str, str], verify: Mapping[str, str]) -> None:
    """RFC 4954 section 14: he could be anybody on the way. Nor does the mail go without, or in clear."""
    road = told({**tls, **PLAIN, **verify}, "sink")
    (outcome,) = road.deliver("bob@d")
    assert isinstance(outcome, Deferred)
    assert outcome.reason == WRONG_NAME
    assert not any(line.startswith(("AUTH", "MAIL")) for line in road.server.lines)


def test_without_a_password_any_certificate_does() -> None:
    assert Secured(offering("STARTTLS", "AUTH PLAIN"), REQUIRED).deliver("bob@d") == [Delivered(SINK)]


def test_a_host_without_tls_is_passed_by_where_tls_is_required() -> None:
    road = Secured(options=REQUIRED, gateway="pair")
    other = road.world.host("other", SECOND)
    road.world.names.add("pair", [*other.addresses, road.sink.addresses[0]])
    plain = ScriptedServer()
    batch = road.accept("bob@d")

    async def story() -> list[Outcome]:
        await other.boot(plain.serve)
        await trio.sleep(0.1)
        return await road.attempt(road.attempts(batch))

    assert road.run(story) == [Delivered(SINK)]
    assert plain.taken == []
