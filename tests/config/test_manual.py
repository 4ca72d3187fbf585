"""The generated reference (docs/options.md)."""

from __future__ import annotations

from momentum_trio.config.kind import COUNT
from momentum_trio.config.manual import ACTS, OUT_OF_SCOPE_TEXT, STORED_ONLY, entries, options_md, state
from momentum_trio.config.option import Option
from momentum_trio.config.schema import Schema

OURS = Option("Zz_Ours", COUNT, 5, frozenset(("global",)), "What it is for.", ours=True, dynamic=False)
BACKLOG = Option("Listen_Backlog", COUNT, 500, frozenset(("listen", "esmtp_listener")), "Connections that wait.")
SCHEMA = Schema.load([OURS, BACKLOG])


def test_every_entry_has_a_state() -> None:
    text = options_md(SCHEMA)
    assert {state(entry, SCHEMA) for entry in entries(SCHEMA)} == {ACTS, STORED_ONLY, OUT_OF_SCOPE_TEXT}
    for entry in entries(SCHEMA):
        assert f"### {entry.name}\n" in text
    for scope in SCHEMA.scopes.values():
        assert f"| {scope.name} | " in text


def test_a_declaration() -> None:
    text = options_md(SCHEMA)
    assert "### Zz_Ours\n\n*acts, ours, restart* · integer · default `5` · in `Global`\n\nWhat it is for.\n" in text
    where = text.index("### Listen_Backlog\n\n*acts* · integer · default `500` · in `ESMTP_Listener`, `Listen`\n")
    assert "*stored only*" in text[where:].split("\n### ")[1]  # where code does not declare it


def test_a_declaration_may_say_that_it_does_not_act() -> None:
    kept = Option("Concurrency", COUNT, 0, frozenset(("listen",)), "Stored only: there are no threads.")
    schema = Schema.load([kept])
    assert state(schema.options["listen", "concurrency"], schema) == STORED_ONLY
    here = Schema.load().options["listen", "listen_backlog"].scopes - {"xmpp_listener"}
    taken = Schema.load([Option("Listen_Backlog", COUNT, 9, here, "")])
    assert state(taken.options["xmpp_listener", "listen_backlog"], taken) == OUT_OF_SCOPE_TEXT


def test_it_is_the_same_every_time() -> None:
    assert options_md(SCHEMA) == options_md(Schema.load([OURS, BACKLOG]))
