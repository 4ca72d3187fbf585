"""The shape of a content, and the octets that stand in for it, which no check can tell from the content."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from momentum_trio.mail.header import HEADER_OCTETS_MAX, Scan, scan, section_end
from momentum_trio.mail.reply import Reply
from momentum_trio.protocol.rehearsal.shape import Header, Measure, Shape, stand_in
from momentum_trio.protocol.rehearsal.strategies import content_octets, shape_of, shapes
from momentum_trio.protocol.smtp.content import Content
from momentum_trio.protocol.smtp.event import ContentEnd, ContentPart
from momentum_trio.protocol.smtp.strategies import all_terms, cut, cuts
from momentum_trio.protocol.smtp.terms import LoneLineEnds, Terms


def received(octets: bytes, terms: Terms) -> tuple[bytes, Reply | None]:
    """What the server takes *octets*, sent after DATA, for."""
    content, parts = Content(terms), []
    assert content.receive(octets) == b""
    while True:
        event = content.next_event()
        assert isinstance(event, ContentPart | ContentEnd)
        parts.append(event.octets)
        if isinstance(event, ContentEnd):
            return b"".join(parts), event.fault


def seen(content: bytes) -> Scan | None:
    """What reception sees of it."""
    end = section_end(content)
    section = content[: end if end >= 0 else len(content)]
    return None if len(section) > HEADER_OCTETS_MAX else scan(section)


@settings(max_examples=50, deadline=None)
@given(content_octets, all_terms)
def test_a_stand_in_is_taken_for_the_content(octets: bytes, terms: Terms) -> None:
    """Terms as options make them: none permits NUL. What mends line ends depends on all there are: it is left out."""
    body = LoneLineEnds.PEDANTIC if terms.lone_line_ends_in_body is LoneLineEnds.FIX else terms.lone_line_ends_in_body
    headers = LoneLineEnds.PEDANTIC
    terms = replace(terms, nul_in_content=False, lone_line_ends_in_headers=headers, lone_line_ends_in_body=body)
    shape = shape_of(octets)
    assert shape.is_possible
    content, fault = received(octets, terms)
    substitute, its_fault = received(b"".join(stand_in(shape)), terms)
    assert its_fault == fault
    if fault is None:
        assert len(substitute) == len(content)
        scanned, its_scan = seen(content), seen(substitute)
        if scanned is None or its_scan is None:
            assert scanned is its_scan
        else:
            assert (its_scan.begins_with_field, its_scan.well_formed) == (
                scanned.begins_with_field,
                scanned.well_formed,
            )
            assert (its_scan.received_count, its_scan.has_date) == (scanned.received_count, scanned.has_date)
            assert its_scan.has_message_id == scanned.has_message_id


@settings(max_examples=50, deadline=None)
@given(content_octets, cuts)
def test_cuts_do_not_show(octets: bytes, sizes: list[int]) -> None:
    measure = Measure()
    for piece in cut(octets, sizes):
        measure.take(piece)
    whole = Measure()
    whole.take(octets)
    assert measure.shape(ended=True) == whole.shape(ended=True)


@settings(max_examples=50, deadline=None)
@given(shapes)
def test_a_shape_is_that_of_its_stand_in(shape: Shape) -> None:
    again = shape_of(b"".join(stand_in(shape)))
    assert (again.octets, again.nul_at, again.lone_at, again.has_body) == (
        shape.octets,
        shape.nul_at,
        shape.lone_at,
        shape.has_body,
    )
    assert again.header == shape.header or not shape.is_header_read


@pytest.mark.parametrize("octets", [HEADER_OCTETS_MAX, HEADER_OCTETS_MAX + 1, HEADER_OCTETS_MAX * 3])
@pytest.mark.parametrize("beginning", [b"X: y", b"no field "])
def test_a_long_header_section(octets: int, beginning: bytes) -> None:
    content = beginning + b"x" * (octets - len(beginning) - 2) + b"\r\n\r\nbody\r\n"
    shape = shape_of(content + b".\r\n")
    assert (shape.header.octets, shape.octets, shape.header.begins_with_field) == (
        octets,
        octets + 8,
        beginning == b"X: y",
    )
    assert shape_of(b"".join(stand_in(shape))) == shape


def test_the_hash_is_that_of_the_content() -> None:
    measure = Measure()
    measure.take(b"a: b\r\n\r\n..x\r\n..\r\n.\r\n")
    assert measure.shape(ended=True)[1] == hashlib.sha256(b"a: b\r\n\r\n.x\r\n.\r\n").hexdigest()


@pytest.mark.parametrize(
    "shape",
    [
        Shape(10, Header(11)),
        Shape(10, Header(9)),
        Shape(10, Header(8), has_body=True, lone_at=9),
        Shape(11, Header(8), has_body=True),
        Shape(20, Header(20, begins_with_field=True, well_formed=True, received=2)),
        Shape(1, Header(1)),
        Shape(5, Header(5), nul_at=4),
    ],
)
def test_shapes_nothing_has(shape: Shape) -> None:
    assert not shape.is_possible


@given(
    st.builds(
        Shape,
        st.integers(0, 60),
        st.builds(
            Header, st.integers(0, 60), st.booleans(), st.booleans(), st.integers(0, 3), st.booleans(), st.booleans()
        ),
        st.booleans(),
        st.integers(-1, 60),
        st.integers(-1, 60),
    )
)
def test_whatever_is_possible_can_be_made(shape: Shape) -> None:
    if shape.is_possible:
        octets = b"".join(stand_in(shape))
        assert len(octets) == shape.octets + 3
        assert (b"\r\n" + octets).find(b"\r\n.\r\n") == shape.octets
