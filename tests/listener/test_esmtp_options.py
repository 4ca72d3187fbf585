"""The declarations agree with the manual's table, but where we differ on purpose."""

from __future__ import annotations

import json
from importlib import resources
from typing import Any

import pytest

from momentum_trio.config.authentication_options import AuthenticationOptions
from momentum_trio.config.kind import BOOLEAN, COUNT, HOSTNAME, OCTETS, SECONDS, STRING, STRINGS
from momentum_trio.config.option import Option
from momentum_trio.config.value import Array, Dictionary, Value, Word
from momentum_trio.listener.esmtp_options import SessionOptions
from momentum_trio.reception.reception_options import (
    BlackholeOptions,
    DefaultBindingOptions,
    NameOptions,
    ReceptionOptions,
)

ROWS: dict[str, dict[str, Any]] = {
    row["name"]: row
    for row in json.loads(resources.files("momentum_trio.config").joinpath("options.json").read_bytes())
    if row["kind"] == "option"
}
OPTIONS: list[Option[Any]] = [
    option
    for group in (SessionOptions, ReceptionOptions, NameOptions, BlackholeOptions, DefaultBindingOptions)
    for option in group.declared
    if option not in AuthenticationOptions.declared  # the console's as well
]
OURS = {
    "Max_Bad_Commands",
    "Max_Refused_Recipients",
    "Message_Rate_Per_Address",
    "Outbound_Binding",
    "Refusal_Delay",
}
# The manual has options of mail in no ECStream_Listener, which trusts whoever connects, nor in an HTTP_Listener.
HERE_TOO = {"ecstream_listener", "http_listener"}
# The manual's default lets bare CR and LF pass, which SMTP smuggling lives on.
DEFAULTS_THAT_DIFFER = {"RFC2822_Lone_LF_In_Body": "pedantic"}


def test_what_is_ours_says_so() -> None:
    assert {option.name for option in OPTIONS if option.ours} == OURS == {o.name for o in OPTIONS} - set(ROWS)


@pytest.mark.parametrize("option", [o for o in OPTIONS if not o.ours], ids=lambda o: o.name)
def test_an_option_is_the_manuals(option: Option[Any]) -> None:
    row = ROWS[option.name]
    assert set(row["scopes"]) - {"xmpp_listener"} <= option.scopes <= {*row["scopes"], *HERE_TOO}
    assert option.kind.name == row["type"]
    assert option.dynamic == row["dynamic"]
    expected = DEFAULTS_THAT_DIFFER.get(option.name, row["default"])
    if expected is None:  # unset: an empty name, an empty list
        assert not option.default
    else:
        assert option.kind.parse(written(expected)) == option.default


def written(default: object) -> Value:
    """A default of the table as text would give it."""
    if isinstance(default, list):
        return Array(tuple(Word(str(item)) for item in default))
    return Word(str(default).lower() if isinstance(default, bool) else str(default))


@pytest.mark.parametrize("option", OPTIONS, ids=lambda o: o.name)
def test_what_is_shown_can_be_read_again(option: Option[Any]) -> None:
    shown = option.kind.show(option.default)
    assert isinstance(shown, str)
    if option.kind in (BOOLEAN, COUNT, OCTETS, SECONDS, HOSTNAME, STRING):
        assert option.kind.parse(Word(shown.strip('"'))) == option.default
    elif option.kind is STRINGS:
        assert shown == "(\n)"


@pytest.mark.parametrize(
    ("option", "wrong"),
    [
        (SessionOptions.static_banner, "250 hello"),
        (SessionOptions.static_banner, "220-hello"),
        (SessionOptions.static_banner, "220 a\r\nb"),
        (SessionOptions.static_banner, "220 grüezi"),
        (SessionOptions.reconfig_message, "4.3.2 a\nb"),
        (ReceptionOptions.relay_domains, "a*b"),
        (ReceptionOptions.relay_hosts, "host.example"),
        (ReceptionOptions.relay_hosts, "10.0.0.0/33"),
        (ReceptionOptions.missing_headers, "perhaps"),
        (BlackholeOptions.blackhole, "maybe"),
    ],
)
def test_what_is_wrong_is_said(option: Option[Any], wrong: str) -> None:
    with pytest.raises(ValueError, match=r"expected|is not an"):
        option.kind.parse(Word(wrong, True))


@pytest.mark.parametrize(
    ("name", "is_taken"),
    [
        ("who", True),
        ("__bypass_dmarc", True),
        ("can_relay", False),
        ("Auth_User", False),
        ("tls", False),
        ("#x", False),
    ],
)
def test_the_context_has_no_variable_that_is_the_hosts_own(name: str, is_taken: bool) -> None:
    kind, value = ReceptionOptions.context.kind, Dictionary(((name, Word("true")),))
    if is_taken:
        assert kind.parse(value) == ((name, "true"),)
        return
    with pytest.raises(ValueError, match=f"not '{name}'"):
        kind.parse(value)
