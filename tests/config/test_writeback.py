"""Changes made at run time go back to the files: where they belong, and not an octet more."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from momentum_trio.config import strategies
from momentum_trio.config.difference import differences
from momentum_trio.config.error import ConfigErrors
from momentum_trio.config.load import load_text
from momentum_trio.config.schema import Schema
from momentum_trio.config.source import Source
from momentum_trio.config.strategies import PATHS
from momentum_trio.config.syntax import Leaf, parse
from momentum_trio.config.transaction import Change
from momentum_trio.config.tree import ConfigTree
from momentum_trio.config.writeback import edited, edits

SCHEMA = Schema.load()
lawful = settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow])
MAIN = "ecelerity.conf"


def written(files: dict[str, str], *commands: tuple[str, ...], main_alone: bool = False) -> dict[str, str]:
    """The *files* once *commands* (set: path and value, unset: path) were made and written back."""
    tree = load_text(files, MAIN, schema=SCHEMA)
    running = tree
    for verb, *words in commands:
        path, option = parsed(words[0])
        running = Change(path, option or None, words[1] if verb == "set" else None).on(running)
    texts = dict(files)
    for file, changes in edits(tree, running, main_alone=main_alone).items():
        texts[file] = edited(tree, file, changes).decode()
    assert list(differences(load_text(texts, MAIN, schema=SCHEMA).root, running.root)) == []
    return texts


def parsed(text: str) -> tuple[tuple[tuple[str, str], ...], str]:
    """``domain x/gateway``: a path, and an option or nothing."""
    *scopes, option = text.split(">")
    path = tuple((kind, instance) for kind, _, instance in (scope.partition(" ") for scope in scopes))
    return path, option


@pytest.mark.parametrize(
    ("text", "command", "expected"),
    [
        # a value is replaced where it stands, whatever is around it
        ("Hostname=a # why\r\n", ("set", "hostname", "b"), "Hostname=b # why\r\n"),
        ("A = 1", ("set", "hostname", "b"), "A = 1\nHostname = b\n"),
        ("Hostname = a\nHostname = b\n", ("set", "hostname", "c"), "Hostname = a\nHostname = c\n"),
        ("Relay_Domains ( a )\n", ("set", "relay_domains", "( b c )"), "Relay_Domains  = ( b c )\n"),
        (" Relay_Domains ( a\n)\n", ("set", "relay_domains", "( b c )"), " Relay_Domains  = (\n   b\n   c\n )\n"),
        # both go, or the first would hold again
        ("Hostname = a\nX = 1 Hostname = b # c\n", ("unset", "hostname"), "X = 1  # c\n"),
        # new ones go to the end of the scope's first body
        (
            "Domain x {\n\tGateway = a\n}\nDomain x { }\n",
            ("set", "domain x>max_retries", "5"),
            "Domain x {\n\tGateway = a\n\tMax_Retries = 5\n}\nDomain x { }\n",
        ),
        ("Domain x { Gateway = a }\n", ("set", "domain x>gateway", '""'), 'Domain x { Gateway = "" }\n'),
        (
            "Domain X { Gateway = a }\n",
            ("set", "domain x>max_retries", "5"),
            "Domain X { Gateway = a \n  Max_Retries = 5\n}\n",
        ),
        (
            "ESMTP_Listener {\n  # end\n}\n",
            ("set", "esmtp_listener>listen :25>enable", "off"),
            'ESMTP_Listener {\n  # end\n  Listen ":25" {\n    Enable = off\n  }\n}\n',
        ),
        ("Domain x { Gateway = a }\n# b\nDomain X {}\n", ("unset", "domain x>"), "# b\n"),
    ],
)
def test_one_file(text: str, command: tuple[str, ...], expected: str) -> None:
    assert written({MAIN: text}, command)[MAIN] == expected


def test_the_example_of_the_manual() -> None:
    """What is new in a scope, or replaces what a read-only file says, goes to the first file of it that may change."""
    files = {
        MAIN: 'readonly_include "foo.conf"\ninclude "baz.conf"\n',
        "foo.conf": 'Domain yahoo.com { Gateway = a\ninclude "bar.conf"\n}\n',
        "bar.conf": "",
        "baz.conf": "Domain yahoo.com { Max_Retries = 1 }\n",
    }
    after = written(files, ("set", "domain yahoo.com>gateway", "b"), ("set", "domain yahoo.com>suspend_delivery", "on"))
    assert after == files | {"bar.conf": "Gateway = b\nSuspend_Delivery = on\n"}
    files["foo.conf"] = 'Domain yahoo.com { include "bar.conf"\nGateway = a }\n'  # what bar.conf said would not hold
    after = written(files, ("set", "domain yahoo.com>gateway", "b"))
    assert after == files | {"baz.conf": "Domain yahoo.com { Max_Retries = 1 \n  Gateway = b\n}\n"}


def test_a_new_scope_of_the_file_level_goes_to_the_main_file() -> None:
    files = {MAIN: "include a\n# end\n", "a": "Domain x {}\n"}
    after = written(files, ("set", "domain y>gateway", "b"))
    assert after == files | {MAIN: 'include a\n# end\nDomain "y" {\n  Gateway = b\n}\n'}


def test_local_changes() -> None:
    """Local_Changes_File takes what has no other place; with Local_Changes_Only all of it."""
    files = {MAIN: "Local_Changes_File = local\nreadonly_include a\nHostname = b\n", "a": "Domain x { Gateway = a }\n"}
    after = written(files, ("set", "hostname", "c"), ("set", "domain x>gateway", "b"))
    assert after == files | {
        MAIN: files[MAIN].replace("Hostname = b", "Hostname = c"),
        "local": 'Domain "x" {\n  Gateway = b\n}\n'.replace('"x"', '"x"'),
    }
    files[MAIN] += "Local_Changes_Only = true\n"
    after = written(files, ("set", "hostname", "c"), ("set", "domain x>gateway", "b"))
    assert after == files | {"local": 'Hostname = c\nDomain "x" {\n  Gateway = b\n}\n'}
    again = written(
        after, ("set", "hostname", "d"), ("set", "domain x>gateway", "c"), ("set", "domain x>suspend_delivery", "on")
    )
    assert again["local"] == 'Hostname = d\nDomain "x" {\n  Gateway = c\n  Suspend_Delivery = on\n}\n'


def test_what_is_set_at_the_console_is_a_local_changes_file_from_then_on() -> None:
    files = {MAIN: "readonly_include a\n", "a": "Domain x { Gateway = b }\n"}
    after = written(files, ("set", "local_changes_file", "local"), ("set", "domain x>gateway", "c"))
    assert after == files | {
        MAIN: "readonly_include a\nLocal_Changes_File = local\n",
        "local": 'Domain "x" {\n  Gateway = c\n}\n',
    }


@pytest.mark.parametrize(
    ("main", "command", "at"),
    [
        ("readonly_include a\n", ("unset", "hostname"), "a:1:1: hostname"),
        ("readonly_include a\n", ("unset", "domain x>"), "a:2:1: Domain"),
        ("include a\ninclude a\n", ("unset", "domain x>gateway"), "a:2:12: gateway"),
        ("include a\nLocal_Changes_File = b\nLocal_Changes_Only = 1\n", ("unset", "hostname"), "a:1:1: hostname"),
    ],
)
def test_what_cannot_be_said(main: str, command: tuple[str, ...], at: str) -> None:
    files = {MAIN: main, "a": "Hostname = a\nDomain x { Gateway = b }\n"}
    with pytest.raises(ConfigErrors) as raised:
        written(files, command)
    assert str(raised.value.errors[0]).startswith(f"{at}: it was unset, but this file is not written to")


def test_no_secret_is_told_with_what_cannot_be_said() -> None:
    files = {MAIN: "readonly_include a\n", "a": "Outbound_SMTP_AUTH_Pass = canary\n"}
    with pytest.raises(ConfigErrors) as raised:
        written(files, ("unset", "outbound_smtp_auth_pass"))
    assert "canary" not in raised.value.render() + str(raised.value)
    files = {MAIN: "include a\nLocal_Changes_File = local\n", "a": "", "local": files["a"]}
    with pytest.raises(ConfigErrors) as raised:
        written(files, ("set", "outbound_smtp_auth_pass", "canary2"), main_alone=True)
    assert "Outbound_SMTP_AUTH_Pass of the file level" in str(raised.value)
    assert "canary" not in raised.value.render() + str(raised.value)


def test_patterns_keep_their_order() -> None:
    files = {MAIN: "include a\ninclude b\n", "a": "", "b": "Domain /x/ { Gateway = a }\n"}
    after = written(files, ("set", "domain /y/>gateway", "b"))
    assert after == files | {MAIN: 'include a\ninclude b\nDomain "/y/" {\n  Gateway = b\n}\n'}
    files = {MAIN: "Domain /x/ { Gateway = a }\nDomain /y/ { Gateway = b }\n"}
    moved = written(files, ("unset", "domain /x/>"), ("set", "domain /x/>gateway", "a"))
    assert moved[MAIN] == 'Domain /y/ { Gateway = b }\nDomain "/x/" {\n  Gateway = a\n}\n'


def test_the_main_file_alone() -> None:
    files = {MAIN: "include a\n", "a": "Hostname = a\nDomain x { Gateway = b }\n"}
    after = written(files, ("set", "hostname", "b"), ("set", "domain x>gateway", "c"), main_alone=True)
    assert after == files | {MAIN: 'include a\nHostname = b\nDomain "x" {\n  Gateway = c\n}\n'}


# laws

paths = st.sampled_from(PATHS)


@st.composite
def bodies(draw: st.DrawFn, path: tuple[tuple[str, str], ...], includes: list[str]) -> str:
    """Statements that may stand in the scope at *path*, and scopes in it, in any layout."""
    parts: list[str] = []
    for _ in range(draw(st.integers(0, 3))):
        entry, value = draw(strategies.settings(SCHEMA, path))
        parts.append(f"{entry.name}{draw(strategies.gaps)}={draw(strategies.gaps)}{value}")
    inner = [other[len(path)] for other in PATHS if len(other) == len(path) + 1 and other[: len(path)] == path]
    for kind, instance in draw(st.lists(st.sampled_from(inner), max_size=2)) if inner else ():
        body = draw(bodies((*path, (kind, instance)), includes))
        parts.append(f"{kind} {strategies_quoted(instance)} {{{draw(strategies.gaps)}{body}}}")
    takes_one = draw(st.booleans())
    if includes and takes_one:
        parts.append(f"{draw(st.sampled_from(['include', 'readonly_include']))} {includes.pop()}")
    return draw(strategies.gaps).join(f"{part}{draw(strategies.blanks)}" for part in draw(st.permutations(parts)))


def strategies_quoted(instance: str) -> str:
    return f'"{instance}"' if instance else ""


@st.composite
def configurations(draw: st.DrawFn) -> dict[str, str]:
    """A main file and up to three that it includes somewhere, of scopes where they are valid."""
    files = {}
    names = ["a.conf", "b.conf", "c.conf"]
    left = list(names)
    files[MAIN] = draw(bodies((), left))
    for name in names:
        if name not in left:
            files[name] = draw(bodies((), left))
    return files


@st.composite
def changed(draw: st.DrawFn, tree: ConfigTree) -> ConfigTree:
    """*tree* with some changes made."""
    for _ in range(draw(st.integers(1, 5))):
        path = draw(paths)
        entry, value = draw(strategies.settings(SCHEMA, path))
        known = [
            setting.name for scope in [tree.scope(path)] if scope is not None for setting in scope.settings.values()
        ]
        option = draw(st.sampled_from([entry.name, *known, *known]))
        change = draw(
            st.sampled_from([Change(path, entry.name, value), Change(path, option, None), Change(path, None, None)])
        )
        try:
            tree = change.on(tree)
        except ConfigErrors:
            continue
    return tree


@lawful
@given(configurations(), st.data())
def test_what_is_written_back_is_read(files: dict[str, str], data: st.DataObject) -> None:
    """parse(writeback(tree)) == tree, and every edit is of a statement that differs, or an insertion."""
    try:
        tree = load_text(files, MAIN, schema=SCHEMA)
    except ConfigErrors:
        return  # an included file whose statements do not fit where they are included
    running = data.draw(changed(tree))
    try:
        found = edits(tree, running)
    except ConfigErrors:
        assert any(not file.is_writable for file in tree.files.values())
        return
    texts = {**files, **{file: edited(tree, file, changes).decode() for file, changes in found.items()}}
    assert list(differences(load_text(texts, MAIN, schema=SCHEMA).root, running.root)) == []
    for file, changes in found.items():
        assert tree.files[file].is_writable
        kept = unchanged(tree, running, file)
        for edit in changes:
            assert not [leaf for leaf in kept if edit.start < leaf.end and leaf.start < edit.end]
            assert edit.text or edit.end > edit.start


def unchanged(tree: ConfigTree, running: ConfigTree, file: str) -> list[Leaf]:
    """The statements of *file* that hold in both trees."""
    settings_now = {setting.at for scope in running.root.walk() for setting in scope.settings.values()}
    source = tree.files[file].document.source
    leaves = (node for node in tree.files[file].document.nodes() if isinstance(node, Leaf))
    return [leaf for leaf in leaves if source.at(leaf.start) in settings_now]


@lawful
@given(configurations(), st.data())
def test_outside_of_the_edits_every_octet_is_the_same(files: dict[str, str], data: st.DataObject) -> None:
    text = files[MAIN]
    document = parse(Source(MAIN, text), [])
    nodes = data.draw(st.lists(st.sampled_from(document.body), unique_by=id)) if document.body else []
    removals = [document.removal(node) for node in nodes]
    after = document.edited([*removals, document.insertion(None, ["Hostname = a"])])
    outside, at = [], 0
    for edit in sorted(removals, key=lambda edit: edit.start):
        outside.append(text[at : edit.start])
        at = edit.end
    outside.append(text[at:])
    assert after.startswith("".join(outside))
    assert after.removeprefix("".join(outside)).strip() == "Hostname = a"


def test_a_new_option_comes_and_goes_without_a_trace() -> None:
    text = "\ufeff# begin\r\nDomain x {\r\n} # end\r\n"
    tree = load_text(text, MAIN, schema=SCHEMA)
    changes = edits(tree, tree.set((("domain", "x"),), "gateway", "a"))
    after = edited(tree, MAIN, changes[MAIN])
    assert after.decode() == "\ufeff# begin\r\nDomain x {\r\n  Gateway = a\r\n} # end\r\n"
    read = load_text(after, MAIN, schema=SCHEMA)
    assert edited(read, MAIN, edits(read, tree)[MAIN]) == text.encode()
