"""Whose mail we take (spec/listeners.md section 2.4)."""

from __future__ import annotations

import pytest
from reception_given import client, rules, scope

from momentum_trio.mail.domain_globs import DomainGlobs
from momentum_trio.mail.path import domain_of
from momentum_trio.reception.decision import ACCEPTED
from momentum_trio.reception.relay import DENIED, relay
from momentum_trio.reception.transaction import Recipient, Tally, Transaction

SENDER = "sender@from.example"


def asked(path: str) -> Recipient:
    return Recipient(path, path, f"RCPT TO:<{path}>", domain_of(path))


@pytest.mark.parametrize(
    ("globs", "inside", "outside"),
    [
        (["x.example"], ["x.example"], ["a.x.example", "badx.example", "example", ""]),
        (["X.Example"], ["x.example"], ["y.example"]),
        # `*.x` does not match `x`
        (["*.x.example"], ["a.x.example", "a.b.x.example"], ["x.example", "badx.example"]),
        # `*x` does, and `badx` too
        (["*x.example"], ["x.example", "a.x.example", "badx.example"], ["x.example.org"]),
        (["*"], ["x.example", "[192.0.2.1]"], [""]),
        (["x.example."], ["x.example"], []),
        ([], [], ["x.example", ""]),
    ],
)
def test_globs(globs: list[str], inside: list[str], outside: list[str]) -> None:
    held = DomainGlobs(*globs)
    assert [domain for domain in inside if domain not in held] == []
    assert [domain for domain in outside if domain in held] == []


@pytest.mark.parametrize("wrong", ["", ".", "a*b", "**", "*.a.*", "a b", "é.example"])
def test_what_is_no_domain_is_an_error(wrong: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        DomainGlobs(wrong)


LISTENER = "esmtp_listener"


@pytest.mark.parametrize(
    ("scopes", "address", "sender", "recipient", "permitted"),
    [
        # never an open relay by default
        ([], "192.0.2.7", SENDER, "a@x.example", False),
        ([], "127.0.0.1", SENDER, "a@x.example", False),
        # 1. the recipient's domain
        ([scope("global", Relay_Domains=["x.example"])], "192.0.2.7", SENDER, "a@x.example", True),
        ([scope("global", Relay_Domains=["x.example"])], "192.0.2.7", SENDER, "a@y.example", False),
        ([scope("global", Relay_Domains=["*.x.example"])], "192.0.2.7", SENDER, "a@x.example", False),
        ([scope("global", Relay_Domains=["*x.example"])], "192.0.2.7", SENDER, "a@badx.example", True),
        ([scope("global", Bounce_Domains=["b.example"])], "192.0.2.7", "", "bounce@b.example", True),
        ([scope("global", Bounce_Domains=["b.example"])], "192.0.2.7", SENDER, "a@b.example", True),
        # a list in a pathway replaces the global one; in a listener's own scope it is not valid and not seen
        (
            [scope("pathway", Relay_Domains=["p.example"]), scope("global", Relay_Domains=["x.example"])],
            "192.0.2.7", SENDER, "a@x.example", False,
        ),
        ([scope(LISTENER, Relay_Domains=["x.example"])], "192.0.2.7", SENDER, "a@x.example", False),
        # a source route or a percent hack is no way around: the domain is what stands last
        ([scope("global", Relay_Domains=["x.example"])], "192.0.2.7", SENDER, "a%y.example@x.example", True),
        ([scope("global", Relay_Domains=["x.example"])], "192.0.2.7", SENDER, '"a@x.example"@y.example', False),
        ([scope("global", Relay_Domains=["x.example"])], "192.0.2.7", SENDER, "a@[tag:b@x.example]", False),
        ([scope("global", Relay_Domains=["*]"])], "192.0.2.7", SENDER, "a@[tag:b@x.example]", True),
        ([scope("global", Relay_Domains=["*"])], "192.0.2.7", SENDER, '"a@x.example"', False),
        # 2. the client
        ([scope("global", Relay_Hosts=["192.0.2.0/24"])], "192.0.2.7", SENDER, "a@y.example", True),
        ([scope("global", Relay_Hosts=["192.0.2.0/24"])], "198.51.100.7", SENDER, "a@y.example", False),
        ([scope("global", Relay_Hosts=["192.0.2.7"])], "192.0.2.7", SENDER, "a@y.example", True),
        ([scope("global", Relay_Hosts=["2001:db8::/32"])], "2001:db8::1", SENDER, "a@y.example", True),
        ([scope("global", Relay_Hosts=["fd82:7796:815b:af9d::"])], "fd82:7796:815b:af9d::1", SENDER, "a@y", False),
        ([scope("global", Relay_Hosts=["::ffff:192.0.2.7"])], "192.0.2.7", SENDER, "a@y.example", True),
        # a listener's list replaces the global one
        (
            [scope(LISTENER, Relay_Hosts=["10.0.0.0/8"]), scope("global", Relay_Hosts=["192.0.2.0/24"])],
            "192.0.2.7", SENDER, "a@y.example", False,
        ),
        ([scope("peer", Open_Relay="true")], "192.0.2.7", SENDER, "a@y.example", True),
        ([scope("peer", Open_Relay="false"), scope(LISTENER, Open_Relay="true")], "192.0.2.7", SENDER, "a@y", False),
        # Open_Relay is not valid at file level: nothing opens the whole host by one line
        ([scope("global", Open_Relay="true")], "192.0.2.7", SENDER, "a@y.example", False),
        # 2. the sender's domain, for this transaction
        ([scope(LISTENER, Relay_For_Sending_Domains=["from.example"])], "192.0.2.7", SENDER, "a@y.example", True),
        ([scope(LISTENER, Relay_For_Sending_Domains=["*.example"])], "192.0.2.7", SENDER, "a@y.example", True),
        ([scope(LISTENER, Relay_For_Sending_Domains=["other.example"])], "192.0.2.7", SENDER, "a@y.example", False),
        # the null sender never matches, not even the star; an empty list permits nothing (our difference)
        ([scope(LISTENER, Relay_For_Sending_Domains=["*"])], "192.0.2.7", "", "a@y.example", False),
        ([scope(LISTENER, Relay_For_Sending_Domains=[])], "192.0.2.7", SENDER, "a@y.example", False),
        ([scope(LISTENER, Relay_For_Sending_Domains=[])], "192.0.2.7", "", "a@y.example", False),
        # Relay_Hosts overrides the restriction of the last
        (
            [scope(LISTENER, Relay_For_Sending_Domains=["other.example"], Relay_Hosts=["192.0.2.7"])],
            "192.0.2.7", SENDER, "a@y.example", True,
        ),
        # postmaster without a domain is this host's (RFC 5321 section 4.5.1)
        ([], "192.0.2.7", SENDER, "postmaster", True),
        ([], "192.0.2.7", SENDER, "postmaster@y.example", False),
        # address literals are domains like others
        ([scope("global", Relay_Domains=["[192.0.2.1]"])], "192.0.2.7", SENDER, "a@[192.0.2.1]", True),
        ([], "192.0.2.7", SENDER, "a@[192.0.2.1]", False),
    ],
)  # fmt: skip
def test_relay(scopes: list[object], address: str, sender: str, recipient: str, permitted: bool) -> None:
    who = client(address)
    transaction = Transaction(who, rules(who, *scopes), Tally(), sender, sender, "")  # type: ignore[arg-type]
    assert relay(transaction, asked(recipient)) is (ACCEPTED if permitted else DENIED)


def test_a_unix_peer_is_loopback_and_that_alone_gives_no_right() -> None:
    hosts = scope("global", Relay_Hosts=["127.0.0.1"])
    over_tcp, over_unix = client("127.0.0.1"), client("127.0.0.1", is_unix=True)
    assert rules(over_tcp, hosts).client_may_relay
    assert not rules(over_unix, hosts).client_may_relay
    assert rules(over_unix, scope("listen", Open_Relay="on")).client_may_relay


def test_the_reply_is_the_manuals() -> None:
    assert str(DENIED.reply) == "550 5.7.1 relaying denied"
