"""Laws over any line an operator may type: an answer always, a change whole or not at all, completions that fit."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
import trio
from console_host import CONFIG, PlainAdministration, administration
from hypothesis import example, given
from hypothesis import strategies as st

from momentum_trio.config.load import checked
from momentum_trio.console.command import Operator
from momentum_trio.console.dispatch import Dispatch, Output
from momentum_trio.console.facade import ApplyError
from momentum_trio.console.strategies import lines
from momentum_trio.console.word import split, words
from momentum_trio.listener.kind import Generation, Generations
from momentum_trio.node.tables import COMMANDS
from momentum_trio.protocol.console.frame import Form

OPERATOR = Operator("ann", "/tmp/2025", "")
NODE = CONFIG % ("", "/tmp/2025")
TREE = administration(NODE).tree
DISPATCH = Dispatch(COMMANDS, administration(NODE))


def performed(dispatch: Dispatch, line: str, form: Form) -> tuple[Output, str]:
    async def perform() -> tuple[Output, str]:
        call = dispatch.call(OPERATOR, line, form)
        return await dispatch.perform(call), call.form

    return trio.run(perform)


@given(lines, st.sampled_from(["text", "json"]))
@example("config set listen :25 blackhole true", "text")
@example("config unset esmtp_listener", "json")
def test_every_line_is_answered_and_a_failed_one_changes_nothing(line: str, form: Form) -> None:
    node = PlainAdministration(Generations(Generation(1, TREE)))
    output, written_as = performed(Dispatch(COMMANDS, node), line, form)
    assert output.text.endswith("\n") or not output.text
    if written_as == "json":
        json.loads(output.text)
    if output.failed:
        assert node.generation == 1
        assert not node.shutting_down


@given(lines, st.integers(0, 60))
def test_completions_fit_where_they_are_to_stand(line: str, end: int) -> None:
    begun = line[:end]
    start, candidates = DISPATCH.completions(OPERATOR, begun)
    assert 0 <= start <= len(begun)
    for candidate in candidates:
        assert candidate.lower().startswith(begun[start:].strip("\"'").lower()) or begun[start:][:1] in ("'", '"')
        assert "\n" not in candidate
    assert list(candidates) == sorted(set(candidates))


@pytest.mark.parametrize(
    ("line", "start", "expected"),
    [
        ("", 0, tuple(sorted({command.words[0] for command in COMMANDS}))),
        ("dns_cache s", 10, ("stats", "submit")),
        ("s", 0, ("show", "showqueue", "shutdown", "spool", "spool_in", "summary", "sysinfo")),
        ("json s", 5, ("show", "showqueue", "shutdown", "spool", "spool_in", "summary", "sysinfo")),
        ("config s", 7, ("set", "show", "showrecurse")),
        ("config set", 7, ("set",)),
        ("help config u", 12, ("unset",)),
        ("summary ", 8, ("reset", "with-mobile")),
        ("summary reset ", 14, ()),
        ("config show esmtp_listener ", 27, ("Listen", "Pathway", "Peer")),
        ("config set esmtp_listener listen ", 33, ("*:2525", "127.0.0.1:2526")),
        ("config set esmtp_listener listen 127", 33, ("127.0.0.1:2526",)),
        ("config get esmtp_listener listen :2525 enabl", 39, ("Enable", "Enable_Authentication", "Enable_Duravip")),
        ("config show domain ", 19, ("example.net",)),
        ("config get blackhole ", 21, ()),
        ("config locate li", 14, ("Listen",)),
        ("config locate domain ", 21, ('"example.net"',)),
        ("config locate domain x ", 23, ()),
        ("write ", 6, ("config",)),
        ("pid ", 4, ()),
        ("nonsense ", 9, ()),
        ('config set "', 12, ()),
    ],
)
def test_completions(line: str, start: int, expected: tuple[str, ...]) -> None:
    assert DISPATCH.completions(OPERATOR, line) == (start, expected)


def test_an_instance_is_completed_as_it_has_to_be_written() -> None:
    tree = TREE.set((("pathway", 'a "b" c'),), "Idle_Time", "5").set((("pathway", "'d"),), "Idle_Time", "5")
    node = PlainAdministration(Generations(Generation(1, tree)))
    _, candidates = Dispatch(COMMANDS, node).completions(OPERATOR, "config show pathway ")
    assert candidates == (r'''"'d"''', r'"a \"b\" c"')
    assert [split(candidate) for candidate in candidates] == [("'d",), ('a "b" c',)]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("", ()),
        ("  a  b ", ("a", "b")),
        ('a "b c" d', ("a", "b c", "d")),
        (r'"a\"b\\c\n\d"', ('a"b\\c\n\\d',)),
        (r"'a\n'", ("a\\n",)),
        ('""', ("",)),
        ("a\"b c'd", ('a"b', "c'd")),
        ("( a b )", ("(", "a", "b", ")")),
        ("a\tb\nc", ("a", "b", "c")),
    ],
)
def test_words(line: str, expected: tuple[str, ...]) -> None:
    assert split(line) == expected


@pytest.mark.parametrize("line", ['"', "'", 'a "b', '"a"b', "'a'\"b\"", '"a\\"'])
def test_a_quote_that_is_wrong(line: str) -> None:
    with pytest.raises(ValueError, match="a quote"):
        split(line)


@given(st.text(alphabet="ab \"'\\\t", max_size=20))
def test_words_stand_where_they_say(line: str) -> None:
    try:
        found = list(words(line))
    except ValueError:
        return
    for word in found:
        assert split(line[word.start : word.end]) == (word.text,)
    assert "".join(line[a.end : b.start] for a, b in pairwise(found)).strip() == ""


@pytest.mark.parametrize(
    ("problem", "expected"),
    [
        (ApplyError(("no such address", "nor that")), "no such address\nnor that\nReconfigure failed\n"),
        (OSError("gone"), "gone\nReconfigure failed\n"),
    ],
)
def test_a_reload_that_fails_says_so_in_its_last_line(problem: Exception, expected: str) -> None:
    node = PlainAdministration(Generations(Generation(1, TREE)), problem=problem)
    output, _ = performed(Dispatch(COMMANDS, node), "config reload", "text")
    assert (output.failed, output.text) == (True, expected)


def test_a_reload_says_what_is_worth_saying() -> None:
    node = administration(NODE + "ac_auth x {}\n")
    node.generations.advance(checked(node.tree))
    output, _ = performed(Dispatch(COMMANDS, node), "config reload", "text")
    assert not output.failed
    assert output.text.startswith("Reconfigured.\necelerity.conf:")
    assert "ac_auth: not a part of this host" in output.text
