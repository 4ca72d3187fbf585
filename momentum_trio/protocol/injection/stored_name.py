"""What stored templates and recipient lists are called: by programs, and by people."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Final

from msgspec import UNSET, Meta, UnsetType

from momentum_trio.mail.mime.field import is_line
from momentum_trio.protocol.injection.flaw import Flaw
from momentum_trio.protocol.injection.kinds import LINE

ID_CHARACTERS_MAX: Final = 64
ID: Final = rf"^[A-Za-z0-9_-][A-Za-z0-9._-]{{0,{ID_CHARACTERS_MAX - 1}}}$"
Id = Annotated[str, Meta(min_length=1, max_length=ID_CHARACTERS_MAX, extra_json_schema={"pattern": ID})]
"""It names a file, too, and a segment of a path."""
NO_ID: Final = f"an id has at most {ID_CHARACTERS_MAX} letters, digits and - _ . and begins with no dot"

NAME_CHARACTERS_MAX: Final = 1_024
Name = Annotated[str, Meta(max_length=NAME_CHARACTERS_MAX, extra_json_schema=LINE)]
Description = Annotated[str, Meta(max_length=NAME_CHARACTERS_MAX)]

_ID = re.compile(ID)


def is_id(text: str) -> bool:
    """Whether something stored can have the id *text*."""
    return _ID.fullmatch(text) is not None


def of_names(stored_id: str | UnsetType, name: str | UnsetType) -> Iterator[Flaw]:
    """What is wrong with them, as far as they are said."""
    if stored_id is not UNSET and not is_id(stored_id):
        yield Flaw("id", NO_ID)
    if name is not UNSET and not is_line(name):
        yield Flaw("name", "a line end or a control stands in it")
