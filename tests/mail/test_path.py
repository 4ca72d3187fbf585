"""Paths and mailboxes, RFC 5321 sections 4.1.2 and 4.1.3."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from momentum_trio.mail import path
from momentum_trio.protocol.smtp import strategies


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("<>", ""),
        ("<a@b>", "a@b"),
        ("<User.Name+tag@Example.COM>", "User.Name+tag@example.com"),
        ("<!#$%&'*+-/=?^_`{|}~@b>", "!#$%&'*+-/=?^_`{|}~@b"),
        ("<a@xn--bcher-kva.example>", "a@xn--bcher-kva.example"),
        ("<1@2>", "1@2"),
        # quoted strings: kept quoted only where they must be
        ('<"a b"@c>', '"a b"@c'),
        ('<"a.b"@c>', "a.b@c"),
        ('<"a..b"@c>', '"a..b"@c'),
        ('<""@c>', '""@c'),
        (r'<"a\"b\\c"@d>', r'"a\"b\\c"@d'),
        (r'<"\a\@\b"@d>', '"a@b"@d'),
        (r'<"Joe.\,Jane"@d>', '"Joe.,Jane"@d'),
        ('<"<a@b>"@c>', '"<a@b>"@c'),
        # source routes are accepted and dropped: section 4.1.2 and appendix C
        ("<@a,@b.example:c@D>", "c@d"),
        ('<@a:"x@y"@d>', '"x@y"@d'),
        # address literals: section 4.1.3
        ("<a@[192.0.2.1]>", "a@[192.0.2.1]"),
        ("<a@[IPv6:2001:DB8:0:0:0:0:0:1]>", "a@[ipv6:2001:db8::1]"),
        ("<a@[IPv6:::1]>", "a@[ipv6:::1]"),
        ("<a@[X-Tag:Con@tent>]>", "a@[x-tag:Con@tent>]"),
        # limits: section 4.5.3.1
        (f"<{'a' * 64}@b>", f"{'a' * 64}@b"),
        (f"<a@{'b' * 63}.{'c' * 63}.{'d' * 63}.{'e' * 60}>", f"a@{'b' * 63}.{'c' * 63}.{'d' * 63}.{'e' * 60}"),
    ],
)
def test_reverse_paths(text: str, canonical: str) -> None:
    assert path.reverse_path(text) == canonical


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a@b",
        "<a@b",
        f"<{'@a' * 200}>",
        "a@b>",
        "< >",
        "<a>",
        "<@b>",
        "<a@>",
        "<a@b@c>",
        "<a b@c>",
        "<.a@b>",
        "<a.@b>",
        "<a..b@c>",
        "<a@.b>",
        "<a@b.>",
        "<a@b..c>",
        "<a@-b>",
        "<a@b->",
        "<a@b_c>",
        '<"a@b>',
        '<"a"b@c>',
        '<a"b"@c>',
        '<"a"@>',
        '<"\x01"@c>',
        '<"a\\"@c>',
        "<\u00e9@b>",
        "<a@\u00e9>",
        "<a\x00@b>",
        "<a@[1.2.3]>",
        "<a@[1.2.3.256]>",
        "<a@[01.2.3.4]>",
        "<a@[IPv6:1::2::3]>",
        "<a@[IPv6:fe80::1%eth0]>",
        "<a@[::1]>",
        "<a@[foo]>",
        "<a@[IPv6:]>",
        "<a@[tag:]>",
        "<a@[-:x]>",
        "<a@[1.2.3.4>",
        "<a@[1.2.3.4]b>",
        "<@a:>",
        "<@a,b:c@d>",
        "<@a@b:c@d>",
        "<@-a:b@c>",
        f"<{'a' * 65}@b>",
        f'<"{"a" * 63}"@b>',
        f"<a@{'b' * 64}>",
        f"<a@{'b.' * 128}b>",
        f"<{'a' * 64}@{('b' * 62 + '.') * 3}b>"[:-1] + "c" * 10 + ">",
        f"<@{'a' * 60}.{'b' * 60},@{'c' * 60}.{'d' * 60}:{'e' * 20}@f>",
    ],
)
def test_what_is_no_path(text: str) -> None:
    with pytest.raises(ValueError, match=r"^an? "):
        path.reverse_path(text)


@pytest.mark.parametrize("text", ["<postmaster>", "<Postmaster>", "<POSTMASTER>"])
def test_postmaster_needs_no_domain(text: str) -> None:
    # RFC 5321 section 4.5.1
    assert path.forward_path(text) == "postmaster"


@pytest.mark.parametrize("text", ["<>", "<postmaste>", "postmaster", '<"postmaster">'])
def test_nothing_else_goes_without(text: str) -> None:
    with pytest.raises(ValueError, match=r"^an? "):
        path.forward_path(text)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [("<a..b@x>", "a..b@x"), ("<ab.@x>", "ab.@x"), ("<a...@x>", "a...@x"), ('<"a..b"@x>', '"a..b"@x')],
)
def test_tolerant_local_parts(text: str, canonical: str) -> None:
    # RFC2821_Pedantic_Address_Rules = false
    assert path.reverse_path(text, pedantic=False) == canonical
    assert path.reverse_path(f"<{canonical}>", pedantic=False) == canonical


@pytest.mark.parametrize("text", ["<.ab@x>", "<a b@x>", "<a@x..y>", "<@x>"])
def test_tolerance_has_its_bounds(text: str) -> None:
    with pytest.raises(ValueError, match=r"^an? "):
        path.reverse_path(text, pedantic=False)


def test_a_local_part_alone_where_the_caller_completes_it() -> None:
    assert path.reverse_path("<User>", unqualified=True) == "User"
    assert path.forward_path('<"a b">', unqualified=True) == '"a b"'
    assert path.split('"a@b"') == ('"a@b"', "")
    with pytest.raises(ValueError, match="domain"):
        path.reverse_path("<@a:User>", unqualified=True)


@pytest.mark.parametrize(
    ("canonical", "parts"),
    [
        ("", ("", "")),
        ("postmaster", ("postmaster", "")),
        ("a@b", ("a", "b")),
        ('"a@b"@c', ('"a@b"', "c")),
        ("a@[x-tag:b@c]", ("a", "[x-tag:b@c]")),
        ('"a@["@[192.0.2.1]', ('"a@["', "[192.0.2.1]")),
    ],
)
def test_split(canonical: str, parts: tuple[str, str]) -> None:
    assert path.split(canonical) == parts


@pytest.mark.parametrize(
    ("domain", "address"),
    [("[192.0.2.1]", "192.0.2.1"), ("[ipv6:2001:db8::1]", "2001:db8::1"), ("192.0.2.1", None), ("[x:y]", None)],
)
def test_address_of_a_literal(domain: str, address: str | None) -> None:
    assert path.address(domain) == (ip_address(address) if address else None)


@given(strategies.paths)
def test_canonical_text_is_a_fixed_point(text: str) -> None:
    canonical = path.reverse_path(text)
    assert path.reverse_path(f"<{canonical}>") == canonical == path.forward_path(text)


@given(strategies.paths)
def test_split_and_join(text: str) -> None:
    canonical = path.reverse_path(text)
    local_part, domain = path.split(canonical)
    assert f"{local_part}@{domain}" == canonical
    assert path.domain(domain) == domain
    assert path.local_part(local_part) == local_part


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20))
def test_quoting_keeps_the_meaning(text: str) -> None:
    local_part = path.quoted_if_needed(text)
    assert path.unquoted(local_part) == text
    assert path.local_part(local_part) == local_part


@given(strategies.nearly_paths | st.text(max_size=30), st.booleans(), st.booleans())
def test_whatever_is_taken_is_canonical(text: str, pedantic: bool, unqualified: bool) -> None:
    try:
        canonical = path.reverse_path(text, pedantic=pedantic, unqualified=unqualified)
    except ValueError:
        return
    assert canonical.isascii()
    assert canonical.isprintable()
    assert len(canonical) <= path.PATH_OCTETS_MAX
    if canonical:
        assert path.reverse_path(f"<{canonical}>", pedantic=pedantic, unqualified=unqualified) == canonical
