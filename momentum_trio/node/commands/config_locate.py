"""``config locate``: where scopes of one kind stand."""

from __future__ import annotations

from collections.abc import Sequence

from momentum_trio.config.kind import quoted
from momentum_trio.config.locate import Line, lines_of, located, location
from momentum_trio.config.show import scope_head
from momentum_trio.console.command import Answer, Command, Data, Request, failure
from momentum_trio.console.word import split


async def _locate(request: Request) -> Answer:
    try:
        words = split(request.rest)
    except ValueError as wrong:
        return failure(str(wrong))
    if len(words) not in (1, 2):
        return failure(f"usage: {LOCATE.synopsis}")
    schema = request.tree.schema
    if (entry := schema.scopes.get(words[0].lower())) is None:
        near = schema.nearest_anywhere(words[0].lower())
        return failure(f"there is no scope '{words[0]}'" + (f" (did you mean {near}?)" if near else ""))
    try:
        lines = tuple(located(request.tree.root, entry.key, words[1] if words[1:] else None))
    except ValueError as wrong:
        return failure(str(wrong))
    if not lines:
        return failure(f"no {entry.name} is configured" + (f" that '{words[1]}' fits" if words[1:] else ""))
    return Answer("\n".join(map(_text, lines)), tuple(map(_fields, lines)))


def _text(line: Line) -> str:
    return f"{scope_head(line[-1])}\n  is at {location(line)}"


def _fields(line: Line) -> Data:
    path: Sequence[Data] = [{"scope": scope.name, "instance": scope.instance} for scope in line]
    return {"location": location(line), "path": path, "at": [str(place) for place in line[-1].openings]}


def _candidates(request: Request) -> Sequence[str]:
    """Scopes that are configured, then their instances."""
    known = split(request.rest)
    lines = lines_of(request.tree.root)
    if not known:
        return sorted({line[-1].name for line in lines})
    return [quoted(line[-1].instance) for line in lines if len(known) == 1 and line[-1].kind == known[0].lower()]


LOCATE = Command(
    ("config", "locate"),
    "Show where scopes of one kind stand.",
    _locate,
    arguments="SCOPE [REGEX]",
    help="REGEX is looked for in their instances, anywhere and as it stands: no slashes around it, quotes where it\n"
    "holds blanks; a regex Domain's own pattern is an ordinary string here. An instance may be named as well. A\n"
    "place names the scopes from the file level inwards, 'Scope:instance:' each, colons in an instance escaped.",
    candidates=_candidates,
)
