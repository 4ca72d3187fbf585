"""Paths made from what strangers say: they stay below their base, and different mailboxes stay different."""

from __future__ import annotations

import os.path
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from momentum_trio.config.value import Word
from momentum_trio.delivery.line_ends import LineEnds, to_lf
from momentum_trio.delivery.mailbox import COMPONENT_OCTETS_MAX, Mailboxes, component, origin_of, unique_name
from momentum_trio.delivery.maildir_options import MAILDIR_TEMPLATE
from momentum_trio.mail.identifier import identifier

nasty = st.lists(
    st.sampled_from(
        ["..", ".", "/", "\\", "\0", "%", "%2F", "~", "-", " ", "\n", "é", "\ud800", "A", "a", "x" * 300, "%~"]
    )
    | st.text(max_size=4),
    max_size=6,
).map("".join)
paths = st.tuples(nasty, nasty).map("@".join) | nasty


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("bob", "bob"),
        ("Bob.Smith+tag", "Bob.Smith+tag"),
        ("", "%"),
        (".", "%2E"),
        ("..", "%2E."),
        (".hidden", "%2Ehidden"),
        ("a/b", "a%2Fb"),
        ("../../etc/passwd", "%2E.%2F..%2Fetc%2Fpasswd"),
        ("a%2Fb", "a%252Fb"),
        ('"a b"', "%22a%20b%22"),
        ("\0", "%00"),
        ("é", "%C3%A9"),
        ("bob\n", "bob%0A"),
    ],
)
def test_components(text: str, name: str) -> None:
    assert component(text) == name


@given(nasty)
def test_a_component_is_one_harmless_name(text: str) -> None:
    name = component(text)
    assert re.fullmatch(r"[A-Za-z0-9._+=@%~-]+", name)
    assert not name.startswith(".")
    assert len(name) <= COMPONENT_OCTETS_MAX


@given(nasty, nasty)
@example("x" * 300 + "a", "x" * 300 + "b")
@example("%", "")
def test_two_components_are_two_names(one: str, other: str) -> None:
    assert (component(one) == component(other)) == (one == other)


@given(
    paths,
    st.sampled_from(
        ["/var/mail/%d/%l", "/var/mail/%l@%d", "/var/mail/%d/%l/Maildir", "/var/mail/.%l", "/var/mail/%l%d"]
    ),
)
def test_a_mailbox_never_leaves_its_base(forward_path: str, template: str) -> None:
    mailboxes = Mailboxes(template)
    path = mailboxes.path(forward_path)
    assert mailboxes.base == "/var/mail"
    assert os.path.normpath(path) == path
    assert os.path.commonpath([path, mailboxes.base]) == mailboxes.base
    assert path != mailboxes.base
    assert path.count("/") == template.count("/")


@pytest.mark.parametrize(
    ("template", "base", "path"),
    [
        ("./var/mail/%d/%l", "var/mail", "var/mail/example.com/Bob"),
        ("/var/mail-%d/%l", "/var", "/var/mail-example.com/Bob"),
        ("/all/100%%/%l", "/all/100%", "/all/100%/Bob"),
        ("/all", "/all", "/all"),
        ("%l", ".", "Bob"),
    ],
)
def test_templates(template: str, base: str, path: str) -> None:
    mailboxes = Mailboxes(template)
    assert (mailboxes.base, mailboxes.path("Bob@EXAMPLE.com")) == (base, path)


@pytest.mark.parametrize(
    ("forward_path", "path"),
    [
        ("postmaster", "/m/%/postmaster"),
        # RFC 5321 section 4.5.1: the one local-part whose case means nothing
        ("PostMaster@d.example", "/m/d.example/postmaster"),
        # an address literal may hold an '@', as a quoted local-part may
        ("a@[tag:b@x.example]", "/m/%5Btag%3Ab@x.example%5D/a"),
        ('"a@b"@d.example', "/m/d.example/%22a@b%22"),
    ],
)
def test_the_mailbox_of_a_path(forward_path: str, path: str) -> None:
    assert Mailboxes("/m/%d/%l").path(forward_path) == path


@pytest.mark.parametrize("text", ["/m/%u", "/m/%", "/m/%%%", "/m/\0"])
def test_templates_that_make_no_sense_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected a path"):
        MAILDIR_TEMPLATE.parse(Word(text))


@given(st.integers(0, 2**32 - 1), st.integers(0, 99_999), st.integers(0, 0xFFFF))
def test_names_are_made_from_ids_one_to_one(second: int, incarnation: int, count: int) -> None:
    name = unique_name(identifier(second, incarnation, count), origin_of("mx", "/spool"), component("mx.example"))
    assert name == f"{second}.P{incarnation}Q{count}R{origin_of('mx', '/spool')}.mx.example"
    assert "/" not in name
    assert ":" not in name


def test_spools_have_marks_of_their_own() -> None:
    assert len({origin_of("a", "/s"), origin_of("b", "/s"), origin_of("a", "/t")}) == 3


pieces = st.lists(st.sampled_from([b"\r\n", b"a", b".", b"\r\n\r\n", b"\xff"]), max_size=30).map(b"".join)


@given(pieces, st.lists(st.integers(1, 5), max_size=40))
def test_line_ends_do_not_depend_on_the_cuts(content: bytes, sizes: list[int]) -> None:
    ends, written, offset = LineEnds(), [], 0
    for size in (*sizes, len(content)):
        written.append(ends.part(content[offset : offset + size]))
        offset += size
    written.append(ends.rest())
    assert b"".join(written) == to_lf(content)
    assert to_lf(content).replace(b"\n", b"\r\n") == content
