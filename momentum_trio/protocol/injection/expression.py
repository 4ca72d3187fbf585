"""What may stand between the braces of a template: a path into the data, a text, ``not``, ``and``, ``or``.

    or      = and *("or" and)
    and     = not *("and" not)
    not     = *"not" primary
    primary = (name / text / "(" or ")") *("." name / "[" or "]")
    text    = "'" *(any but "'") "'" / DQUOTE *(any but DQUOTE) DQUOTE

An expression reads data and nothing else: there is no call, no arithmetic, no name but the data's own. Absent, null,
false, and what is empty are false; all else is true. ``or`` and ``and`` give one of their operands, as in Lua.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

DEPTH_MAX: Final = 32
"""Of brackets and ``not``, and of blocks, one in another."""

KEYWORDS: Final = frozenset(("if", "then", "elseif", "else", "end", "or", "and", "not"))

Data = Any  # of JSON: None, bool, int, float, str, list, dict

_TOKEN = re.compile(
    r"""\s*+(?:(?P<name>[^\W\d]\w*)|(?P<text>'[^']*'|"[^"]*")|(?P<index>[0-9]{1,9}(?!\w))|(?P<mark>\}\}|[\[\].()]))"""
)
_SHOWN = 20


class TemplateError(ValueError):
    """A template cannot be read. at: the character at which it goes wrong, from 0."""

    def __init__(self, at: int, problem: str) -> None:
        super().__init__(f"at character {at + 1}: {problem}")
        self.at, self.problem = at, problem


@dataclass(frozen=True, slots=True)
class Literal:
    """A text, or within brackets the number of an element, from 0."""

    value: str | int


@dataclass(frozen=True, slots=True)
class Path:
    """A value of the data, by name, or of another expression; then by key or number as far as *steps* go."""

    begin: str | Expression
    steps: tuple[Expression, ...] = ()


@dataclass(frozen=True, slots=True)
class Not:
    """True where *operand* is not."""

    operand: Expression


@dataclass(frozen=True, slots=True)
class Either:
    """The first of *operands* that is true, else the last."""

    operands: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Every:
    """The first of *operands* that is not true, else the last."""

    operands: tuple[Expression, ...]


Expression = Literal | Path | Not | Either | Every


def is_true(value: Data) -> bool:
    """Whether a condition holds. Zero is a value like any other."""
    return not (value is None or value is False or value in ("", [], {}))


def value_of(expression: Expression, scopes: Sequence[Mapping[str, Data]]) -> Data:
    """What *expression* comes to. scopes: the data, the narrowest first. None: it is absent, or null."""
    match expression:
        case Literal(value):
            return value
        case Path(begin, steps):
            value = _named(begin, scopes) if isinstance(begin, str) else value_of(begin, scopes)
            for step in steps:
                value = _element(value, value_of(step, scopes))
            return value
        case Not(operand):
            return not is_true(value_of(operand, scopes))
        case Either(operands):
            return _first(operands, scopes, wanted=True)
        case Every(operands):
            return _first(operands, scopes, wanted=False)


def _first(operands: Sequence[Expression], scopes: Sequence[Mapping[str, Data]], *, wanted: bool) -> Data:
    value = None
    for operand in operands:
        if is_true(value := value_of(operand, scopes)) is wanted:
            break
    return value


def _named(name: str, scopes: Sequence[Mapping[str, Data]]) -> Data:
    for scope in scopes:
        if name in scope:
            return scope[name]
    return None


def _element(value: Data, key: Data) -> Data:
    if isinstance(value, dict) and isinstance(key, str):
        return value.get(key)
    if isinstance(value, list) and type(key) is int:
        return value[key] if 0 <= key < len(value) else None
    return None


class Reader:
    """Reads what stands between braces, from *at* on; *at* follows. Raises TemplateError."""

    __slots__ = ("_depth", "_token", "at", "text")

    def __init__(self, text: str, at: int) -> None:
        self.text, self.at = text, at
        self._depth = 0
        self._token: re.Match[str] | None = None
        self._look()

    def word(self, *wanted: str) -> str:
        """Take the next word if it is one of *wanted*; which it was, or empty."""
        token = self._token
        if token is None or token["name"] not in wanted:
            return ""
        self._take()
        return token["name"]

    def expression(self) -> Expression:
        """The longest expression that begins here: ``or`` binds weakest. Raises TemplateError."""
        return self._chain("or", Either, lambda: self._chain("and", Every, self._not))

    def close(self, marks: str) -> None:
        """The end, ``}}`` or ``}}}``, and *at* is behind it."""
        if self._token is None or self._token["mark"] != "}}":
            raise self._wrong(f"expected '{marks}'")
        self.at = self._token.end()
        if len(marks) > 2:
            if not self.text.startswith("}", self.at):
                raise TemplateError(self.at, f"expected '{marks}'")
            self.at += 1

    def _chain(self, word: str, kind: type[Either | Every], operand: Any) -> Expression:
        operands = [operand()]
        while self.word(word):
            operands.append(operand())
        return operands[0] if len(operands) == 1 else kind(tuple(operands))

    def _not(self) -> Expression:
        if not self.word("not"):
            return self._primary()
        self._deeper()
        expression = Not(self._not())
        self._depth -= 1
        return expression

    def _primary(self) -> Expression:
        begin = self._begin()
        steps: list[Expression] = []
        while (mark := self._mark(".", "[")) != "":
            steps.append(Literal(self._name("the name of a key")) if mark == "." else self._inside("]", index=True))
        if not steps and not isinstance(begin, str):
            return begin
        return Path(begin, tuple(steps))

    def _begin(self) -> str | Expression:
        if (text := self._text()) is not None:
            return Literal(text)
        if self._mark("("):
            return self._inside(")")
        return self._name("a name, a text or '('")

    def _inside(self, closing: str, *, index: bool = False) -> Expression:
        """What stands in brackets."""
        self._deeper()
        number = self._number() if index else None
        expression = self.expression() if number is None else Literal(number)
        if not self._mark(closing):
            raise self._wrong(f"expected '{closing}'")
        self._depth -= 1
        return expression

    def _deeper(self) -> None:
        self._depth += 1
        if self._depth > DEPTH_MAX:
            raise self._wrong(f"brackets and 'not' are more than {DEPTH_MAX} deep")

    def _name(self, wanted: str) -> str:
        token = self._token
        if token is None or token["name"] is None or token["name"] in KEYWORDS:
            raise self._wrong(f"expected {wanted}")
        self._take()
        return token["name"]

    def _text(self) -> str | None:
        token = self._token
        if token is None or token["text"] is None:
            return None
        self._take()
        return token["text"][1:-1]

    def _number(self) -> int | None:
        token = self._token
        if token is None or token["index"] is None:
            return None
        self._take()
        return int(token["index"])

    def _mark(self, *wanted: str) -> str:
        token = self._token
        if token is None or token["mark"] not in wanted:
            return ""
        self._take()
        return token["mark"]

    def _take(self) -> None:
        assert self._token is not None
        self.at = self._token.end()
        self._look()

    def _look(self) -> None:
        self._token = _TOKEN.match(self.text, self.at)

    def _wrong(self, problem: str) -> TemplateError:
        rest = self.text[self.at :].lstrip()
        at = len(self.text) - len(rest)
        found = f"'{rest[:_SHOWN]}'" if rest else "the end"
        return TemplateError(at, f"{problem}, found {found}")
