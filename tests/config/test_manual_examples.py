"""Every example of the manual page this began from loads and means what it says (spec/manual-listeners.txt)."""

from __future__ import annotations

import pytest

from momentum_trio.config.error import ConfigErrors
from momentum_trio.config.kind import BOOLEAN, COUNT, MODE, STRINGS
from momentum_trio.config.load import load_text
from momentum_trio.config.option import Option, Options
from momentum_trio.config.schema import Schema
from momentum_trio.config.scope import INBOUND_SMTP, SOCKETS
from momentum_trio.config.transaction import parse_path
from momentum_trio.config.tree import ConfigTree
from momentum_trio.net.endpoint import Endpoint, Family
from momentum_trio.net.netblock import parse_address

SCHEMA = Schema.load()


class Socket(Options):
    enable = Option("Enable", BOOLEAN, True, SOCKETS, "")
    file_mode = Option("File_Mode", MODE, 0o660, SOCKETS, "")
    listen_backlog = Option("Listen_Backlog", COUNT, 1, SOCKETS, "")


class Session(Options):
    smtp_extensions = Option("SMTP_Extensions", STRINGS, (), INBOUND_SMTP, "")
    open_relay = Option("Open_Relay", BOOLEAN, False, INBOUND_SMTP, "")


def load(text: str) -> ConfigTree:
    return load_text(text, schema=SCHEMA, declared=())


def enabled(tree: ConfigTree, listener: str) -> dict[str, bool]:
    return {
        str(scope.endpoint): Socket.resolve(tree.chain_for(listener, scope.endpoint, None)).enable
        for scope in tree.listens(listener)
    }


def test_basic_listener() -> None:
    tree = load('ESMTP_Listener {\n  Listen "*:25" {}\n}\n')
    assert [str(Endpoint.parse(scope.instance)) for scope in tree.listens("ESMTP_Listener")] == ["*:25"]


@pytest.mark.parametrize(
    "listener",
    [
        "Control_Listener",
        "ECCluster_Listener",
        "ECStream_Listener",
        "ESMTP_Listener",
        "HTTP_Listener",
        "msgcserver_listener",
    ],
)
def test_every_listener_encloses_listen_and_peer(listener: str) -> None:
    """In ECCluster_Listener and msgcserver_listener Peer is ours (docs/differences.md)."""
    tree = load(f'{listener} {{ Peer 10.0.0.0/8 {{ }} Listen "127.0.0.1:99" {{ Peer 10.0.0.1 {{ }} }} }}')
    assert tree.warnings == ()
    chain = tree.chain_for(listener, Endpoint.parse("127.0.0.1:99"), parse_address("10.0.0.1"))
    assert [scope.instance for scope in chain.scopes] == ["10.0.0.1", "127.0.0.1:99", "10.0.0.0/8", "", ""]


def test_access_control_lists() -> None:
    tree = load(
        """
ESMTP_Listener {
  Peer "10.0.0.0/16" {
    # general options for this netblock here
    Open_Relay = true
  }
  Listen ":25" {
    Peer "10.0.0.1" {
      # options for 10.0.0.1 here
      SMTP_Extensions = ( "ENHANCEDSTATUSCODES" "AUTH LOGIN" )
    }
  }
}
"""
    )

    def session(peer: str) -> Session:
        return Session.resolve(tree.chain_for("ESMTP_Listener", Endpoint.parse("*:25"), parse_address(peer)))

    assert session("10.0.0.1").smtp_extensions == ("ENHANCEDSTATUSCODES", "AUTH LOGIN")
    assert session("10.0.0.1").open_relay is True
    assert session("10.0.0.2").smtp_extensions == ()
    assert session("10.0.0.2").open_relay is True
    assert session("10.1.0.1").open_relay is False


def test_enable() -> None:
    tree = load('ESMTP_Listener {\n  Listen "*:25" {\n  }\n  Listen "*:587" {\n    Enable = false\n  }\n}\n')
    assert enabled(tree, "ESMTP_Listener") == {"*:25": True, "*:587": False}
    path, rest = parse_path(["esmtp_listener", "listen", ":25", "enable", "false"], tree)
    assert rest == ("enable", "false")
    off = tree.set(path, *rest)
    assert enabled(off, "ESMTP_Listener") == {"*:25": False, "*:587": False}
    assert enabled(tree, "ESMTP_Listener") == {"*:25": True, "*:587": False}
    assert enabled(off.set(path, "enable", "true"), "ESMTP_Listener")["*:25"]


def test_enable_of_the_listener_reaches_its_listens() -> None:
    tree = load("ESMTP_Listener { Enable = false Listen :25 {} Listen :26 { Enable = true } }")
    assert enabled(tree, "ESMTP_Listener") == {"*:25": False, "*:26": True}


def test_tcp_addresses() -> None:
    tree = load('ESMTP_Listener {\n  Listen "*:25" {}\n  Listen "127.0.0.1:25" {}\n  Listen "[*]:25" {}\n}\n')
    families = [(scope.endpoint.family, str(scope.endpoint)) for scope in tree.listens("ESMTP_Listener")]
    assert families == [(Family.INET, "*:25"), (Family.INET, "127.0.0.1:25"), (Family.INET6, "[::]:25")]


def test_unix_socket() -> None:
    tree = load('Control_Listener {\n  Listen "/tmp/2025" {\n    File_Mode = 0666\n    Listen_Backlog = 500\n  }\n}\n')
    endpoint = tree.listens("Control_Listener")[0].endpoint
    assert endpoint.family is Family.UNIX
    options = Socket.resolve(tree.chain_for("Control_Listener", endpoint, None))
    assert (options.file_mode, options.listen_backlog, options.enable) == (0o666, 500, True)


def test_ipv6_listens() -> None:
    tree = load(
        'ESMTP_Listener {\nListen "[::]:25" {}\nListen "[0:0:0:0:0:0:0:0]:25" { Idle_Time = 5 }  # equivalent\n'
        'Listen "[fd82:7796:815b:af9d:230:48ff:fef2:aa4a]:587" {}\n}'
    )
    keys = [scope.key for scope in tree.listens("ESMTP_Listener")]
    assert keys == ["[::]:25", "[fd82:7796:815b:af9d:230:48ff:fef2:aa4a]:587"]
    assert len(tree.listens("ESMTP_Listener")[0].openings) == 2


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ('Gateway = "[fd82::1]"', True),
        ('Gateway = "[fd82::1]:25"', True),
        ('Gateway = "fd82::1"', False),
        ('Gateway = "relay.example"', True),
        ('Routes = ( "[fd82::1]" a.example )', True),
        ('Routes = ( "fd82::1" )', False),
        ("Relay_Hosts = ( fd82:7796:815b:af9d:: 10.0.0.1 )", True),
        ('Relay_Hosts = ( "[fd82::1]" )', True),
        ("Prohibited_Hosts = ( fd82::/32 )", True),
        ("Skip_Hosts = ( fd82::1 )", True),
        ("Bind_Address = fd82::1", True),
        ("ESMTP_Listener { Peer fd82::1 { } Peer [fd82::2] { } }", False),  # a bracket needs quotes in this language
        ('ESMTP_Listener { Peer fd82::1 { } Peer "[fd82::2]" { } }', True),
        ('ESMTP_Listener { Listen "fd82::1:25" { } }', False),
    ],
)
def test_brackets_per_option(text: str, good: bool) -> None:
    if good:
        assert load(text)
        return
    with pytest.raises(ConfigErrors):
        load(text)
