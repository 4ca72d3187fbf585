"""Who may say what: Role patterns, groups files, and what becomes of a command that nobody allows."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from console_host import NOW, console_host
from hypothesis import given, settings
from hypothesis import strategies as st

from momentum_trio.config.error import ConfigErrors
from momentum_trio.config.load import load_text
from momentum_trio.console.entry_file import OCTETS_MAX
from momentum_trio.console.role import allowing, memberships
from momentum_trio.mail.record import Authorized, Panic
from momentum_trio.node.schema import DECLARED
from momentum_trio.protocol.console.frame import LINE_CHARACTERS_MAX

DENIED = ("error", "Not Authorized for this command\n")
ROLES = """
Authorization {
  Role "root" { allow = ( ".*" ) }
  Role "admin" { allow = ( "^config" "^summary$" ) }
  Role "ec" { allow = ( "^flush" ) }
  Role "loose" { allow = ( "summary" ) }
  Role "silent" { }
}
"""
TREE = load_text(ROLES, declared=DECLARED)


@pytest.mark.parametrize(
    ("names", "line", "role"),
    [
        (["root"], "shutdown", "root"),
        (["admin"], "summary", "admin"),
        (["admin"], "summary reset", None),
        (["admin"], "config set x y", "admin"),
        (["admin"], "reopen config", None),
        # a pattern is looked for anywhere (control_authz: «matched against the command being executed»)
        (["loose"], "summary reset", "loose"),
        (["loose"], "fail domain summary", "loose"),
        # the prefix of a form is not a part of the command
        (["admin"], "json summary", "admin"),
        (["admin"], "xml summary", "admin"),
        (["admin"], "JSON  summary ", "admin"),
        (["admin"], "json json summary", None),
        # the first role that allows is the one
        (["ec", "admin", "root"], "config show", "admin"),
        (["ec", "loose"], "summary", "loose"),
        # nobody, nothing
        ([], "summary", None),
        (["nobody"], "summary", None),
        (["silent"], "summary", None),
        (["ROOT"], "summary", None),
        (["admin"], "SUMMARY", None),
        (["admin"], "", None),
        # the end of the text is the end, not a line within it
        (["admin"], "summary\nreset", None),
        (["admin"], "pid\nconfig", None),
        (["root"], "\udcff", "root"),
    ],
)
def test_what_roles_allow(names: list[str], line: str, role: str | None) -> None:
    assert allowing(TREE, names, line) == role


@pytest.mark.parametrize("pattern", ["(a|a)*$", "(a*)*b", "^(([a-z])+.)+[A-Z]([a-z])+$", "(.*)(.*)(.*)(.*)x"])
def test_a_hostile_pattern_costs_what_others_cost(pattern: str) -> None:
    """In time linear in the line: a machine that goes back would not be done before the test's timeout."""
    tree = load_text(f'Authorization {{ Role "x" {{ allow = ( "{pattern}" ) }} }}', declared=DECLARED)
    assert allowing(tree, ["x"], "a" * LINE_CHARACTERS_MAX + "!") in ("x", None)


def steps(work: Callable[[], object]) -> int:
    """How many lines of Python, and calls of what is not Python, *work* takes."""
    count = 0

    def traced(frame: FrameType, event: str, argument: object) -> Any:
        nonlocal count
        count += event == "line"
        return traced

    def profiled(frame: FrameType, event: str, argument: object) -> None:
        nonlocal count
        count += event == "c_call"

    before = sys.gettrace(), sys.getprofile()
    sys.settrace(traced)
    sys.setprofile(profiled)
    try:
        work()
    finally:
        sys.settrace(before[0])
        sys.setprofile(before[1])
    return count


def filled(text: str, octets: int = OCTETS_MAX // 8) -> str:
    """*text* over and over, up to *octets*."""
    return (text * (octets // len(text) + 1))[:octets]


@pytest.mark.parametrize(
    "hostile",
    [
        ",",
        ":",
        "\n",
        " ",
        "ann,",
        ":ann\n",
        "a:ann\n",
        "a:,,,,\n",
        "a:x:ann\n",
        "#:ann\n",
        "x:" + " ann" * 50 + "\n",
        "\0",
    ],
)
def test_a_hostile_file_of_groups_costs_what_others_cost(hostile: str) -> None:
    """In steps: at most some times those of an ordinary file of the same size, and four times those of its quarter."""
    ordinary = steps(lambda: memberships(filled("group:ann,bob,carl\n"), "ann"))
    whole = steps(lambda: memberships(filled(hostile), "ann"))
    assert whole < 8 * ordinary
    assert whole < 5 * steps(lambda: memberships(filled(hostile, OCTETS_MAX // 32), "ann")) + 1000


@pytest.mark.parametrize("pattern", ["(a|a)*$", "(a*)*b", "^(([a-z])+.)+[A-Z]([a-z])+$", "(.*)(.*)(.*)(.*)x"])
def test_a_hostile_pattern_takes_time_linear_in_the_line(pattern: str) -> None:
    """RE2 counts no steps for us: the thread's own time, of which four times the line may take eight, not sixteen."""
    tree = load_text(f'Authorization {{ Role "x" {{ allow = ( "{pattern}" ) }} }}', declared=DECLARED)

    def seconds(octets: int) -> float:
        line, least = "a" * octets + "!", math.inf
        for _ in range(7):
            began = time.thread_time()
            allowing(tree, ["x"], line)
            least = min(least, time.thread_time() - began)
        return least

    assert seconds(LINE_CHARACTERS_MAX) < 8 * seconds(LINE_CHARACTERS_MAX // 4) + 0.002


def test_a_pattern_costs_the_same_steps_whatever_it_is() -> None:
    def judging(pattern: str) -> int:
        tree = load_text(f'Authorization {{ Role "x" {{ allow = ( "{pattern}" ) }} }}', declared=DECLARED)
        allowing(tree, ["x"], "pid")  # it is compiled
        return steps(lambda: allowing(tree, ["x"], "a" * LINE_CHARACTERS_MAX + "!"))

    assert judging("(a*)*b") == judging("^pid$")


def test_without_the_scope_nothing_is_allowed() -> None:
    assert allowing(load_text("", declared=DECLARED), ["root"], "pid") is None


GROUPS = """\
# groups
root:root
admin:serv,ec
wheel:x:serv, ann ,tom
admin:ann

#staff:ann
broken
passwd:x:0:ann:more
:ann
twice:ann,ann
"""


@pytest.mark.parametrize(
    ("user", "roles"),
    [
        ("root", ("root",)),
        ("serv", ("admin", "wheel")),
        ("ann", ("wheel", "admin", "twice")),
        ("ec", ("admin",)),
        ("EC", ()),
        ("x", ()),
        ("nobody", ()),
        ("", ()),
    ],
)
def test_memberships(user: str, roles: tuple[str, ...]) -> None:
    assert memberships(GROUPS, user) == roles


names = st.text("aB1._-$é\u0130\u2028\u200b中\U0001f600", min_size=1, max_size=6).map(str.strip).filter(bool)


@settings(max_examples=60)
@given(st.dictionaries(names, st.sets(names, min_size=1), max_size=5), st.booleans(), names)
def test_a_file_of_groups_says_what_was_written(groups: dict[str, set[str]], with_field: bool, user: str) -> None:
    written = "".join(f"{group}:{'x:' * with_field}{','.join(sorted(users))}\n" for group, users in groups.items())
    for asked in {user, *(user for users in groups.values() for user in users)}:
        assert set(memberships(written, asked)) == {group for group, users in groups.items() if asked in users}


@pytest.mark.parametrize(
    ("pattern", "named"),
    [("(?=x)", "RE2 has no lookahead (?=...)"), (r"(a)\1", r"RE2 has no back reference \1"), ("(", "missing")],
)
def test_a_pattern_that_re2_does_not_take_is_said_with_its_place(pattern: str, named: str) -> None:
    text = f'Authorization {{\n  Role "x" {{\n    allow = ( "{pattern}" )\n  }}\n}}\n'
    with pytest.raises(ConfigErrors) as said:
        load_text(text, declared=DECLARED)
    shown = said.value.render()
    assert ":3:13: allow: " in shown
    assert named in shown
    assert "\n                ^" in shown


async def test_what_is_not_allowed_changes_nothing_and_is_accounted_for(tmp_path: Path) -> None:
    more = 'Authorization { Role "ann" { allow = ( "^pid$" ) } Role "users" { allow = ( "^version" ) } }'
    (tmp_path / "groups").write_text("users:x:bob,ann\n")
    options = f'Enable_Authorization = true AuthorizationParameters = [ uri = "groups://{tmp_path}/groups" ]'
    async with console_host(tmp_path / "control", options, more=more) as host:
        console = await host.connect()
        assert await console.ask("pid") == ("ok", "4711\n")
        assert (await console.ask("json version"))[0] == "ok"
        for line in ("config set blackhole true", "shutdown", "pid 1", "json config set blackhole true", "nonsense"):
            assert (await console.ask(line))[0] == "error"
            assert await console.ask(line) in (
                DENIED,
                ("error", '{\n  "error": "Not Authorized for this command"\n}\n'),
            )
        assert not host.administration.descriptions
        assert not host.administration.shutting_down
        records = [record for record in host.records if isinstance(record, Authorized)]
        assert records[:3] == [
            Authorized(NOW, host.endpoint, "", "ann", True, "pid", "ann"),
            Authorized(NOW, host.endpoint, "", "ann", True, "version", "users"),
            Authorized(NOW, host.endpoint, "", "ann", False, "config set blackhole true"),
        ]


AUTHZ_ID = """\
<AuthzInformation username="ann">
  <Roles>
    <Role name="users"/>
    <Role name="others"/>
  </Roles>
</AuthzInformation>
"""


async def test_the_whole_line_is_what_a_pattern_is_looked_for_in(tmp_path: Path) -> None:
    more = 'Authorization { Role "ann" { allow = ( "^reopen logs$" "^json version$" "^ec_logger:.* flush" ) } }'
    async with console_host(tmp_path / "control", "Enable_Authorization = true", more=more) as host:
        console = await host.connect()
        assert await console.ask("reopen logs") == ("ok", "Logs reopened.\n")
        assert (await console.ask("json reopen logs"))[0] == "ok"
        assert await console.ask(" reopen logs ") == ("ok", "Logs reopened.\n")
        for line in ("ec_logger:ec_logger1 reopen logs", "json version", "version", "reopen  logs", "REOPEN LOGS"):
            assert (await console.ask(line))[0] == "error", line
            assert isinstance(host.records[-1], Authorized)
            assert not host.records[-1].accepted


async def test_a_changed_file_holds_for_the_next_command(tmp_path: Path) -> None:
    more = 'Authorization { Role "users" { allow = ( "^authz" ) } }'
    groups = tmp_path / "groups"
    options = f'Enable_Authorization = true AuthorizationParameters = [ uri = "groups://{groups}" ]'
    async with console_host(tmp_path / "control", options, more=more) as host:
        console = await host.connect()
        for _ in range(2):
            assert await console.ask("authz id") == DENIED  # there is no file
        assert [record.text for record in host.records if isinstance(record, Panic)] == [
            f"AuthorizationParameters: {groups}: No such file or directory: nobody has a role by it"
        ]
        groups.write_text("users:ann\nothers:ann\n")
        assert await console.ask("authz id") == ("ok", AUTHZ_ID)
        assert await console.ask("authz roles list") == ("ok", '<Roles>\n <Role name="users"/>\n</Roles>\n')
        groups.chmod(0o666)
        assert await console.ask("authz id") == DENIED
        assert isinstance(host.records[-2], Panic)
        assert "mode 0666" in host.records[-2].text
        groups.chmod(0o600)
        groups.write_text("users:ann\n" * 100_000)
        assert await console.ask("authz id") == DENIED  # too large


@pytest.mark.parametrize("tcp", [False, True])
async def test_a_listen_that_goes_leaves_nobody_with_more_than_it_gave(tmp_path: Path, *, tcp: bool) -> None:
    more = 'Authorization { Role "ann" { allow = ( "^pid$" ) } }'
    async with console_host(tmp_path / "control", tcp=tcp, more=more) as host:
        within = f'Control_Listener {{ Listen "{host.endpoint}" {{ Enable_Authorization = true }} }}'
        generations = host.administration.generations
        generations.advance(load_text(within + more, declared=DECLARED))
        console = await host.connect()
        assert await console.ask("version") == DENIED
        generations.advance(load_text("Control_Listener { }" + more, declared=DECLARED))
        assert await console.ask("version") == DENIED
        assert (await console.ask("pid"))[0] == ("error" if tcp else "ok")
        if tcp:
            successor = f'Control_Listener {{ Listen "{host.endpoint.replace("127.0.0.1", "*")}" {{ }} }}'
            generations.advance(load_text(successor + more, declared=DECLARED))
            assert (await console.ask("version"))[0] == "ok"


async def test_completion_shows_nothing_of_the_node_to_whom_it_is_not_allowed(tmp_path: Path) -> None:
    more = 'Authorization { Role "ann" { allow = ( "^config get" ) } }'
    async with console_host(tmp_path / "control", "Enable_Authorization = true", more=more) as host:
        console = await host.connect()
        assert await console.complete("config sh") == (7, ("show", "showrecurse"))
        assert await console.complete("config show esm") == (12, ())
        assert await console.complete("config get esm") == (11, ("ESMTP_Listener",))
