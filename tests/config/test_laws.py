"""Laws of the language under random text."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from momentum_trio.config import strategies
from momentum_trio.config.dump import as_conf
from momentum_trio.config.error import ConfigError, ConfigErrors
from momentum_trio.config.load import load_text
from momentum_trio.config.merged import Scope, ScopePath
from momentum_trio.config.schema import Schema
from momentum_trio.config.source import Source
from momentum_trio.config.strategies import Given, GivenOption, GivenScope
from momentum_trio.config.syntax import Block, Include, Leaf, Node, parse
from momentum_trio.config.tree import ConfigTree

SCHEMA = Schema.load()
lawful = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])


def said(node: Node) -> Given:
    """*node* as the strategies draw it."""
    assert not isinstance(node, Include)
    if isinstance(node, Leaf):
        return GivenOption(node.name, node.value)
    return GivenScope(node.name, None if node.instance is None else node.instance.text, tuple(map(said, node.body)))


@lawful
@given(strategies.files())
def test_what_is_written_is_read(file: tuple[str, tuple[Given, ...]]) -> None:
    text, given_ = file
    errors: list[ConfigError] = []
    document = parse(Source("x", text), errors)
    assert [error for error in errors if not error.warning] == []
    assert tuple(map(said, document.body)) == given_


@lawful
@given(strategies.files())
def test_unedited_text_is_the_same_octet_for_octet(file: tuple[str, tuple[Given, ...]]) -> None:
    octets = b"\xef\xbb\xbf" + file[0].encode()
    document = parse(Source.decode("x", octets), [])
    assert document.printed() == file[0]
    assert document.source.octets == octets


@lawful
@given(strategies.files(), st.data())
def test_an_edit_changes_one_value_and_not_an_octet_more(
    file: tuple[str, tuple[Given, ...]], data: st.DataObject
) -> None:
    document = parse(Source("x", file[0]), [])
    leaves = [node for node in document.nodes() if isinstance(node, Leaf)]
    if not leaves:
        return
    leaf = data.draw(st.sampled_from(leaves))
    text = document.edited([document.replacement(leaf, ['"another"'])])
    assert text.startswith(file[0][: leaf.value_start])  # '=' is added to a list that did without
    assert text.endswith(file[0][leaf.end :])
    edited = parse(Source("x", text), [])
    before, after = list(document.nodes()), list(edited.nodes())
    assert len(before) == len(after)
    changed = [
        b
        for a, b in zip(before, after, strict=True)
        if isinstance(a, Leaf) and isinstance(b, Leaf) and a.value != b.value
    ]
    assert all(node.value.text == "another" for node in changed)  # type: ignore[union-attr]
    assert len(changed) <= 1


@lawful
@given(strategies.files(), st.data())
def test_a_statement_goes_in_and_out(file: tuple[str, tuple[Given, ...]], data: st.DataObject) -> None:
    document = parse(Source("x", file[0]), [])
    blocks: list[Block | None] = [None, *(node for node in document.nodes() if isinstance(node, Block))]
    block = data.draw(st.sampled_from(blocks))
    errors: list[ConfigError] = []
    edited = parse(Source("x", document.edited([document.insertion(block, ["Zz_Inserted = 1"])])), errors)
    assert all(error.warning for error in errors)
    inserted = [node for node in edited.nodes() if isinstance(node, Leaf) and node.name == "Zz_Inserted"]
    assert len(inserted) == 1
    back = parse(Source("x", edited.edited([edited.removal(inserted[0])])), errors)
    assert [said(node) for node in back.body] == [said(node) for node in document.body]


@lawful
@given(strategies.token_soup | st.binary(max_size=60))
def test_any_octets_give_a_tree_or_errors_with_a_place(octets: bytes) -> None:
    try:
        tree = load_text({"x": octets}, "x", schema=SCHEMA, declared=())
    except ConfigErrors as wrong:
        lines = octets.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace").split("\n")
        for error in wrong.errors:
            assert error.at.file == "x"
            assert 1 <= error.at.line <= len(lines)
            assert 1 <= error.at.column <= len(lines[error.at.line - 1]) + 1
        assert wrong.render()  # noqa: PT017 - the other outcome is right as well
    else:
        assert tree.files["x"].document.source.octets == octets


# settings


def start() -> ConfigTree:
    return load_text('Listen_Backlog = 5\nESMTP_Listener {\n Listen "*:25" { }\n}\n', schema=SCHEMA)


@lawful
@given(st.sampled_from(strategies.PATHS).flatmap(lambda p: st.tuples(st.just(p), strategies.settings(SCHEMA, p))))
def test_set_then_get_then_unset(drawn: tuple[ScopePath, tuple[object, str]]) -> None:
    path, (entry, value_text) = drawn
    before = start()
    name = entry.name  # type: ignore[attr-defined]
    effective = before.eval(path, name)
    shown = before.show((), True)
    after = before.set(path, name.upper(), value_text)
    assert before.show((), True) == shown  # the tree it was made from does not change
    setting = after.get(path, name.lower())
    assert setting is not None
    if not entry.is_secret:  # type: ignore[attr-defined]
        again = before.set(path, name, after.get_text(path, name).partition("=")[2])
        other = again.get(path, name)
        assert other is not None
        assert texts_of(other.value) == texts_of(setting.value)  # what is printed is read as the same
    assert after.unset(path, name).eval(path, name) == effective


def texts_of(value: object) -> object:
    """A value without the accident of quotes."""
    if isinstance(value, tuple):
        return tuple(texts_of(item) for item in value)
    for attribute in ("items", "pairs", "text"):
        if hasattr(value, attribute):
            return texts_of(getattr(value, attribute))
    return value


@lawful
@given(
    st.lists(
        st.sampled_from(strategies.PATHS).flatmap(lambda p: st.tuples(st.just(p), strategies.settings(SCHEMA, p))),
        max_size=6,
    )
)
def test_what_is_dumped_loads_as_the_same(drawn: list[tuple[ScopePath, tuple[object, str]]]) -> None:
    tree = start()
    for path, (entry, value_text) in drawn:
        if not entry.is_secret:  # type: ignore[attr-defined]
            tree = tree.set(path, entry.name, value_text)  # type: ignore[attr-defined]
    again = load_text(as_conf(tree), schema=SCHEMA)
    assert flat(again.root) == flat(tree.root)
    assert as_conf(again) == as_conf(tree)
    assert load_text(as_conf(tree, origin=True), schema=SCHEMA).show((), True) == tree.show((), True)


def flat(scope: Scope) -> object:
    settings_ = {key: texts_of(setting.value) for key, setting in scope.settings.items()}
    return (scope.kind, scope.key, settings_, [flat(member) for member in scope.children])


@lawful
@given(st.sampled_from(strategies.PATHS))
def test_a_wrong_set_changes_nothing(path: ScopePath) -> None:
    tree = start()
    shown = tree.show((), True)
    for option, value in (("no_such_option", "1"), ("debug_level", "("), ("", "")):
        with pytest.raises(ConfigErrors):
            tree.set(path, option, value)
    assert tree.show((), True) == shown
