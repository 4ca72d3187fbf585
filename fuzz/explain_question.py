"""Whatever an operator asks to be explained is answered, or refused in a sentence; nothing else is raised."""

from __future__ import annotations

from typing import Final

from hypothesis import strategies as st

from momentum_trio.config.load import load_text
from momentum_trio.config.schema import Schema
from momentum_trio.console.word import split
from momentum_trio.node.explanation.answer import answer
from momentum_trio.node.schema import DECLARED

PIECES: Final = (
    "192.0.2.7", "2001:db8::1", "unix", ":25", "*:26", "[::]:25", "/run/in", "to", "from", "rcpt", "helo", "ehlo", "o",
    "auth", "domain", "b", "binding", "option", "Idle_Time", "<>", "a@d.example", "ann", "<a@b> SIZE=9",
    '"a b"', "esmtp",
    "\xe9", "control_listener", "d.example", "/x/", "[192.0.2.1]", "n", "g/", "", "\r", "\0", "'", '"',
    "user", "role", "command", "ann staff", '"config set http_basic_auth x"', "pid", "r",
)  # fmt: skip
CONFIG: Final = """
Relay_Domains = ( d.example )
Domain "d.example" { Gateway = "[2001:db8::9]:24" }
Domain "/x/" { Blackhole = inline  Delivery_Method = MAILDIR }
Binding n { Outbound_Throttle_Messages = 10/60 }
Binding_Group g { Binding m { Scope_Max_Outbound_Connections = 1 } }
Pathway p { Listener_Sessions = 1 }
ESMTP_Listener {
  Pathway = p
  Listen ":25" { Peer "192.0.2.0/24" { Outbound_Binding = "g/" } }
  Listen "[::]:25" { Max_Bad_Commands = 1 }
  Listen "/run/in" { Open_Relay = true }
  Listen ":26" { Enable = false }
}
Authorization { Role ann { allow = ( "^pid$" ) } Role staff { allow = ( "config" ) } }
Control_Listener {
  Enable_Authorization = true
  AuthorizationParameters = [ uri = groups:///etc/groups ]
  Listen "/run/control" { }
  Listen "127.0.0.1:2025" { Always_Allow = true }
  Listen ":2025" { AuthLoginParameters = [ uri = file:///etc/passwords ] }
}
"""
TREE: Final = load_text(CONFIG, declared=DECLARED, schema=Schema.load(DECLARED))


def strategy() -> st.SearchStrategy[bytes]:
    """Octets worth trying: words of questions, now and then anything at all."""
    words = st.lists(st.sampled_from(PIECES), max_size=12).map(lambda pieces: " ".join(pieces).encode())
    return words | st.binary(max_size=100)


def run(octets: bytes) -> None:
    """Raise AssertionError if *octets* break the invariant."""
    try:
        told = answer(TREE, split(octets.decode("utf-8", "replace")), "mx.example")
    except ValueError:
        return
    assert told.text
    assert isinstance(told.data, dict)
