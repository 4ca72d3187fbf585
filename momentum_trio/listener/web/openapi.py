"""``/openapi.json``: OpenAPI 3.1, made of the rows of the table and of the types that they name."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from http import HTTPStatus
from typing import Any, Final

import msgspec

from momentum_trio import __version__
from momentum_trio.listener.web.exchange import Exchange
from momentum_trio.listener.web.route import OPEN, USER, Command, Operation, Route, Socket
from momentum_trio.protocol.http.refusal import Errors
from momentum_trio.protocol.http.response import JSON, Response, of_json

VERSION: Final = "3.1.0"
REFUSAL: Final = "#/components/schemas/Errors"
REFERENCE: Final = "#/components/schemas/{name}"

_PARAMETER = re.compile(r"\{([^}]*)\}")
_NOT_IN_ID = re.compile(r"[^a-z0-9]+")

Row = Route | Socket
Value = dict[str, Any]


def openapi_route(rows: Sequence[Row]) -> Route:
    """The row that tells of *rows*, and of itself."""
    operation = Operation("This document", gives={200: dict[str, Any]})
    itself = Route("GET", "/openapi.json", partial(_answer, rows), USER, operation)
    return itself._replace(answer=partial(_answer, (*rows, itself)))


async def _answer(rows: Sequence[Row], exchange: Exchange) -> Response:
    return of_json(document(rows))


def document(rows: Sequence[Row]) -> Value:
    """The whole, the same whenever it is asked for."""
    told = [row for row in rows if row.operation is not None]
    kinds = list(_kinds(told))
    schemas, components = msgspec.json.schema_components(kinds, ref_template=REFERENCE)
    by_kind = {id(kind): schema for kind, schema in zip(kinds, schemas, strict=True)}
    paths: dict[str, Value] = {}
    for row in told:
        method = row.method.lower() if isinstance(row, Route) else "get"
        paths.setdefault(row.path, {})[method] = _operation(row, by_kind)
    schemes = {"basic": {"type": "http", "scheme": "basic"}, "digest": {"type": "http", "scheme": "digest"}}
    return {
        "openapi": VERSION,
        "info": {"title": "momentum-trio", "version": __version__, "license": {"name": "Apache-2.0"}},
        "paths": paths,
        "components": {"schemas": components, "securitySchemes": schemes},
    }


def _kinds(rows: Sequence[Row]) -> Iterator[Any]:
    for row in rows:
        operation = row.operation
        assert operation is not None
        yield from (kind for kind in (operation.takes, *operation.gives.values(), Errors) if kind is not None)


def _operation(row: Row, schemas: dict[int, Value]) -> Value:
    operation = row.operation
    assert operation is not None
    method = row.method if isinstance(row, Route) else "socket"
    told: Value = {
        "operationId": _NOT_IN_ID.sub("_", f"{method} {row.path}".lower()).strip("_"),
        "summary": operation.summary,
        "description": " ".join(filter(None, (operation.description, _access(row)))),
        "security": [] if row.access is OPEN else [{}, {"basic": []}, {"digest": []}],
        "responses": {
            str(status): _response(status, kind, schemas) for status, kind in (operation.gives or {200: None}).items()
        }
        | {"default": {"description": "A refusal", "content": {JSON: {"schema": {"$ref": REFUSAL}}}}},
    }
    if parameters := [*_of_path(row.path, operation.path), *_of_query(operation)]:
        told["parameters"] = parameters
    if isinstance(row, Route) and operation.takes is not None:
        content = {kind: {"schema": schemas[id(operation.takes)]} if kind == JSON else {} for kind in row.consumes}
        told["requestBody"] = {"required": True, "content": content}
    return told


def _access(row: Row) -> str:
    return f"For those who may say '{row.access.line}' at a console." if isinstance(row.access, Command) else ""


def _response(status: int, kind: Any, schemas: dict[int, Value]) -> Value:
    told: Value = {"description": HTTPStatus(status).phrase}
    return told if kind is None else told | {"content": {JSON: {"schema": schemas[id(kind)]}}}


def _of_path(path: str, patterns: Mapping[str, str]) -> Iterator[Value]:
    for name in _PARAMETER.findall(path):
        schema: Value = {"type": "string", "minLength": 1}
        if name in patterns:
            schema["pattern"] = patterns[name]
        yield {"name": name, "in": "path", "required": True, "schema": schema}


def _of_query(operation: Operation) -> Iterator[Value]:
    """What a struct has as its members stands in the query, each by itself."""
    if operation.query is None:
        return
    [_], components = msgspec.json.schema_components([operation.query])
    schema = components[operation.query.__name__]
    for name, member in schema["properties"].items():
        yield {"name": name, "in": "query", "required": name in schema.get("required", ()), "schema": member}
