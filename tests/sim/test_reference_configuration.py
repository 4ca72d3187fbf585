"""The slow reading of configurations: as the product reads them, and what is broken is."""

from __future__ import annotations

from pathlib import Path

import pytest

from momentum_trio.config.merged import Scope
from momentum_trio.config.value import unquoted
from sim.checks.configuration import root_of
from sim.reference_acl import Asker
from sim.reference_configuration import Broken, Configuration, Scopes, Verdict, flat, place, read
from sim.scenario_text import read as read_scenario

SCENARIOS = Path(__file__).resolve().parents[2] / "sim" / "scenarios"
TEXT = """
Hostname = "mx.example" # a comment with } and "
Relay_Domains = ( "a.example", b.example )
ESMTP_Listener { Listen ":25" { } Peer "10.0.0.0/8" { Open_Relay = true } }
ESMTP_Listener { Listen ":26" { Enable = false } Idle_Time = 30 }
"""


def scopes_of(scope: Scope, path: tuple[tuple[str, str], ...] = ()) -> Scopes:
    """What the product has read, as the slow reader has it."""
    found: Scopes = {path: {}}
    for name, setting in scope.settings.items():
        value = unquoted(setting.value)
        found[path][name] = value if isinstance(value, str) else tuple(value)
    for child in scope.children:
        instance = f"*{child.instance}" if child.instance.startswith(":") else child.instance
        found |= scopes_of(child, (*path, (child.kind, instance)))
    return found


@pytest.mark.parametrize("name", ["mail_flow", "delivery", "crowd", "week", "hard", "old_mail"])
def test_it_reads_what_the_product_reads(name: str) -> None:
    plan = next(plan for plan in read_scenario(str(SCENARIOS / f"{name}.sim")).hosts if plan.config_source)
    root = root_of(plan)
    assert root is not None
    text = dict(plan.files)[plan.config].decode()
    assert read(text).scopes == read(flat(text)).scopes == scopes_of(root)


@pytest.mark.parametrize("text", ['A = "x', "A = ( b", "A {", "A", "A =", "}", "Listen :25 { A = 1"])
def test_what_is_cut_short_is_broken(text: str) -> None:
    with pytest.raises(Broken):
        read(text)


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("Drain_Timeout 4", ((), "drain_timeout", "4")),
        ("Drain_Timeout = 4", ((), "drain_timeout", "4")),
        (
            "esmtp_listener listen :25 Enable true",
            ((("esmtp_listener", ""), ("listen", "*:25")), "enable", "true"),
        ),
        ("esmtp_listener listen *:25", ((("esmtp_listener", ""), ("listen", "*:25")), "", "")),
        ('relay_domains ( "a" b )', ((), "relay_domains", '( "a" b )')),
    ],
)
def test_what_a_line_is_about(words: str, found: object) -> None:
    assert place(words) == found


def test_changes_make_another_configuration() -> None:
    before = read(TEXT)
    listen = (("esmtp_listener", ""), ("listen", "10.0.0.1:25"))
    more = before.with_option(listen, "enable", "true")
    assert more != before
    assert more.without(listen) == before
    assert before.with_option((), "x", "1").without((), "x") == before
    assert before.without((("esmtp_listener", ""),)) == read(
        "Hostname = mx.example Relay_Domains = ( a.example b.example )"
    )


def sockets(text: str) -> set[str]:
    return {*read(text).sockets()}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (TEXT, {"0.0.0.0:25"}),
        ('ESMTP_Listener { Enable = false Listen "10.0.0.1:25" { Enable = true } Listen ":26" { } }', {"10.0.0.1:25"}),
        ('Control_Listener { Listen "/tmp/2025" { } Listen "[::]:9" { } }', {"[::]:9"}),
        ('ECCluster_Listener { Listen ":4802" { } }', {"0.0.0.0:4802"}),
    ],
)
def test_where_sockets_are_to_listen(text: str, found: set[str]) -> None:
    assert sockets(text) == found


@pytest.mark.parametrize(
    ("reached", "port", "peer", "path", "verdict"),
    [
        ("10.0.0.25", 25, "192.0.2.1", "x@a.example", Verdict.TAKEN),
        ("10.0.0.25", 25, "192.0.2.1", "x@c.example", Verdict.DENIED),
        ("10.0.0.25", 25, "10.9.9.9", "x@c.example", Verdict.TAKEN),
        ("10.0.0.25", 26, "10.9.9.9", "x@a.example", Verdict.NOBODY),  # disabled
        ("10.0.0.25", 27, "10.9.9.9", "x@a.example", Verdict.NOBODY),
    ],
)
def test_what_somebody_is_told(reached: str, port: int, peer: str, path: str, verdict: Verdict) -> None:
    configuration: Configuration = read(TEXT)
    assert configuration.verdict(Asker(reached, port, peer), "a@b.example", path) is verdict
