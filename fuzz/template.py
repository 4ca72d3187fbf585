"""A template is read or refused where it goes wrong, ends at its bound, and escapes each value it puts into HTML."""

from __future__ import annotations

import msgspec
from hypothesis import strategies as st

from momentum_trio.protocol.injection.expression import TemplateError
from momentum_trio.protocol.injection.strategies import broken_templates
from momentum_trio.protocol.injection.template import RENDERED_CHARACTERS_MAX, Template, TooLong, text_of

DATA = {"a": "<&\"'>", "b": [{"a": "<b>", "x y": None}, 0, True], "first_name": "", "é": {"a": "<"}}
HTML = "<>\"'"


def strategy() -> st.SearchStrategy[bytes]:
    """Octets worth trying: templates, and scraps of them."""
    return broken_templates.map(str.encode)


def run(octets: bytes) -> None:
    """Raise AssertionError if *octets* break the invariant."""
    text = octets.decode(errors="replace")
    try:
        template = Template.parse(text)
    except TemplateError as error:
        _judge(error, text)
        return
    if "{{" not in text:
        assert template.render([], escaping=True) == text
    try:
        plain, escaped = (template.render([DATA, {}], escaping=escaping) for escaping in (False, True))
    except TooLong:
        return
    assert len(plain) <= RENDERED_CHARACTERS_MAX
    if "{{{" not in text:
        assert all(escaped.count(character) <= text.count(character) for character in HTML)
    assert msgspec.json.decode(text_of(DATA)) == DATA


def _judge(error: TemplateError, text: str) -> None:
    assert 0 <= error.at <= len(text)
    assert error.problem
