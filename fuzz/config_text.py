"""Any octets give a tree or errors with a place inside the text, never another exception, and an unedited text is kept.

What a good tree prints of itself loads again as the same tree.
"""

from __future__ import annotations

from typing import Final

from hypothesis import strategies as st

from momentum_trio.config import strategies
from momentum_trio.config.dump import as_conf
from momentum_trio.config.error import ConfigErrors
from momentum_trio.config.load import load_text
from momentum_trio.config.schema import Schema

FILE: Final = "fuzzed.conf"
SCHEMA: Final = Schema.load()


def strategy() -> st.SearchStrategy[bytes]:
    """Octets worth trying: files that follow the grammar, words in any order, now and then anything at all."""
    files = strategies.files().map(lambda file: file[0].encode())
    return files | strategies.token_soup | strategies.known_files | st.binary(max_size=80)


def run(octets: bytes) -> None:
    """Raise AssertionError if *octets* break the invariant."""
    try:
        tree = load_text({FILE: octets}, FILE, schema=SCHEMA)
    except ConfigErrors as wrong:
        _places_lie_inside(wrong, octets)
        return
    document = tree.files[FILE].document
    assert document.source.octets == octets
    assert document.printed() == document.source.text
    tree.show((), True)
    assert as_conf(load_text(as_conf(tree), schema=SCHEMA)) == as_conf(tree)
    try:
        load_text({FILE: octets}, FILE, schema=SCHEMA, declared=())
    except ConfigErrors as wrong:
        _places_lie_inside(wrong, octets)


def _places_lie_inside(wrong: ConfigErrors, octets: bytes) -> None:
    lines = octets.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace").split("\n")
    assert wrong.errors
    for error in wrong.errors:
        assert error.at.file == FILE
        assert 1 <= error.at.line <= len(lines)
        assert 1 <= error.at.column <= len(lines[error.at.line - 1]) + 1
        assert error.problem
    assert wrong.render()
