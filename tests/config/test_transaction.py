"""What the console asks and changes, in its exact words (spec: console, section 6)."""

from __future__ import annotations

import pytest

from momentum_trio.config.error import ConfigErrors
from momentum_trio.config.kind import STRING
from momentum_trio.config.load import load_text
from momentum_trio.config.option import Option
from momentum_trio.config.schema import Schema
from momentum_trio.config.scope import GLOBAL
from momentum_trio.config.transaction import Change, ConfigConflict, Transaction, parse_path
from momentum_trio.config.tree import ConfigTree

SCHEMA = Schema.load()
TEXT = r"""
Message_Expiration = 86400
Max_Outbound_Connections = 20
ESMTP_Listener {
  Listen "*:25" { Peer 10.0.0.0/8 { Idle_Time = 7 } }
  Idle_Time = "100"
}
Domain example.net { Message_Expiration = 900 }
Domain "/^a\.b$/" { Message_Expiration = 3 }
ec_logger "x" { mainlog = /var/log/x }
Pathway foo { }
inbound_audit "inbound_audit" { opt = "a b" }
"""


def load(text: str = TEXT) -> ConfigTree:
    return load_text(text, schema=SCHEMA, declared=())


def ask(tree: ConfigTree, command: str) -> str:
    """*command* as the console would answer it."""
    verb, *tokens = command.split(" ")
    path, rest = parse_path(tokens, tree)
    if verb == "get":
        return tree.get_text(path, rest[0])
    if verb == "eval":
        return tree.eval(path, rest[0])
    if verb == "set":
        return tree.set(path, rest[0], " ".join(rest[1:])).echo(path, rest[0])
    if verb == "unset":
        return tree.unset(path, rest[0]).unset_text(path, rest[0])
    return tree.show(path, recurse=verb == "showrecurse")


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("get blackhole", "Option 'Blackhole' is not set in scope ''."),
        ("eval blackhole", "Blackhole = 0"),
        ("set suspend_delivery on", "Suspend_Delivery = on"),  # the spelling given
        ("get message_expiration", "Message_Expiration = 86400"),
        ("get domain example.net message_expiration", "        Message_Expiration = 900"),
        (
            "unset domain example.net message_expiration",
            '"Message_Expiration" has been unset. Effective value is now:\n        Message_Expiration = 86400',
        ),
        ("set Relay_Hosts ( 10.0.0.1 10.0.0.2 )", "Relay_Hosts = (\n  10.0.0.1\n  10.0.0.2\n  )"),
        ("set Relay_Hosts = ( 10.0.0.1 )", "Relay_Hosts = (\n  10.0.0.1\n  )"),
        ("set ESMTP_Listener Peer 127.0.0.1 Pathway foo", "        Pathway = foo"),
        ("set esmtp_listener listen :25 enable false", "        Enable = false"),
        ("eval esmtp_listener listen :25 idle_time", "        Idle_Time = 100"),  # numbers as stored, without quotes
        ("eval esmtp_listener listen :25 peer 10.0.0.1 idle_time", "        Idle_Time = 7"),
        ("eval esmtp_listener listen :9999 idle_time", "        Idle_Time = 100"),  # a scope that is not there
        ("get domain /^a\\.b$/ message_expiration", "        Message_Expiration = 3"),  # its name as an ordinary string
        ("eval domain a.b message_expiration", "        Message_Expiration = 3"),
        ("eval domain other.example message_expiration", "        Message_Expiration = 86400"),
        ("get ec_logger x mainlog", '        mainlog = "/var/log/x"'),  # strings quoted
        ("eval gateway", "Option 'Gateway' is not set in scope ''."),
        ("eval relay_hosts", "Relay_Hosts = (\n)"),
        ("eval threadpool Unlink backlog", "        Backlog = 100"),
        ("eval http_listener listen :80 tcp_recv_buffer_size", "        TCP_Recv_Buffer_Size = 32768"),
        ("eval esmtp_listener listen :25 tcp_recv_buffer_size", "        TCP_Recv_Buffer_Size = 4096"),
        ("eval host mx.example max_outbound_connections", "        Max_Outbound_Connections = -1"),  # never falls back
        ("eval domain x.example max_outbound_connections", "        Max_Outbound_Connections = 20"),
        ("show esmtp_listener", 'Idle_Time = 100\nListen "*:25" { ... }'),
        (
            "showrecurse esmtp_listener listen :25",
            'Listen "*:25" {\n  Peer "10.0.0.0/8" {\n    Idle_Time = 7\n  }\n}',
        ),
        (
            "get esmtp_listener listen :25 idle_time",
            "Option 'Idle_Time' is not set in scope 'ESMTP_Listener Listen :25'.",
        ),
    ],
)
def test_answers(command: str, answer: str) -> None:
    assert ask(load(), command) == answer


def test_show_of_the_file_level() -> None:
    assert load().show().splitlines() == [
        "Message_Expiration = 86400",
        "Max_Outbound_Connections = 20",
        "ESMTP_Listener { ... }",
        'Domain "example.net" { ... }',
        'Domain "/^a\\.b$/" { ... }',
        'ec_logger "x" { ... }',
        'Pathway "foo" { ... }',
        'inbound_audit "inbound_audit" { ... }',
    ]


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("set idle_tme 5", "no such option in Global"),
        ("set esmtp_listener enabled false", "did you mean Enable?"),
        ("get ec_logger x enable", "did you mean enabled?"),
        ("set esmtp_listener idle_time soon", "expected a whole number of seconds"),
        ("set esmtp_listener pathway bar", "there is no Pathway 'bar'"),
        ("set esmtp_listener listen 25 enable true", "the port is missing"),
        ("set esmtp_listener peer localhost idle_time 5", "not an IPv4 or IPv6 address"),
        ("set hostname", "a value is missing"),
        ("set relay_hosts ( 10.0.0.1", "'(' is never closed"),
        ("set http_listener listen :25 enable true", "already listened on"),
        ("set hostname a b", "expected one value"),
        ("show domain no.such", "there is no such scope"),
        ("show domain", "the scope needs an instance"),
    ],
)
def test_refusals(command: str, said: str) -> None:
    tree = load()
    before = tree.show((), True)
    with pytest.raises(ConfigErrors) as raised:
        ask(tree, command)
    assert said in raised.value.render()
    assert tree.show((), True) == before


def test_unset_of_a_scope() -> None:
    tree = load()
    assert tree.unset((("domain", "EXAMPLE.net"),), None).scope((("domain", "example.net"),)) is None
    with pytest.raises(ConfigErrors, match="global scope"):
        tree.unset((), None)
    used = tree.set((("esmtp_listener", ""),), "pathway", "foo")
    with pytest.raises(ConfigErrors, match="there is no Pathway"):
        used.unset((("pathway", "foo"),), None)


def test_secrets_are_not_shown() -> None:
    plain = Option("Zz_Secret", STRING, "", GLOBAL, "", secret=True, ours=True)
    tree = load_text('Zz_Secret = "canary"\nOutbound_SMTP_AUTH_Pass = "canary"', declared=[plain])
    told = [
        tree.show((), True),
        tree.echo((), "zz_secret"),
        *(tree.eval((), o) for o in ("zz_secret", "outbound_smtp_auth_pass")),
    ]
    told += [tree.get_text((), "zz_secret"), Change((), "Zz_Secret", "canary").command(tree)]
    with pytest.raises(ConfigErrors) as raised:
        load_text("Zz_Secret = ( canary )", declared=[plain])
    told.append(raised.value.render())
    assert not [text for text in told if "canary" in text]
    assert tree.eval((), "zz_secret") == "Zz_Secret = ***"


def test_a_transaction() -> None:
    running = load()
    transaction = Transaction(running)
    transaction.add(Change((("esmtp_listener", ""), ("listen", ":25")), "enable", "false"))
    transaction.add(Change((), "message_expiration", None))
    with pytest.raises(ConfigErrors):
        transaction.add(Change((), "no_such", "1"))
    assert transaction.replay() == ('set ESMTP_Listener Listen ":25" Enable false', "unset Message_Expiration")
    assert running.eval((), "message_expiration") == "Message_Expiration = 86400"
    assert transaction.committed(running).get((), "message_expiration") is None
    other = running.set((), "hostname", "a")
    assert transaction.committed(other).eval((), "hostname") == 'Hostname = "a"'
    assert transaction.committed(other).get((), "message_expiration") is None
    with pytest.raises(ConfigConflict, match="Message_Expiration has been set"):
        transaction.committed(other.set((), "message_expiration", "5"))


@pytest.mark.parametrize(
    ("tokens", "path", "rest"),
    [
        ("relay_hosts ( a )", (), ("relay_hosts", "(", "a", ")")),
        ("esmtp_listener", (("esmtp_listener", ""),), ()),
        ("Binding_Group g Binding b Gateway x", (("binding_group", "g"), ("binding", "b")), ("Gateway", "x")),
        ("esmtp_listener pathway foo", (("esmtp_listener", ""),), ("pathway", "foo")),  # the option, not the scope
        ("pathway foo idle_time", (("pathway", "foo"),), ("idle_time",)),
        ("inbound_audit inbound_audit opt", (("inbound_audit", "inbound_audit"),), ("opt",)),
    ],
)
def test_paths(tokens: str, path: tuple[tuple[str, str], ...], rest: tuple[str, ...]) -> None:
    assert parse_path(tokens.split(" "), load()) == (path, rest)


@pytest.mark.parametrize(
    ("listens", "named", "meant"),
    [
        ("127.0.0.1:25", ":25", "127.0.0.1:25"),
        ("[::1]:25", ":25", "[::1]:25"),
        ("127.0.0.1:25 *:25", ":25", ":25"),
        ("127.0.0.1:25 127.0.0.2:25", ":25", ":25"),  # either could be meant: neither is
        ("127.0.0.1:225 /tmp/x:25", ":25", ":25"),
        ("127.0.0.1:25", "*:25", "*:25"),
    ],
)
def test_a_listen_may_be_named_by_its_port_alone(listens: str, named: str, meant: str) -> None:
    stanzas = " ".join(f'Listen "{name}" {{}}' for name in listens.split())
    tree = load(f"ESMTP_Listener {{ {stanzas} }}")
    path, rest = parse_path(["esmtp_listener", "listen", named, "enable", "false"], tree)
    assert (path, rest) == ((("esmtp_listener", ""), ("listen", meant)), ("enable", "false"))
