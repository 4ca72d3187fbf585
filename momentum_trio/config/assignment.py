"""One value alone, as it stands behind ``config set NAME``: in file syntax, with the errors of a file."""

from __future__ import annotations

from momentum_trio.config import grammar
from momentum_trio.config.error import ConfigError, ConfigErrors
from momentum_trio.config.prescan import Shape, spans
from momentum_trio.config.source import Source
from momentum_trio.config.value import Value

CONSOLE = "console"  # the file of positions of what was set at run time
VALUE_TEXT_MAX = 64 * 1024


def value_of(name: str, text: str, *, is_secret: bool = False) -> Value:
    """The value of *text*; a ``=`` before it is allowed. name: of the option, for the errors.

    Raises ConfigErrors, whose places count in ``NAME = text``; of a secret they say no more than that it is none.
    """
    text = text.strip()
    statement = f"{name} = {text[1:].lstrip() if text.startswith('=') else text}"
    source = Source(CONSOLE, statement[:VALUE_TEXT_MAX])
    errors: list[ConfigError] = []
    if len(statement) > VALUE_TEXT_MAX or "\0" in statement:
        errors.append(
            ConfigError(source.at(0), name, f"expected a value of at most {VALUE_TEXT_MAX} characters, no NUL")
        )
    found = [] if errors else list(spans(source, errors))
    if found and (errors or len(found) > 1 or found[0][0] is not Shape.LEAF):
        at = errors[0].at if errors else source.at(found[1][1] if len(found) > 1 else 0)
        errors = [ConfigError(at, name, "expected one value", "a list is written ( a b ), words with blanks in quotes")]
    if not errors:
        try:
            return grammar.leaf(source.text, found[0][1], found[0][2]).value
        except grammar.NotALeaf as wrong:
            errors.append(ConfigError(source.at(wrong.offset), name, wrong.expected))
    if is_secret:
        errors = [ConfigError(source.at(0), name, "expected one value", "quote it", is_secret=True)]
    raise ConfigErrors(errors, {CONSOLE: source.text})
