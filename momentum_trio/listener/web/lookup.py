"""Which route a path leads to. What is said in letters goes before a parameter; a ``/`` at the end is optional."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from momentum_trio.listener.web.route import Route, Socket

GET, HEAD, OPTIONS = "GET", "HEAD", "OPTIONS"


class Found(NamedTuple):
    """route: of the path and the method. parameters: what stands in the places of its path."""

    route: Route | Socket
    parameters: dict[str, str]


class OtherMethods(NamedTuple):
    """The path is known, but not with that method. allowed: those it is known with."""

    allowed: tuple[str, ...]


@dataclass(slots=True)
class _Node:
    """What a beginning of paths leads to. rows: where it ends here, by method; a socket's is GET."""

    children: dict[str, _Node] = field(default_factory=dict)
    parameter: _Node | None = None
    rows: dict[str, Route | Socket] = field(default_factory=dict)


class Lookup:
    """The rows of a table, by their paths. It does not change."""

    def __init__(self, rows: Iterable[Route | Socket]) -> None:
        self._root = _Node()
        self._in_letters: dict[tuple[str, str], Route | Socket] = {}  # those without parameters, by method and path
        for row in rows:
            self._add(row)

    def find(self, method: str, path: str) -> Found | OtherMethods | None:
        """What is at *path* for *method*, with HEAD as GET; None: nothing is there."""
        if (row := self._in_letters.get((GET if method == HEAD else method, path))) is not None:
            return Found(row, {})
        values: list[str] = []
        node = _walk(self._root, _segments(path), 0, values)
        if node is None:
            return None
        row = node.rows.get(GET if method == HEAD else method)
        if row is None:
            return OtherMethods(_allowed(node))
        return Found(row, dict(zip(_names(row.path), values, strict=True)))

    def _add(self, row: Route | Socket) -> None:
        node = self._root
        for segment in _segments(row.path):
            if segment.startswith("{"):
                node.parameter = node.parameter or _Node()
                node = node.parameter
            else:
                node = node.children.setdefault(segment, _Node())
        method = row.method if isinstance(row, Route) else GET
        assert method not in node.rows, f"{method} {row.path} is there twice"
        node.rows[method] = row
        if "{" not in row.path:
            self._in_letters[method, row.path] = row


def _walk(node: _Node, segments: list[str], at: int, values: list[str]) -> _Node | None:
    """The node that *segments* from *at* on lead to, with the *values* of the parameters on the way."""
    if at == len(segments):
        return node if node.rows else None
    if (child := node.children.get(segments[at])) is not None and (found := _walk(child, segments, at + 1, values)):
        return found
    if node.parameter is None or not segments[at]:
        return None
    values.append(segments[at])
    if (found := _walk(node.parameter, segments, at + 1, values)) is None:
        values.pop()
    return found


def _segments(path: str) -> list[str]:
    return path.removeprefix("/").removesuffix("/").split("/")


def _names(path: str) -> list[str]:
    return [segment[1:-1] for segment in _segments(path) if segment.startswith("{")]


def _allowed(node: _Node) -> tuple[str, ...]:
    with_head = {*node.rows, OPTIONS, *((HEAD,) if GET in node.rows else ())}
    return tuple(sorted(with_head))
