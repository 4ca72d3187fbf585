"""RFC2822_Max_Line_Length and its policy: what is refused, folded and broken (RFC 5322 sections 2.1.1 and 2.2.3)."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from reception_given import Entrance, Scope, scope

from momentum_trio.protocol.smtp.strategies import cut, cuts
from momentum_trio.reception.decision import Accepted, Refused
from momentum_trio.reception.line_length import BODY_LINE, BodyLines, LineLimit, header_kept_to
from momentum_trio.spool.message import Receipt

RELAY = scope("global", Relay_Domains=["d.example"])
HEAD = b"Date: x\r\nMessage-ID: y\r\n"
X = b"x" * 998
IN_HEADER = "550 5.6.0 Header line too long (see RFC2822 section 3.5)"
IN_BODY = "550 5.6.0 Body line too long (see RFC2822 section 3.5)"


def given_options(length: str, policy: str = "none") -> Scope:
    return scope(
        "pathway",
        RFC2822_Max_Line_Length=length,
        RFC2822_Max_Line_Length_Policy=policy,
        RFC2822_Trace_Headers="off",
    )


async def answer(options: Scope, content: bytes, *, parts: int = 1 << 20) -> bytes | str:
    """What is kept of *content*, or the reply."""
    entrance = Entrance(options, RELAY)
    entrance.mail()
    entrance.recipient()
    for at in range(0, max(0, len(content) - parts), parts):
        await entrance.reception.write(content[at : at + parts])
    left = content[len(range(0, max(0, len(content) - parts), parts)) * parts :]
    said = await entrance.reception.finish(left)
    assert not isinstance(said, Accepted)
    return entrance.spool.content_of_last if isinstance(said, Receipt) else str(said.reply)


@pytest.mark.parametrize(
    ("length", "policy", "content", "expected"),
    [
        # 998 octets and CRLF are a line; one more is too long
        ("pedantic", "none", HEAD + b"\r\n" + X + b"\r\n", None),
        ("pedantic", "none", HEAD + b"\r\n" + X + b"x\r\n", IN_BODY),
        ("pedantic", "none", HEAD + b"X: " + X[3:] + b"\r\n\r\nx\r\n", None),
        ("pedantic", "none", HEAD + b"X: " + X[2:] + b"\r\n\r\nx\r\n", IN_HEADER),
        ("ignore", "reject", HEAD + b"X: " + X + b"\r\n\r\n" + X + b"x\r\n", None),
        # a number, and what its policy says
        ("2048", "none", HEAD + b"\r\n" + 3 * X + b"\r\n", None),
        ("2048", "reject", HEAD + b"\r\n" + 2 * X + b"\r\n", None),
        ("2048", "reject", HEAD + b"\r\n" + 3 * X + b"\r\n", IN_BODY),
        (
            "2048", "fix", HEAD + b"\r\n" + 3 * X + b"\r\n",
            HEAD + b"\r\n" + 2048 * b"x" + b"\r\n" + 946 * b"x" + b"\r\n",
        ),
        ("pedantic", "fix", HEAD + b"\r\n" + X + b"x\r\n", IN_BODY),
        # broken behind a blank of the second half; never within a character
        ("fix", "none", HEAD + b"\r\n" + X + X + b"y\r\n", HEAD + b"\r\n" + X + b"\r\n" + X + b"\r\ny\r\n"),
        ("fix", "none", HEAD + b"\r\nab " + X + b"\r\n", HEAD + b"\r\nab " + X[3:] + b"\r\nxxx\r\n"),
        (
            "fix", "none", HEAD + b"\r\n" + X[:700] + b" " + X + b"\r\n",
            HEAD + b"\r\n" + X[:700] + b" \r\n" + X + b"\r\n",
        ),
        (
            "fix", "none", HEAD + b"\r\n" + X[1:] + "\u00e9\u00e9".encode() + b"\r\n",
            HEAD + b"\r\n" + X[1:] + b"\r\n" + "\u00e9\u00e9".encode() + b"\r\n",
        ),
        # folded where a blank stands, each line with something in it
        (
            "fix", "none", HEAD + b"X: a " + X[:990] + b" b c\r\n\r\nx\r\n",
            HEAD + b"X: a " + X[:990] + b" b\r\n c\r\n\r\nx\r\n",
        ),
        ("fix", "none", HEAD + b"X: " + X[1:] + b"\r\n\r\nx\r\n", HEAD + b"X:\r\n " + X[1:] + b"\r\n\r\nx\r\n"),
        ("fix", "none", HEAD + b"X: " + X + b"\r\n\r\nx\r\n", IN_HEADER),
        ("fix", "none", HEAD + b"X:" + X + b"\r\n\r\nx\r\n", IN_HEADER),
        ("fix", "none", HEAD + b"X: y\r\n" + b" " * 1000 + b"\r\n\r\nx\r\n", IN_HEADER),
        ("fix", "none", HEAD + b"X: y\r\n " + X + b" z\r\n\r\nx\r\n", IN_HEADER),
    ],
)  # fmt: skip
async def test_long_lines(length: str, policy: str, content: bytes, expected: bytes | str | None) -> None:
    for parts in (1 << 20, 7):
        said = await answer(given_options(length, policy), content, parts=parts)
        assert said == (content if expected is None else expected)


async def test_the_body_may_be_long_where_it_is_declared_to_be_binary() -> None:
    entrance = Entrance(given_options("pedantic"), RELAY)
    entrance.reception.mail("a@b.example", "", body="BINARYMIME")
    entrance.recipient()
    assert isinstance(await entrance.reception.finish(HEAD + b"\r\n" + X + X), Receipt)
    entrance.reception.mail("a@b.example", "", body="BINARYMIME")
    entrance.recipient()
    assert isinstance(await entrance.reception.finish(HEAD + b"X: " + X + b"\r\n\r\n"), Refused)


async def test_content_without_header_section_is_all_body() -> None:
    options = scope("pathway", RFC2822_Max_Line_Length="pedantic", RFC2822_Missing_Headers="allow")
    assert await answer(options, X + b"x\r\n") == IN_BODY


async def test_a_missing_date_stands_in_the_message_context() -> None:
    entrance = Entrance(scope("pathway", RFC2822_Date_Header="pedantic"), RELAY)
    entrance.mail()
    entrance.recipient()
    assert isinstance(await entrance.reception.finish(b"X: y\r\n\r\n"), Refused)
    assert ("rfc2822_date_missing", "true") in entrance.reception.contexts[1]


bodies = st.lists(
    st.sampled_from(
        [b"x" * 7, b"x" * 8, b"y" * 20, b"a b", b" ", "\u00e9\u5b57".encode(), b"\r\n", b"\r\n", b"\r", b"\n"]
    ),
    max_size=12,
).map(b"".join)


@given(bodies, cuts, st.integers(4, 9))
@example(b"a ba b \r", [8], 7)  # a CR that nothing follows ends no line
def test_the_laws_of_breaking(body: bytes, sizes: list[int], octets_max: int) -> None:
    pieces = cut(body, sizes)

    def taken(limit: LineLimit) -> bytes | Refused:
        lines, kept = BodyLines(limit), b""
        for place, piece in enumerate(pieces, 1):
            some = lines.take(piece, last=place == len(pieces))
            if isinstance(some, Refused):
                return some
            kept += some
        return kept

    whole = [line.removesuffix(b"\r") for line in body.split(b"\n")[:-1]] + [body.rpartition(b"\n")[2]]
    is_long = max(map(len, whole)) > octets_max
    assert (taken(LineLimit(octets_max, mends=False)) is BODY_LINE) is is_long
    mended = taken(LineLimit(octets_max, mends=True))
    assert isinstance(mended, bytes)
    if not is_long:
        assert mended == body
    assert mended.replace(b"\r\n", b"").replace(b"\n", b"") == body.replace(b"\r\n", b"").replace(b"\n", b"")
    assert mended == (BodyLines(LineLimit(octets_max, mends=True)).take(body, last=True) if pieces else b"")
    assert header_kept_to(LineLimit(1, mends=True), b"") == b""
