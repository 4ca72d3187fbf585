"""What a second reading of the language found: texts that loaded and should not, errors said one after the other."""

from __future__ import annotations

import pytest

from momentum_trio.config.dump import as_conf, as_json
from momentum_trio.config.error import ConfigErrors, render
from momentum_trio.config.load import checked, load_text
from momentum_trio.config.schema import Schema
from momentum_trio.config.source import Source
from momentum_trio.config.syntax import Block, parse
from momentum_trio.config.tree import ConfigTree
from momentum_trio.node.schema import DECLARED

SCHEMA = Schema.load(DECLARED)
CANARY = "hunter2"


def loaded(text: str | dict[str, str]) -> ConfigTree:
    return load_text(text, schema=SCHEMA, declared=DECLARED)


def said(text: str | dict[str, str]) -> list[str]:
    with pytest.raises(ConfigErrors) as raised:
        loaded(text)
    return [str(error) for error in raised.value.errors]


# all errors together


def test_a_wrong_value_that_a_later_one_overrides_is_said() -> None:
    first, second = said("Memory_HWM = 101\nNonsense = 1\nMemory_HWM = 90\nNonsense = 2\nMemory_HWM = 5")[:2]
    assert first.startswith("ecelerity.conf:1:14: Memory_HWM: expected a whole number from 0 to 100")
    assert second.startswith("ecelerity.conf:2:1: Nonsense")


def test_so_is_one_that_another_file_overrides() -> None:
    files = {
        "ecelerity.conf": 'include "b"\nDomain Example.com { Max_Retries = 5 }',
        "b": "Domain example.com { Max_Retries = x }",
    }
    (only,) = said(files)
    assert only.startswith("b:1:36: Max_Retries")


def test_a_file_included_twice_says_it_once() -> None:
    (only,) = said({"ecelerity.conf": 'include "b" include "b"', "b": "Memory_HWM = 101\nMemory_HWM = 5"})
    assert only.startswith("b:1:14")


def test_an_override_of_a_good_value_is_no_error_and_an_edit_forgets_it() -> None:
    tree = loaded("Pathway p {}\nESMTP_Listener { Pathway = p Pathway = q }\nPathway q {}")
    assert checked(tree.unset((("pathway", "p"),), None)).root.child("pathway", "p") is None


def test_what_stands_in_a_scope_whose_instance_is_wrong_is_said_too() -> None:
    errors = said(
        'ESMTP_Listener { Listen ":x" { Idle_Time = x } Peer 300.0.0.1 { Nonsense = 5 } }\n'
        'Domain "//" { Max_Retries = x }'
    )
    assert [error.split(":")[3].strip() for error in errors] == [
        "Listen", "Idle_Time", "Peer", "Nonsense", "Domain", "Max_Retries",
    ]  # fmt: skip


def test_the_nearest_word_is_named() -> None:
    (only,) = said("Delivery_Method = MAILDER")
    assert only.endswith("did you mean MAILDIR?")
    assert "did you mean" not in said("Delivery_Method = qwertz")[0]


def test_changes_do_not_gather_warnings() -> None:
    tree = loaded("ESMTP_Listener { File_Mode = 666 }\nac_auth x {}")
    many = tree
    for number in range(3):
        many = checked(many.set((), "Hostname", f"host{number}"))
    assert list(map(str, many.warnings)) == list(map(str, tree.warnings))
    mended = checked(many.set((("esmtp_listener", ""),), "File_Mode", "0666"))
    assert [warning.option for warning in mended.warnings] == ["ac_auth"]


# what should not load, and what should


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('ESMTP_Listener { Listen "[]:25" {} }', "nothing stands in the brackets"),
        ('ESMTP_Listener { Listen "[::%lo]:25" {} }', "only a link-local address has a zone"),
        ('Outbound_Throttle_Messages = "10/00"', "expected a throttle"),
        ('Relay_Hosts = "[fd82::/32"', "is not an IPv4 or IPv6 address"),
        ('Domain "/a\\Kb/" {}', "RE2 has no reset of the match \\K"),
        ('Domain "/a\\Z/" {}', "RE2 has no anchor \\Z"),
        ('Domain "/(?<n>a)\\k<n>/" {}', "RE2 has no back reference \\k"),
        ("Relay_Domains = ( a; b )", "';' separates nothing in a list"),
        ("Relay_Domains = ( a ; b )", "';' separates nothing in a list"),
        ("Relay_Domains = ( ;a )", "';' separates nothing in a list"),
        ('Local_Changes_Only = true Local_Changes_File = ""', "Local_Changes_File is not set"),
        ("Control_Listener { Peer 10.0.0.1 { Idle_Time = 5 } }", "not valid in Peer of Control_Listener"),
    ],
)
def test_refused(text: str, problem: str) -> None:
    assert problem in "\n".join(said(text))


@pytest.mark.parametrize(
    "text",
    [
        'ESMTP_Listener { relay_for_sending_domains\nListen ":25" {} }',
        "ESMTP_Listener { relay_for_sending_domains\nPeer 10.0.0.1 {} }",
        'ESMTP_Listener { Listen "127.0.0.1:0" {} }\nControl_Listener { Listen "127.0.0.1:0" {} }',
        'ESMTP_Listener { Listen "[fe80::1%lo]:25" {} }',
        'Relay_Domains = ( "a;" b;c )',
        'Relay_Hosts = ( "[fd82::/32]" "[fd82::]/32" )',
    ],
)
def test_loads(text: str) -> None:
    loaded(text)


def test_a_directory_holds_no_local_changes() -> None:
    (only,) = said({"ecelerity.conf": 'Local_Changes_File = "d"', "d/a": "Hostname = b"})
    assert "a directory, not a file" in only


def test_what_is_said_of_a_long_word_is_short() -> None:
    (only,) = said("A" * 100_000 + " = 1")
    assert len(only) < 2000


def test_the_bare_option_takes_no_scope_for_its_instance() -> None:
    (listen,) = loaded('ESMTP_Listener { relay_for_sending_domains\nListen ":25" {} }').listens("esmtp_listener")
    assert listen.key == "*:25"


# secrets


@pytest.mark.parametrize(
    "text",
    [
        "Outbound_SMTP_AUTH_Pass = {} Bogus = 3",
        "Outbound_SMTP_AUTH_Pass = {} {}",
        'Outbound_SMTP_AUTH_Pass = {}"',
        'Outbound_SMTP_AUTH_Pass = "{}',
        "Outbound_SMTP_AUTH_Pass = ( {} )",
        "Outbound_SMTP_AUTH_Pass = a={}",
        "Outbound_SMTP_AUTH_Pass {}",
        "Outbound_SMTP_AUTH_Pass = \u201c{}\u201d",
        'Outbound_SMTP_AUTH_Pass =\n  "{}" "x"',
        "Outbound_SMTP_AUTH_Passs = {}",
        "ESMTP_Listener {{ Outbound_SMTP_AUTH_Pass = {} }}",
    ],
)
def test_no_error_shows_a_secret(text: str) -> None:
    with pytest.raises(ConfigErrors) as raised:
        loaded(text.replace("{}", CANARY).replace("{{", "{").replace("}}", "}"))
    assert CANARY not in raised.value.render() + str(raised.value) + repr([e.fields() for e in raised.value.errors])


def test_no_warning_shows_a_secret() -> None:
    tree = loaded(f"HTTP_Basic_Auth = {CANARY}")
    assert tree.warnings
    assert CANARY not in render(tree.warnings, tree.sources())


def test_a_secret_in_an_opaque_scope_is_not_printed() -> None:
    tree = loaded(f"ac_auth x {{ Outbound_SMTP_AUTH_Pass = {CANARY} }}")
    assert CANARY not in as_conf(tree) + repr(as_json(tree)) + tree.show((), recurse=True)


# edits


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("B { C = 2\r\n}\r\n", "B { C = 2\r\n  Z = 9\r\n}\r\n"),
        ("B {}\r\n", "B {\r\n  Z = 9\r\n}\r\n"),
        ("\tB {\n\t\tC = 2\n\t}", "\tB {\n\t\tC = 2\n\t\tZ = 9\n\t}"),
        ("B { C = 2 \t }", "B { C = 2 \t \n  Z = 9\n}"),
    ],
)
def test_what_is_inserted_fits_the_text_and_nothing_else_changes(text: str, expected: str) -> None:
    document = parse(Source("x", text), [])
    (block,) = document.body
    assert isinstance(block, Block)
    assert document.edited([document.insertion(block, ["Z = 9"])]) == expected


def test_what_is_appended_has_the_line_end_of_the_text() -> None:
    document = parse(Source("x", "A = 1\r\nB = 2"), [])
    assert document.edited([document.insertion(None, ["Z = 9"])]) == "A = 1\r\nB = 2\r\nZ = 9\r\n"
