"""Whatever line is typed is understood one way, shows no secret, and changes all that it says or nothing at all.

A transaction is under way, so that nothing but the line's own effect is at stake; roles judge each line before it.
"""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Final, cast

import trio
from hypothesis import strategies as st

from momentum_trio.config.load import load_text
from momentum_trio.config.transaction import Transaction
from momentum_trio.console import strategies
from momentum_trio.console.authority import Terms, verdict
from momentum_trio.console.command import Operator
from momentum_trio.console.dispatch import Dispatch, Output
from momentum_trio.console.facade import Administration
from momentum_trio.console.word import split, words
from momentum_trio.console.workspace import Workspace
from momentum_trio.node.schema import DECLARED
from momentum_trio.node.tables import COMMANDS
from momentum_trio.protocol.console.frame import Form

CANARY: Final = "s3cret-canary"
OPERATOR: Final = Operator("ann", "/tmp/2025", "", ("staff",))
TREE: Final = load_text(
    """
    HTTP_Basic_Auth = "ann:hush"
    Domain example.net { Max_Retries = 5 }
    ec_logger l { mainlog = /nowhere/mainlog }
    ESMTP_Listener { Listen ":2525" { Peer 10.0.0.0/8 { Idle_Time = 5 } } }
    Authorization { Role staff { allow = ( "^config (get|show)" "^(a+)+$" ) } }
    """,
    declared=DECLARED,
)
ALONE: Final = {"config get", "config eval", "config set", "config unset", "config show", "config showrecurse"} | {
    "config locate",
    "config replay",
    "help",
}
"""Commands that need nothing of a node but its tree."""


class Node:
    """A node of which the tree is known, and nothing else."""

    tree, generation, hostname = TREE, 1, "mx.example"


DISPATCH: Final = Dispatch(COMMANDS, cast("Administration", Node()))
FORMS: Final[tuple[Form, ...]] = ("text", "json")


def strategy() -> st.SearchStrategy[bytes]:
    """Lines worth trying."""
    return strategies.lines.map(lambda line: line.encode("utf-8", "surrogatepass")) | st.sampled_from(SEEDS)


SEEDS: Final = (
    b"config set Relay_Hosts ( 10.0.0.1 10.0.0.2 )",
    b"config set domain example.net max_retries = 7",
    b"config unset domain example.net max_retries",
    b"config set esmtp_listener listen :2525 enable=false",
    b"config show ESMTP_Listener Listen *:2525",
    b'config locate domain "exa.+m"',
    b"json config eval esmtp_listener listen :2525 peer 10.1.2.3 idle_time",
    b"config set http_basic_auth ann:s3cret-canary",
    b"config set http_basic_auth = ( s3cret-canary",
    b"ec_logger:l reopen logs",
    b"fail domain quiet example.net",
    b"message details full 00/00-00000-00000000",
    b"xml memory",
    b"help config set",
)


def run(octets: bytes) -> None:
    """Raise AssertionError if *octets* break the invariant."""
    line = octets.decode("utf-8", "replace").replace("\0", "")
    _words(line)
    _judged(line)
    _masked(line)
    _completed(line)
    for form in FORMS:
        _performed(line, form)


def _words(line: str) -> None:
    try:
        found = list(words(line))
    except ValueError:
        return
    assert all(split(line[word.start : word.end]) == (word.text,) for word in found)
    assert not "".join(line[a.end : b.start] for a, b in pairwise(found)).strip()


def _judged(line: str) -> None:
    """The form that is asked for changes nothing; nobody is allowed anything by default."""
    demanded = Terms(enable_authorization=True)
    judged = verdict(demanded, TREE, OPERATOR, line)
    assert judged.accepted is (judged.role == "staff")
    assert not verdict(demanded, TREE, Operator("bob", "/tmp/2025", ""), line).accepted
    if line.strip() and line.split()[0].lower() not in ("json", "xml"):
        assert verdict(demanded, TREE, OPERATOR, f"json {line}") == judged


def _masked(line: str) -> None:
    """What follows the name of a secret option is never kept."""
    if CANARY not in line:
        call = DISPATCH.call(OPERATOR, f"{line} http_basic_auth {CANARY}")
        assert CANARY not in call.masked
        assert call.confidential


def _completed(line: str) -> None:
    start, candidates = DISPATCH.completions(OPERATOR, line)
    assert 0 <= start <= len(line)
    assert list(candidates) == sorted(set(candidates))


def _performed(line: str, form: Form) -> None:
    workspace = Workspace(Transaction(TREE))
    call = DISPATCH.call(OPERATOR, line, form, workspace)
    if call.command is not None and call.command.name not in ALONE:
        return
    output = trio.run(_perform, line, form, workspace)
    assert workspace.transaction is not None
    assert output.text.endswith("\n") or not output.text
    if call.form == "json":
        json.loads(output.text)
    if output.failed:
        assert workspace.transaction.tree is TREE
        assert not workspace.transaction.changes
    assert "ann:hush" not in output.text


async def _perform(line: str, form: Form, workspace: Workspace) -> Output:
    return await DISPATCH.perform(DISPATCH.call(OPERATOR, line, form, workspace))
