"""Ten broken files and what is said of them, word for word (broken/*.conf, the errors as .txt beside it).

After a change of the texts run with ``MOMENTUM_WRITE_SNAPSHOTS=1`` in the environment, then read the difference.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from momentum_trio.config.error import ConfigErrors
from momentum_trio.config.load import load_text
from momentum_trio.config.schema import Schema

BROKEN = Path(__file__).parent / "broken"
FILES = {path.name: path.read_bytes() for path in sorted(BROKEN.glob("*.conf"))}
SCHEMA = Schema.load()


def said_of(name: str) -> str:
    with pytest.raises(ConfigErrors) as raised:
        load_text(FILES, name, schema=SCHEMA, declared=())
    return raised.value.render() + "\n"


@pytest.mark.parametrize("name", FILES)
def test_errors(name: str) -> None:
    snapshot = (BROKEN / name).with_suffix(".txt")
    said = said_of(name)
    if os.environ.get("MOMENTUM_WRITE_SNAPSHOTS"):
        snapshot.write_text(said, encoding="utf-8")
    assert said == snapshot.read_text(encoding="utf-8")


def test_there_are_ten() -> None:
    assert len(FILES) == 10
