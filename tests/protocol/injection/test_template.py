"""Templates: what the manual's pages on substitution show, where one goes wrong, and that data never become markup."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings

from momentum_trio.protocol.injection.expression import DEPTH_MAX, TemplateError
from momentum_trio.protocol.injection.strategies import data, templates
from momentum_trio.protocol.injection.template import RENDERED_CHARACTERS_MAX, TAGS_MAX, Template, TooLong

AIRPORTS = {"YYZ": {"city": "Toronto", "country": "canada"}, "SFO": {"city": "San Francisco"}}
FLIGHT = (
    "{{if not Airports[departAirport]}}Hi {{ firstName or 'there' }}, no trip.{{else}}"
    "{{if Airports[departAirport] and Airports[departAirport].city then}}Hi {{ firstName or 'there' }}, a trip from "
    "{{departAirport}} in {{Airports[departAirport].city}}.{{end}} To {{Airports[arriveAirport].city}}.{{end}}"
)


def rendered(text: str, *scopes: dict[str, Any], escaping: bool = False) -> str:
    return Template.parse(text).render(scopes, escaping=escaping)


@pytest.mark.parametrize(
    ("text", "scopes", "said"),
    [
        # Chapter 46: by key; the recipient's before the transmission's
        ("Hi {{firstname}}, {{sender}}", [{"firstname": "Ann"}, {"sender": "M", "firstname": "X"}], "Hi Ann, M"),
        # Chapter 53: conditions, indexing by the value of another key, a default
        (FLIGHT, [{"departAirport": "YYZ", "arriveAirport": "SFO", "Airports": AIRPORTS}],
         "Hi there, a trip from YYZ in Toronto. To San Francisco."),
        (FLIGHT, [{"firstName": "Ann", "departAirport": "XXX", "Airports": AIRPORTS}], "Hi Ann, no trip."),
        # what is absent, null or reached through nothing is no text
        ("[{{a}}{{b}}{{a.b.c}}{{c[5]}}{{c.x}}{{d.x}}]", [{"b": None, "c": [1], "d": "x"}], "[]"),
        # JSON for all that is no text
        ("{{a}} {{b}} {{c}} {{d}}", [{"a": True, "b": 1.5, "c": [1, {"x": None}], "d": 10**20}],
         'true 1.5 [1,{"x":null}] 100000000000000000000'),
        # truth: empty is false, zero is not
        ("{{if a}}1{{end}}{{if b}}2{{end}}{{if c}}3{{end}}{{if d}}4{{end}}",
         [{"a": 0, "b": "", "c": [], "d": False}], "1"),
        ("{{a or b or 'c'}}{{a and 'x'}}{{not a and 'y'}}", [{"b": ""}], "cy"),
        ("{{(a or b).c}} {{l[1]['x y']}} {{l[0]}}", [{"b": {"c": 1}, "l": [0, {"x y": 2}]}], "1 2 0"),
        ("{{if a}}1{{elseif b}}2{{elseif c}}3{{else}}4{{end}}", [{"c": 1}], "3"),
        # what is put in is never read again; braces alone are text
        ("{{a}} } }} { {b", [{"a": "{{b}}", "b": "no"}], "{{b}} } }} { {b"),
        ("{{'}}'}}", [], "}}"),
    ],
)  # fmt: skip
def test_rendered(text: str, scopes: list[dict[str, Any]], said: str) -> None:
    assert rendered(text, *scopes) == said


def test_html_is_escaped_unless_three_braces_say_otherwise() -> None:
    values = {"a": "<b title='x'>&\"", "l": ["<"]}
    assert rendered("<i>{{a}}</i>{{l}}", values, escaping=True) == (
        "<i>&lt;b title=&#x27;x&#x27;&gt;&amp;&quot;</i>[&quot;&lt;&quot;]"
    )
    assert rendered("{{{a}}}", values, escaping=True) == values["a"]


@pytest.mark.parametrize(
    ("text", "at", "problem"),
    [
        ("ab{{", 4, "expected a name"),
        ("{{}}", 2, "expected a name"),
        ("{{a b}}", 4, "expected '}}', found 'b}}'"),
        ("{{{a}}", 6, "expected '}}}'"),
        ("{{a.}}", 4, "the name of a key"),
        ("{{a.if}}", 4, "the name of a key"),
        ("{{a[1}}", 5, "expected ']'"),
        ("{{1}}", 2, "expected a name"),
        ("{{a()}}", 3, "expected '}}'"),  # nothing can be called
        ("{{a + b}}", 4, "expected '}}'"),
        ("x{{if a}}y", 1, "'if' without 'end'"),
        ("{{if a}}{{else}}{{elseif b}}{{end}}", 16, "'elseif' after 'else'"),
        ("x{{end}}", 1, "'end' without 'if'"),
        ("{{" + "(" * (DEPTH_MAX + 1), 2 + DEPTH_MAX + 1, "deep"),
        ("{{" + "not " * (DEPTH_MAX + 1) + "a}}", 2 + 4 * (DEPTH_MAX + 1), "deep"),
        ("{{if a}}" * (DEPTH_MAX + 1), 8 * DEPTH_MAX, "deep"),
        ("{{a}}" * (TAGS_MAX + 1), 5 * TAGS_MAX, "more than"),
    ],
)
def test_told_where_it_goes_wrong(text: str, at: int, problem: str) -> None:
    with pytest.raises(TemplateError) as wrong:
        Template.parse(text)
    assert problem in wrong.value.problem
    assert wrong.value.at == at or text[wrong.value.at : at].isspace()


def test_what_is_rendered_has_a_bound() -> None:
    with pytest.raises(TooLong):
        rendered("{{a}}" * 100, {"a": "x" * (RENDERED_CHARACTERS_MAX // 99)})


@settings(max_examples=40)
@given(templates, data)
def test_data_never_become_markup(text: str, values: dict[str, Any]) -> None:
    said = rendered(text, values, escaping=True)
    assert all(said.count(character) <= text.count(character) for character in "<>\"'")
