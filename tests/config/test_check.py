"""Names and values, and what is said of them (spec: config-language, section 4)."""

from __future__ import annotations

import json
from importlib import resources
from typing import Any

import pytest

from momentum_trio.config.error import ConfigErrors
from momentum_trio.config.kind import BOOLEAN, COUNT, generic, quoted
from momentum_trio.config.load import load_text
from momentum_trio.config.option import Option
from momentum_trio.config.schema import OUT_OF_SCOPE, Schema
from momentum_trio.config.show import value_of_json
from momentum_trio.config.value import Array, Value, Word
from momentum_trio.node.schema import DECLARED

SCHEMA = Schema.load()
ROWS: list[dict[str, Any]] = json.loads(resources.files("momentum_trio.config").joinpath("options.json").read_bytes())


def said(text: str) -> list[str]:
    """Problems and hints of *text*."""
    with pytest.raises(ConfigErrors) as raised:
        load_text(text, schema=SCHEMA, declared=())
    return [f"{error.at.line}:{error.at.column} {error.problem} | {error.hint}" for error in raised.value.errors]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ESMTP_Listener {\n Enabled = false\n}", "did you mean Enable?"),
        ('ec_logger "x" {\n Enable = false\n}', "did you mean enabled?"),
        ("Idle_Time = 5", "not valid in Global; it is valid in ESMTP_Listener, HTTP_Listener, Listen"),
        ("Hostnam = 5", "did you mean Hostname?"),
        ("Quite_Unlike_Anything = 5", "no such option in Global"),
        ("ESMTP_Listner { }", "did you mean ESMTP_Listener?"),
        ("Control_Listener { Peer 10.0.0.1 { Pathway = a } }", "not valid in Peer"),  # not of that listener
        ("HTTP_Listener { Listen :80 { SMTP_Extensions = ( a ) } }", "not valid in Listen"),
        ("Local_Changes_Only = true", "Local_Changes_File is not set"),
        ("ESMTP_Listener { Pathway = p }", "there is no Pathway 'p'"),
        ("ESMTP_Listener { Listen :25 { } } HTTP_Listener { Listen *:25 { } }", "already listened on"),
        ("Pathway p { } Pathway_Group g { Pathway p { } }", "there is a Pathway 'p' already, at ecelerity.conf:1:1"),
        ("Pathway_Group g { Pathway p { } } Pathway_Group h { Pathway p { } }", "each pathway stands once"),
        ("ESMTP_Listener { Enable = ( ) }", "not a list"),
        ("Bounce_Pattern = '(?=a)'", "RE2 has no lookahead (?=...)"),
        ('Authorization { Role "a" { Allow = ( "^config" "(a)\\1" ) } }', "RE2 has no back reference"),
        ("Binding a:b { }", "holds no ':'"),
        ('Binding_Group "a b" { }', "without blanks"),
        ("msgc_server { Peers = [ Node1 = 10.0.0.1 ] }", "not in lower case"),
        ("Memory_HWM = 101", "from 0 to 100"),
        ("TLS = maybe", "expected one of no, ifavailable, required"),
        ("Max_Retries = often", "expected one of auto, none, or a whole number"),
    ],
)
def test_said(text: str, expected: str) -> None:
    assert expected in "\n".join(said(text))


@pytest.mark.parametrize(
    "text",
    [
        "ESMTP_Listener { Listen :25 { } } HTTP_Listener { Listen *:25 { Enable = false } }",
        "ESMTP_Listener { Listen :25 { } Listen 127.0.0.1:25 { } Listen [*]:25 { } }".replace("[*]:25", '"[*]:25"'),
        "ESMTP_Listener { Listen 10.0.0.1:25 { Duravip_Preference = n1 } }",  # only in Listen
        "ECStream_Listener { Peer 10.0.0.1 { Pathway = p } } Pathway p { }",
        "Pathway_Group g { Pathway p { } } ESMTP_Listener { Pathway = p }",
        "Pathway_Group g { Pathway p { } Pathway p { Idle_Time = 3 } }",
        "Control_Listener { Peer 10.0.0.1 { AuthLoginParameters = [ uri = x ] } }",  # lenient: an example does it
        "Memory_HWM = 95 Blackhole = 0 TLS = IfAvailable Max_Retries = 5 Message_Expiration = -1",
        'ec_logger { mainlog = "x" }',
        "DebugFlags { ERROR = ( ALL ) }",  # an alias
    ],
)
def test_good(text: str) -> None:
    assert load_text(text, schema=SCHEMA, declared=()).warnings == ()


@pytest.mark.parametrize(
    ("text", "warning"),
    [
        ('antivirus "av" { anything = ( goes ) Sub "x" { y = 1 } }', "not a part of this host"),
        ("Adaptive_Adjustment_Interval = what", "not a part of this host"),
        ("Spool_Mode = 644", "taken as octal: 0644"),
        ("Spool_Mode = '0644' ESMTP_Listener { Context = [ a = b; c = d ] }", "';' between pairs"),
        ("ESMTP_Listener { relay_for_sending_domains Listen :25 { } }", "an empty list permits nothing"),
    ],
)
def test_warnings(text: str, warning: str) -> None:
    assert warning in "\n".join(map(str, load_text(text, schema=SCHEMA, declared=()).warnings))


def test_what_code_declares_is_known() -> None:
    ours = Option("Zz_Ours", COUNT, 5, frozenset(("global",)), "", ours=True)
    assert load_text("Zz_Ours = 7", declared=[ours]).eval((), "zz_ours") == "Zz_Ours = 7"
    assert load_text("", declared=[ours]).eval((), "zz_ours") == "Zz_Ours = 5"
    narrower = Option("Listen_Backlog", COUNT, 9, frozenset(("listen",)), "")
    tree = load_text("", declared=[narrower])
    assert tree.eval((("esmtp_listener", ""), ("listen", ":25")), "listen_backlog") == "        Listen_Backlog = 9"
    switch = Option("Zz_Switch", BOOLEAN, True, frozenset(("global",)), "")
    assert load_text("", declared=[switch]).eval((), "zz_switch") == "Zz_Switch = 1"


def test_thousands_of_errors_are_cut_short() -> None:
    with pytest.raises(ConfigErrors) as raised:
        load_text("".join(f"No_Such_{n} = 1\n" for n in range(5000)), schema=SCHEMA, declared=())
    assert len(raised.value.errors) <= 300
    assert raised.value.render().endswith("more")


@pytest.mark.parametrize("row", [row for row in ROWS if row["kind"] == "option"], ids=lambda row: row["name"])
def test_every_option_of_the_table(row: dict[str, Any]) -> None:
    kind = generic(row["type"])
    if row["default"] is not None:
        kind.parse(value_of_json(row["default"]))
    for scope in row["scopes"]:
        entry = SCHEMA.options[scope, row["name"].lower()]
        assert entry.name == row["name"]
        assert entry.is_out_of_scope is (row["role"] == OUT_OF_SCOPE)


def test_every_scope_of_the_table() -> None:
    for row in ROWS:
        if row["kind"] == "scope":
            assert set(row["scopes"]) <= SCHEMA.scopes[row["name"].lower()].containers


@pytest.mark.parametrize(
    ("name", "value", "meaning"),
    [
        ("boolean", Word("Enabled"), True),
        ("boolean", Word("OFF", True), False),
        ("integer", Word("-1"), -1),
        ("octal-mode", Word("0666"), 0o666),
        ("octal-mode", Word("640", True), 0o640),
        ("time-seconds", Word("300"), 300.0),
        ("number", Word("1.0"), 1.0),
        ("string-list", Word("one"), ("one",)),  # a single word where a list is wanted
        ("string-list", Array(()), ()),
        ("domain-list", Array((Word("A.Example"),)), ("a.example",)),
        ("percent", Word("95"), 95),
        ("enum(no|ifavailable)", Word("IFAVAILABLE"), "ifavailable"),
        ("enum(false|true|inline)", Word("0"), "false"),
        ("union(enum(auto|none), integer)", Word("5"), 5),
        ("union(enum(auto|none), integer)", Word("AUTO"), "auto"),
    ],
)
def test_kinds(name: str, value: Value, meaning: object) -> None:
    assert generic(name).parse(value) == meaning


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("boolean", "yes"),
        ("integer", "5 minutes"),
        ("integer", "\u0665"),
        ("integer", "--5"),
        ("integer", ""),
        ("octal-mode", "0888"),
        ("time-seconds", "5s"),
        ("number", "1.2.3"),
        ("throttle", "1/0"),
        ("port", "0"),
        ("address-list", "localhost"),
        ("regex", "(a"),
    ],
)
def test_kinds_refuse(name: str, text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        generic(name).parse(Word(text))


def test_no_other_kind_is_known() -> None:
    with pytest.raises(KeyError):
        generic("colour")


@pytest.mark.parametrize(
    ("text", "shown"),
    [("a", '"a"'), (r"^a\d", r'"^a\d"'), ("a\\", '"a\\\\"'), (r"\n", r'"\\n"'), ('"', r'"\""'), ("\n", r'"\n"')],
)
def test_quoted(text: str, shown: str) -> None:
    assert quoted(text) == shown


@pytest.mark.parametrize("name", ["a b", "a\\r\\nb", "a\tb", "bücher.example", "\x1b[2J"])
@pytest.mark.parametrize(
    "option", ["Hostname", "ESMTP_Listener { Banner_Hostname", "ESMTP_Listener { Received_Hostname"]
)
def test_a_host_name_is_one_word(option: str, name: str) -> None:
    """It goes out in greetings and trace fields, where a line end would be another line."""
    with pytest.raises(ConfigErrors, match="one word of ASCII"):
        load_text(f'{option} = "{name}"' + (" }" if "{" in option else ""), declared=DECLARED)


BINDINGS = 'Binding "a" { } Binding_Group "g" { Binding "b" { } } ESMTP_Listener { Outbound_Binding = "'


@pytest.mark.parametrize("words", ["", "a", "g/b", "b", "g/", "default", "default/default"])
def test_outbound_binding_names_one_that_is_there(words: str) -> None:
    assert load_text(f'{BINDINGS}{words}" }}', declared=DECLARED)


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ("c", "there is no Binding 'c'"),
        ("g", "there is no Binding 'g'"),
        ("g/a", "there is no Binding 'a' in a Binding_Group 'g'"),
        ("h/b", "there is no Binding 'b' in a Binding_Group 'h'"),
        ("h/", "there is no Binding in a Binding_Group 'h'"),
        ("/", "there is no Binding in a Binding_Group ''"),
    ],
)
def test_outbound_binding_that_names_nothing(words: str, problem: str) -> None:
    with pytest.raises(ConfigErrors) as raised:
        load_text(f'{BINDINGS}{words}" }}', declared=DECLARED)
    assert [error.problem for error in raised.value.errors] == [problem]
