"""The 24 odd forms of real configurations, each by its number (spec: config-language, section 3)."""

from __future__ import annotations

import pytest

from momentum_trio.config.load import load_text
from momentum_trio.config.log_place import LogPlace
from momentum_trio.config.merged import Scope
from momentum_trio.config.schema import Schema
from momentum_trio.config.tree import ConfigTree
from momentum_trio.config.value import Array, Dictionary, Value, Word

SCHEMA = Schema.load()


def load(text: str) -> ConfigTree:
    return load_text(text, schema=SCHEMA, declared=())


def at(tree: ConfigTree, *path: tuple[str, str]) -> Scope:
    scope = tree.scope(path)
    assert scope is not None
    return scope


def value(scope: Scope, option: str) -> Value:
    return scope.settings[option].value


def text_of(scope: Scope, option: str) -> str:
    held = value(scope, option)
    assert isinstance(held, Word)
    return held.text


def items(scope: Scope, option: str) -> list[str]:
    held = value(scope, option)
    assert isinstance(held, Array)
    return [word.text for word in held.items]


def test_01_unquoted_path_as_instance() -> None:
    tree = load("Control_Listener { Listen /tmp/2025 {} }")
    assert str(tree.listens("Control_Listener")[0].endpoint) == "/tmp/2025"


@pytest.mark.parametrize(
    ("text", "kind", "instance"),
    [
        ("ThreadPool accept-pool {\n}", "threadpool", "accept-pool"),
        ("Domain yahoo.com {\n}", "domain", "yahoo.com"),
        ("Binding smtp-01 {\n}", "binding", "smtp-01"),
        ("custom_logger custom_logger1 {\n}", "custom_logger", "custom_logger1"),
    ],
)
def test_02_unquoted_instances(text: str, kind: str, instance: str) -> None:
    assert at(load(text), (kind, instance)).instance == instance


def test_03_equals_before_the_brace() -> None:
    assert at(load('ESMTP_Listener = {\n  Listen "*:25" {}\n}'), ("esmtp_listener", ""), ("listen", "*:25"))


def test_03_equals_before_the_instance() -> None:
    assert at(load('cluster { Replicate = "inbound_cidr" {} }'), ("cluster", ""), ("replicate", "inbound_cidr"))


@pytest.mark.parametrize("name", ["AuthDigestMD5Parameters", "authdigestmd5parameters"])
def test_04_dictionary_without_equals(name: str) -> None:
    tree = load(f'Control_Listener {{\n  {name} [\n    uri = "digest:///etc/p"\n  ]\n}}')
    parameters = Dictionary((("uri", Word("digest:///etc/p", True)),))
    assert value(at(tree, ("control_listener", "")), "authdigestmd5parameters") == parameters


def test_04_map_without_equals() -> None:
    tree = load('auth_ds { Scheme "s" { map [\n  username = "%{username}"\n ] } }')
    scheme = at(tree, ("auth_ds", ""), ("scheme", "s"))
    assert value(scheme, "map") == Dictionary((("username", Word("%{username}", True)),))


def test_04_list_without_equals() -> None:
    assert items(load("Relay_Hosts ( 10.0.0.1 )").root, "relay_hosts") == ["10.0.0.1"]


def test_05_brace_on_a_line_of_its_own() -> None:
    assert at(load('ec_logger "ec_logger"\n{\n  mainlog = "/a"\n}'), ("ec_logger", "ec_logger"))


def test_06_options_after_nested_scopes() -> None:
    tree = load('ESMTP_Listener {\n Listen ":25" {}\n Listen ":587" {}\n Idle_Time = 7\n}\nHostname = "a.example"')
    assert text_of(at(tree, ("esmtp_listener", "")), "idle_time") == "7"
    assert text_of(tree.root, "hostname") == "a.example"
    assert len(tree.listens("esmtp_listener")) == 2


def test_07_the_same_option_twice() -> None:
    tree = load('ESMTP_Listener { Listen ":25" { SMTP_Extensions = ( "A" "B" ) SMTP_Extensions = ( "C" ) } }')
    assert items(tree.listens("esmtp_listener")[0], "smtp_extensions") == ["C"]


def test_08_the_same_scope_twice() -> None:
    tree = load_text(
        {
            "main": 'Binding_Group g { Binding a {} }\ninclude "more"\nSecurity { user = "ecuser" group = "g" }',
            "more": 'Binding_Group "g" { Binding b {} }\nSecurity { user = "other" }\n'
            'scriptlet "scriptlet" { script x {} }',
        },
        "main",
        schema=SCHEMA,
        declared=(),
    )
    assert [scope.instance for scope in at(tree, ("binding_group", "g")).all("binding")] == ["a", "b"]
    security = at(tree, ("security", ""))
    assert (text_of(security, "user"), text_of(security, "group")) == ("ecuser", "g")


def test_09_bare_address_next_to_a_quoted_block() -> None:
    assert items(load('Relay_Hosts = ( "127.0.0.0/8" 0.0.0.0 )').root, "relay_hosts") == ["127.0.0.0/8", "0.0.0.0"]


def test_10_numbers_and_booleans_quoted_at_will() -> None:
    tree = load('ESMTP_Listener { Enable = "false" Idle_Time = "0" TLS_Verified_Peer_Can_Relay= true }')
    listener = at(tree, ("esmtp_listener", ""))
    assert [text_of(listener, name) for name in ("enable", "idle_time", "tls_verified_peer_can_relay")] == [
        "false",
        "0",
        "true",
    ]


def test_11_include_unquoted() -> None:
    files = {"main": "include node-local.conf", "node-local.conf": "Hostname = a"}
    assert text_of(load_text(files, "main", schema=SCHEMA).root, "hostname") == "a"


def test_12_regex_instance() -> None:
    tree = load(r'domain "/(?:^|[.])example[.](?:com|co[.]uk)$/" { Message_Expiration = 5 }')
    chain = tree.chain_outbound("", "", "mail.EXAMPLE.co.uk")
    assert [scope.kind for scope in chain.scopes] == ["domain", "global"]


@pytest.mark.parametrize("asked", ["[IPv6:fd82:7796::1]", "[ipv6:FD82:7796:0::1]"])
def test_13_address_literal_domain(asked: str) -> None:
    tree = load('domain "[IPv6:fd82:7796::1]" {\n}')
    assert [scope.kind for scope in tree.chain_outbound("", "", asked).scopes] == ["domain", "global"]


def test_14_blocks_as_instances() -> None:
    tree = load('cluster { Topology "10.1.1.0/24" { } }\nESMTP_Listener { Peer "0.0.0.0/0" { } Peer 127.0.0.1 { } }')
    assert at(tree, ("cluster", ""), ("topology", "10.1.1.0/24"))
    assert [scope.key for scope in at(tree, ("esmtp_listener", "")).all("peer")] == ["0.0.0.0/0", "127.0.0.1/32"]


def test_15_semicolons_and_equals_inside_strings() -> None:
    tree = load('Datasource "x" { uri = ( "pgsql:host=127.0.0.1;dbname=a" ) }')
    assert items(at(tree, ("datasource", "x")), "uri") == ["pgsql:host=127.0.0.1;dbname=a"]


def test_16_arrays_of_bare_symbols() -> None:
    assert items(at(load("Debug_Flags { ERROR = (TIME FD SMTP) }"), ("debug_flags", "")), "error") == [
        "TIME",
        "FD",
        "SMTP",
    ]


def test_17_empty_and_one_line_bodies() -> None:
    tree = load('ESMTP_Listener { Listen ":25" {} Listen ":26" { } Listen ":27" { Enable = false Idle_Time = 1 } }')
    assert [len(listen.settings) for listen in tree.listens("esmtp_listener")] == [0, 0, 2]


def test_18_braces_and_percent_inside_quotes() -> None:
    tree = load('Logs { logfile = "/var/log/eccluster/%Y/%m/%d/%{l}/%{s}/%{n}" Manager "m" { Node "n" { } } }')
    assert text_of(at(tree, ("logs", "")), "logfile") == "/var/log/eccluster/%Y/%m/%d/%{l}/%{s}/%{n}"


@pytest.mark.parametrize(
    ("uri", "why"),
    [
        ("cluster:///var/log/x?subscriber=a", "expected =>SUBSCRIBER or \\?subscribers=A,B"),
        ("cluster:///var/log/x?subscribers=a?subscribers=b", "expected =>SUBSCRIBER"),
        ("cluster:///var/log/x=>", "expected =>SUBSCRIBER"),
        ("cluster://var/log/x", "expected the path of a folder"),
        ("file://var/log/x", "expected a path that begins with / behind file://"),
        ("syslog:///x", "not syslog://"),
    ],
)
def test_what_is_no_place_of_a_log(uri: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        LogPlace.parse(uri)


@pytest.mark.parametrize("uri", ["cluster:///var/log/x.cluster=>master", "jlog:///var/log/x?subscribers=a,b,c"])
def test_19_log_addresses(uri: str) -> None:
    assert text_of(at(load(f'ec_logger "x" {{ mainlog = "{uri}" }}'), ("ec_logger", "x")), "mainlog") == uri


def test_20_no_blanks_around_equals() -> None:
    tree = load('mm7 "mm7" { mm7_delivery_report="true"\n}')
    assert text_of(at(tree, ("mm7", "mm7")), "mm7_delivery_report") == "true"


def test_21_any_amount_of_blanks() -> None:
    assert at(load('cluster { Replicate  "metrics" {\n} }'), ("cluster", ""), ("replicate", "metrics"))


def test_22_comments_anywhere_between_words() -> None:
    tree = load(
        "Relay_Hosts = ( # first\n  10.0.0.1\n  # between\n  10.0.0.2 /* and */\n)\n"
        "Security {\n} # behind\n# before\nHostname = a"
    )
    assert items(tree.root, "relay_hosts") == ["10.0.0.1", "10.0.0.2"]
    assert text_of(tree.root, "hostname") == "a"


def test_23_unquoted_regex_instance_with_parentheses() -> None:
    tree = load(r"Domain /google\.(com|es|ru)$/{ Message_Expiration = 5 }")
    assert [scope.instance for scope in tree.root.all("domain")] == [r"/google\.(com|es|ru)$/"]
    assert len(tree.chain_outbound("", "", "google.ru").scopes) == 2


def test_24_no_blank_before_the_brace() -> None:
    assert at(load('domain "x.example"{ }'), ("domain", "x.example"))


def test_25_the_bare_2x_form() -> None:
    tree = load('ESMTP_Listener {\n  relay_for_sending_domains\n  Listen ":25" { }\n}')
    assert items(at(tree, ("esmtp_listener", "")), "relay_for_sending_domains") == []
    assert "Open_Relay" in str(tree.warnings[0])


# section 2, lexical rules


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ('"a b"', "a b"),
        (r'"^bounces-\d+-\d+@"', r"^bounces-\d+-\d+@"),  # a backslash stays with what follows it
        (r'"/^yahoo\\.*/"', r"/^yahoo\.*/"),
        (r'"a\r\n\t\\\""', 'a\r\n\t\\"'),
        (r'"\b\0\x41"', r"\b\0\x41"),
        ('"SELECT 1\nFROM x"', "SELECT 1\nFROM x"),  # line ends inside a string stay
        ("'a\\n\"'", 'a\\n"'),  # single quotes: to the letter
        ("http://a/*b", "http://a/*b"),  # a comment begins between words only
        ("a,b", "a,b"),
        ("192.168.1.2:8162", "192.168.1.2:8162"),
        ("digest:///opt/x", "digest:///opt/x"),
        ("*.example.com", "*.example.com"),
        ("a # comment", "a"),
        ("a#comment", "a"),
        ("/* before */ a", "a"),
        ("\n\n a", "a"),  # a value on a line after its '='
        ("\u00e9", "\u00e9"),
        ('""', ""),
    ],
)
def test_words(text: str, meaning: str) -> None:
    assert text_of(load(f"Hostname = {text}").root, "hostname") == meaning


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("( a b )", ["a", "b"]),
        ('("from", "to", "message-id")', ["from", "to", "message-id"]),
        ("()", []),
        ("(\n)", []),
        ("(a\n  # x\n b)", ["a", "b"]),
        ("( a,b )", ["a", "b"]),
        ("('a' \"b\")", ["a", "b"]),
    ],
)
def test_arrays(text: str, meaning: list[str]) -> None:
    assert items(load(f"ESMTP_Listener {{ SMTP_Extensions = {text} }}").root.children[0], "smtp_extensions") == meaning


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ('[uri = "mysqlauth://"]', {"uri": "mysqlauth://"}),
        ('["0" = "250 ok"]', {"0": "250 ok"}),
        ("[ a=1, b=2 ]", {"a": "1", "b": "2"}),
        ("[ a=1; b=2 ]", {"a": "1", "b": "2"}),
        ("[ a=1 a=2 A=3 ]", {"a": "2", "A": "3"}),  # the last counts; case counts
        ("[]", {}),
    ],
)
def test_dictionaries(text: str, meaning: dict[str, str]) -> None:
    tree = load(f"ESMTP_Listener {{ Context = {text} }}")
    held = value(tree.root.children[0], "context")
    assert isinstance(held, Dictionary)
    assert {key: word.text for key, word in held.pairs} == meaning
    assert bool(tree.warnings) is (";" in text)


def test_line_ends_mark_and_case() -> None:
    tree = load_text(
        {"x": b'\xef\xbb\xbfesmtp_LISTENER {\r\n  listen ":25" {\r\n    IDLE_time = 5 # x\r\n  }\r\n}\r\n'},
        "x",
        schema=SCHEMA,
        declared=(),
    )
    listen = tree.listens("ESMTP_Listener")[0]
    assert (listen.name, text_of(listen, "idle_time")) == ("Listen", "5")
    assert (listen.at.line, listen.at.column) == (2, 3)
