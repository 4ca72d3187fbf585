"""``validate_config FILE...``: is each of these a configuration that would be taken?

Prints ``Configuration valid`` or ``No configuration found``; what is wrong goes to stderr. Exit status 0 good, 2 bad.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from momentum_trio.cli.configuration import EXIT_BAD_CONFIGURATION, default_file, load, read, schema
from momentum_trio.cli.output import for_readers
from momentum_trio.config.error import ConfigError, ConfigErrors, render
from momentum_trio.config.include import ErrorOfReading, NoConfiguration
from momentum_trio.config.load import checked
from momentum_trio.config.schema import Schema
from momentum_trio.config.source import Source
from momentum_trio.config.syntax import parse
from momentum_trio.config.value import Position

VALID = "Configuration valid"
NOT_FOUND = "No configuration found"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is to be said of one file."""

    file: str
    is_found: bool
    errors: tuple[ConfigError, ...]
    warnings: tuple[ConfigError, ...]
    texts: dict[str, str]

    @property
    def is_valid(self) -> bool:
        return self.is_found and not self.errors


def verdict(file: str, known: Schema, *, syntax_only: bool = False) -> Verdict:
    """Whether *file*, with all it includes, is a good configuration; with *syntax_only*, whether it alone follows the
    grammar.
    """
    try:
        if syntax_only:
            return _syntax(file)
        tree = checked(*load(file, known))
        return Verdict(file, True, (), tree.warnings, tree.sources())
    except NoConfiguration as missing:
        return Verdict(file, False, missing.errors, (), {})
    except ConfigErrors as wrong:
        return Verdict(file, True, wrong.errors, (), wrong.texts)


def _syntax(file: str) -> Verdict:
    found = read(file)
    if not isinstance(found, bytes):
        problem = found.problem if isinstance(found, ErrorOfReading) else "a directory, not a file"
        raise NoConfiguration([ConfigError(Position(file, 0, 0), "", problem)])
    source = Source.decode(file, found)
    said: list[ConfigError] = []
    parse(source, said)
    errors = tuple(error for error in said if not error.warning)
    return Verdict(file, True, errors, tuple(error for error in said if error.warning), {file: source.text})


def main(arguments: Sequence[str] | None = None) -> int:
    """The program. arguments: in place of the command line's. Returns its exit status."""
    parser = argparse.ArgumentParser(prog="validate_config", description="Check configuration files, each by itself.")
    parser.add_argument("files", metavar="FILE", nargs="*", help=f"default: $CONFFILE or {default_file()}")
    parser.add_argument("--syntax-only", action="store_true", help="stop after the grammar; follow no include")
    parser.add_argument("--format", choices=("text", "json"), default="text")
    asked = parser.parse_args(arguments)
    return for_readers(partial(_run, asked))


def _run(asked: argparse.Namespace) -> int:
    files = asked.files or [default_file()]
    known = schema()
    verdicts = [verdict(file, known, syntax_only=asked.syntax_only) for file in files]
    if asked.format == "json":
        print(json.dumps([_fields(said) for said in verdicts], indent=1))
    else:
        for said in verdicts:
            _say(said, f"{said.file}: " if len(files) > 1 else "")
    return 0 if all(said.is_valid for said in verdicts) else EXIT_BAD_CONFIGURATION


def _fields(said: Verdict) -> dict[str, object]:
    return {
        "file": said.file,
        "found": said.is_found,
        "valid": said.is_valid,
        "errors": [error.fields() for error in said.errors],
        "warnings": [error.fields() for error in said.warnings],
    }


def _say(said: Verdict, before: str) -> None:
    for errors in (said.errors, said.warnings):
        if errors:
            print(render(errors, said.texts), file=sys.stderr)
    sys.stderr.flush()
    if not said.is_found:
        print(before + NOT_FOUND)
    elif said.is_valid:
        print(before + VALID)


if __name__ == "__main__":
    sys.exit(main())
