"""A check that is left out under some rules would have said yes to whatever it was asked."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from reception_given import client, rules, scope

from momentum_trio.mail.header import Scan
from momentum_trio.reception.checks import ALWAYS_YES, CHECKS
from momentum_trio.reception.client import Identity
from momentum_trio.reception.decision import ACCEPTED, Decision
from momentum_trio.reception.rules import Rules
from momentum_trio.reception.transaction import Tally, Transaction, bare

OPTIONS: dict[str, list[object]] = {
    "Enable_Authentication": ["true", "false"],
    "Always_Allow": ["true", "false"],
    "Max_Receptions_Per_Connection": [0, 1, 2],
    "Max_Recipients_Per_Connection": [0, 1, 2],
    "Max_Recipients_Per_Message": [0, 1],
    "Allow_NULL_Envelope_Sender": ["true", "false"],
    "Allow_IP_Literal": ["true", "false"],
    "Open_Relay": ["true", "false"],
    "Relay_Hosts": [["192.0.2.7"], []],
    "Relay_Domains": [["d.example"], []],
    "Default_Binding": ["none", "default"],
    "RFC2822_Missing_Headers": ["allow", "reject"],
    "RFC2822_Date_Header": ["pedantic", "ifneeded"],
}
PATHS = ["", "a@b.example", "a@[192.0.2.1]", "postmaster", "c@d.example", "lonely"]

options = st.fixed_dictionaries({}, optional={name: st.sampled_from(values) for name, values in OPTIONS.items()})
tallies = st.builds(Tally, st.integers(0, 2), st.integers(0, 2))
scans = st.builds(
    Scan, st.just(10), st.booleans(), st.booleans(), st.integers(0, 30), st.booleans(), st.booleans(), st.just(())
)


def first_no(checks: Iterable[Callable[..., Decision]], *asked: object) -> Decision:
    return next((said for check in checks if (said := check(*asked)) is not ACCEPTED), ACCEPTED)


@given(options, tallies, scans, st.sampled_from(PATHS), st.sampled_from(PATHS), st.booleans(), st.booleans())
def test_what_is_decided_is_what_all_checks_decide(
    given_options: dict[str, Any], tally: Tally, scan: Scan, reverse: str, forward: str, known: bool, black: bool
) -> None:
    who = replace(client(), identity=Identity("ann", "PLAIN", is_proved=False) if known else None)
    word = (lambda domain: "true" if domain == "d.example" else "false") if black else None
    holding: Rules = rules(who, scope("esmtp_listener", **given_options), blackhole=word)
    transaction = Transaction(who, holding, tally, reverse, reverse, "")
    transaction.forward_paths.append("x@y.example")
    heard = CHECKS.under(holding)
    assert first_no(heard.mail, transaction) == first_no(CHECKS.mail, transaction)
    recipient = bare(forward)
    assert first_no(heard.recipient, transaction, recipient) == first_no(CHECKS.recipient, transaction, recipient)
    assert first_no(heard.content, transaction, scan) == first_no(CHECKS.content, transaction, scan)


def test_by_default_few_are_asked_of_a_client_that_may_relay() -> None:
    who = client()
    heard = CHECKS.under(rules(who, scope("esmtp_listener", Open_Relay="true")))
    asked = (*heard.mail, *heard.recipient, *heard.content)
    assert len(asked) < len((*CHECKS.mail, *CHECKS.recipient, *CHECKS.content)) - 5


def test_what_is_left_out_is_in_the_table() -> None:
    assert {*ALWAYS_YES} < {*CHECKS.mail, *CHECKS.recipient, *CHECKS.content}
