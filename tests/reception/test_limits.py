"""How much one connection may bring, and which addresses we take: each check's reply, and what it leaves possible."""

from __future__ import annotations

import pytest
from reception_given import SYSTEM_HOSTNAME, Entrance, client, scope

from momentum_trio.config.load import load_text
from momentum_trio.mail.record import Rejected
from momentum_trio.reception.decision import ACCEPTED, Accepted, Decision
from momentum_trio.reception.reception_options import FORWARD_PATHS_MAX, BlackholeOptions
from momentum_trio.reception.rules import blackholes
from momentum_trio.spool.message import Receipt

OPEN = scope("listen", Open_Relay="on")
CONTENT = b"Subject: x\r\n\r\nbody\r\n"


def said(decision: Decision) -> str:
    """The reply and who decided."""
    return "accepted" if isinstance(decision, Accepted) else f"{decision.reply} [{decision.module}]"


@pytest.mark.parametrize(
    ("kind", "option", "reply"),
    [
        ("peer", "Max_Recipients_Per_Message", "452 4.5.3 Service unavailable, recipients per message limit reached"),
        (
            "global", "Max_Recipients_Per_Connection",
            "452 4.5.3 Service unavailable, recipients per connection limit reached",
        ),
    ],
)  # fmt: skip
def test_recipients(kind: str, option: str, reply: str) -> None:
    entrance = Entrance(scope(kind, **{option: 2}), OPEN)
    assert entrance.mail() is ACCEPTED
    replies = [said(entrance.recipient(f"{n}@d.example")) for n in range(4)]
    assert replies == ["accepted", "accepted", f"{reply} [limits]", f"{reply} [limits]"]


async def test_recipients_per_message_begin_anew_those_per_connection_do_not() -> None:
    entrance = Entrance(scope("listen", Max_Recipients_Per_Message=1, Max_Recipients_Per_Connection=2, Open_Relay="on"))
    for expected in (True, True, False):
        entrance.mail()
        assert isinstance(entrance.recipient(), Accepted) is expected
        await entrance.reception.abandon()


async def test_refused_recipients_do_not_count() -> None:
    entrance = Entrance(scope("global", Relay_Domains=["d.example"], Max_Recipients_Per_Connection=1))
    entrance.mail()
    assert "relaying denied" in said(entrance.recipient("c@elsewhere.example"))
    assert entrance.recipient("c@d.example") is ACCEPTED


async def test_receptions_per_connection() -> None:
    entrance = Entrance(scope("global", Max_Receptions_Per_Connection=2), OPEN)
    for _ in range(2):
        assert isinstance(await entrance.message(CONTENT), Receipt)
    assert said(entrance.mail()) == "452 4.5.3 Service unavailable, batch limit reached [limits]"


async def test_transactions_without_a_message_are_no_receptions() -> None:
    entrance = Entrance(scope("global", Max_Receptions_Per_Connection=1), OPEN)
    for _ in range(3):
        assert entrance.mail() is ACCEPTED
        await entrance.reception.abandon()


@pytest.mark.parametrize(
    ("settings", "reverse_path", "expected"),
    [
        ({}, "", "accepted"),
        ({"Allow_NULL_Envelope_Sender": "off"}, "", "550 5.7.1 null reverse-path not accepted [address]"),
        ({"Allow_NULL_Envelope_Sender": "off"}, "a@b.example", "accepted"),
        ({}, "a@[192.0.2.1]", "accepted"),
        ({"Allow_IP_Literal": "false"}, "a@[192.0.2.1]", "550 5.7.1 address literals not accepted [address]"),
        ({"Allow_IP_Literal": "false"}, "a@b.example", "accepted"),
        ({}, "a", "550 5.1.7 envelope sender has no domain [address]"),
        ({"Domain_For_Unqualified_Sender_Address": "B.example"}, "a", "accepted"),
        ({"Domain_For_Unqualified_Sender_Address": "b.example"}, "", "accepted"),
    ],
)
def test_reverse_paths(settings: dict[str, str], reverse_path: str, expected: str) -> None:
    assert said(Entrance(scope("global", **settings)).mail(reverse_path)) == expected


@pytest.mark.parametrize(
    ("settings", "forward_path", "expected"),
    [
        ({}, "c@[192.0.2.1]", "accepted"),
        ({"Allow_IP_Literal": "false"}, "c@[192.0.2.1]", "550 5.7.1 address literals not accepted [address]"),
        ({"Allow_IP_Literal": "false"}, "c@[IPv6:2001:db8::1]", "550 5.7.1 address literals not accepted [address]"),
        ({}, "postmaster", "accepted"),
        ({}, "c", "550 5.1.3 recipient has no domain [address]"),
        ({"Domain_For_Unqualified_Recipient_Addresses": "d.example"}, "c", "accepted"),
    ],
)
def test_forward_paths(settings: dict[str, str], forward_path: str, expected: str) -> None:
    entrance = Entrance(scope("listen", **settings, Open_Relay="on"))
    entrance.mail()
    assert said(entrance.recipient(forward_path)) == expected


def test_the_relay_decision_sees_the_completed_address() -> None:
    settings = {"Domain_For_Unqualified_Recipient_Addresses": "d.example"}
    for domain, expected in (("d.example", "accepted"), ("e.example", "550 5.7.1 relaying denied [relay]")):
        entrance = Entrance(scope("global", Relay_Domains=[domain], **settings))
        entrance.mail()
        assert said(entrance.recipient("c")) == expected
        assert said(entrance.recipient("postmaster@d.example")) == expected


@pytest.mark.parametrize(
    ("settings", "path"),
    [
        ({"Hostname": "MX.example"}, "postmaster@mx.example"),
        ({}, f"postmaster@{SYSTEM_HOSTNAME}"),
        (
            {"Hostname": "mx.example", "Domain_For_Unqualified_Recipient_Addresses": "d.example"},
            "postmaster@d.example",
        ),
    ],
)
async def test_a_bare_postmaster_is_always_taken_and_has_a_home(settings: dict[str, str], path: str) -> None:
    """RFC 5321 section 4.5.1, whatever is relayed; without a domain delivery could not route it."""
    entrance = Entrance(scope("global", Relay_Domains=["elsewhere.example"], **settings))
    entrance.mail()
    assert said(entrance.recipient("postmaster")) == "accepted"
    assert said(entrance.recipient(path)) == "550 5.7.1 relaying denied [relay]"
    await entrance.reception.finish(CONTENT)
    (batch,) = entrance.accepted
    assert [message.forward_path for message in batch.messages] == [path]


@pytest.mark.parametrize("settings", [{}, {"Max_Recipients_Per_Message": "1000000"}])
def test_recipients_of_a_message_are_bounded_whatever_is_configured(settings: dict[str, str]) -> None:
    entrance = Entrance(scope("listen", Open_Relay="on", **settings))
    entrance.mail()
    for number in range(FORWARD_PATHS_MAX):
        assert entrance.recipient(f"c{number}@d.example") is ACCEPTED
    assert said(entrance.recipient("c@d.example")).startswith("452 4.5.3 ")


async def test_completed_addresses_are_kept_and_the_trace_shows_what_was_said() -> None:
    entrance = Entrance(
        scope(
            "listen",
            Domain_For_Unqualified_Recipient_Addresses="d.example",
            Domain_For_Unqualified_Sender_Address="b.example",
            Open_Relay="on",
        )
    )
    entrance.mail("a")
    entrance.recipient("c")
    assert isinstance(await entrance.reception.finish(CONTENT), Receipt)
    (batch,) = entrance.accepted
    assert (batch.reverse_path, batch.messages[0].forward_path) == ("a@b.example", "c@d.example")
    assert b"(envelope-from <a>)" in entrance.spool.content_of_last


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("true", "551 5.7.1 recipient blackholed [blackhole]"),
        ("inline", "551 5.7.1 recipient blackholed [blackhole]"),
        ("1", "551 5.7.1 recipient blackholed [blackhole]"),
        ("internal", "accepted"),
        ("false", "accepted"),
    ],
)
def test_blackhole(word: str, expected: str) -> None:
    tree = load_text(f'Domain "d.example" {{ Blackhole = {word} }}', declared=BlackholeOptions.declared)
    entrance = Entrance(OPEN, blackhole=blackholes(tree))
    entrance.mail()
    assert said(entrance.recipient("c@d.example")) == expected
    assert said(entrance.recipient("c@other.example")) == "accepted"


def test_a_tree_without_blackholes_is_not_asked() -> None:
    assert blackholes(load_text('Domain "d.example" {}', declared=BlackholeOptions.declared)) is None
    inside = 'Binding_Group "g" { Binding "b" { Domain "d.example" { Blackhole = inline } } }'
    assert blackholes(load_text(inside, declared=BlackholeOptions.declared)) is not None


def test_relaying_is_denied_before_a_blackhole_is_told() -> None:
    entrance = Entrance(blackhole=lambda domain: "inline")
    entrance.mail()
    assert said(entrance.recipient("c@d.example")) == "550 5.7.1 relaying denied [relay]"


def test_the_record_of_a_refusal() -> None:
    entrance = Entrance(scope("pathway", Open_Relay="off"), who=client("2001:db8::1"))
    entrance.reception.hello("x.example", "EHLO x.example", extended=True)
    entrance.mail()
    decision = entrance.recipient()
    assert not isinstance(decision, Accepted)
    entrance.reception.rejected("awaiting rcptto", decision.reply, decision.module)
    (record,) = entrance.records
    assert isinstance(record, Rejected)
    assert (record.code, record.text, record.module) == (550, "5.7.1 relaying denied", "relay")
    assert (record.phase, record.pathway_group, record.remote) == ("awaiting rcptto", "default", "2001:db8::1:4711")
    assert dict(record.connection_context)["ehlo_string"] == "EHLO x.example"
    assert dict(record.message_context) == {
        "mailfrom_domain": "b.example",
        "mailfrom_string": "MAIL FROM:<a@b.example>",
        "mailfrom_localpart": "a",
        "rcptto_domain": "d.example",
        "rcptto_string": "RCPT TO:<c@d.example>",
        "rcptto_localpart": "c",
    }
