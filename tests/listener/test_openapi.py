"""``/openapi.json``: every row of the table is there, and what the OpenAPI 3.1 specification requires of a document."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import msgspec

from momentum_trio.listener.web.openapi import document
from momentum_trio.listener.web.route import Route
from momentum_trio.listener.web.table import ROUTES

DOCUMENT = json.loads(msgspec.json.encode(document(ROUTES)))
PREFIX = "#/components/schemas/"
NAME = re.compile(r"[a-zA-Z0-9._-]+")  # of a component: section 4.8.7.1

# The vocabulary of JSON Schema 2020-12 (section 4.8.24.1), as far as it is used: the type of each keyword's value.
KEYWORDS: dict[str, type | tuple[type, ...]] = {
    **dict.fromkeys(("$ref", "title", "description", "type", "format", "pattern", "contentEncoding"), str),
    **dict.fromkeys(("enum", "required", "anyOf", "oneOf", "examples"), list),
    **dict.fromkeys(("properties", "propertyNames", "not", "dependentRequired"), dict),
    **dict.fromkeys(("minItems", "maxItems", "minLength", "maxLength", "maxProperties"), int),
    **dict.fromkeys(("minimum", "maximum"), (int, float)),
    **dict.fromkeys(("additionalProperties", "items"), (bool, dict)),
    **dict.fromkeys(("default", "const"), object),
}
TYPES = {"null", "boolean", "object", "array", "number", "string", "integer"}


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in DOCUMENT["paths"].items():
        for method, operation in item.items():
            yield path, method, operation


def schemas(value: Any) -> Iterator[dict[str, Any]]:
    """*value* and the schemas in it."""
    assert isinstance(value, dict | bool)
    if isinstance(value, bool):
        return
    yield value
    alternatives = *value.get("anyOf", ()), *value.get("oneOf", ()), value.get("not", True)
    for inner in (*value.get("properties", {}).values(), *alternatives):
        yield from schemas(inner)
    for keyword in ("items", "additionalProperties"):
        yield from schemas(value.get(keyword, True))


def test_every_row_is_told() -> None:
    wanted = {
        (row.path, row.method.lower() if isinstance(row, Route) else "get")
        for row in ROUTES
        if row.operation is not None
    }
    assert {(path, method) for path, method, _ in operations()} == wanted
    assert ("/openapi.json", "get") in wanted
    assert all(row.operation is not None for row in ROUTES if row.path.startswith("/api/"))


def test_the_document_is_one() -> None:
    assert DOCUMENT["openapi"] == "3.1.0"
    assert {"title", "version"} <= DOCUMENT["info"].keys()
    assert all(path.startswith("/") for path in DOCUMENT["paths"])
    assert all(NAME.fullmatch(name) for part in DOCUMENT["components"].values() for name in part)
    ids = [operation["operationId"] for _, _, operation in operations()]
    assert len(ids) == len(set(ids))


def test_operations_are_whole() -> None:
    schemes = DOCUMENT["components"]["securitySchemes"]
    for path, _, operation in operations():
        assert operation["summary"]
        assert operation["responses"]
        for status, response in operation["responses"].items():
            assert re.fullmatch("[1-5][0-9][0-9]|default", status)
            assert response["description"]
        parameters = operation.get("parameters", [])
        assert len({(each["name"], each["in"]) for each in parameters}) == len(parameters)
        in_path = {each["name"] for each in parameters if each["in"] == "path" and each["required"]}
        assert in_path == set(re.findall(r"\{(.*?)\}", path))
        assert all(name in schemes for choice in operation["security"] for name in choice)


def test_schemas_are_json_schemas() -> None:
    components = DOCUMENT["components"]["schemas"]
    found = [components]
    for _, _, operation in operations():
        contents = [response.get("content", {}) for response in operation["responses"].values()]
        contents.append(operation.get("requestBody", {}).get("content", {}))
        found += [{"": media["schema"]} for content in contents for media in content.values() if "schema" in media]
        found += [{"": each["schema"]} for each in operation.get("parameters", ())]
    for schema in (inner for each in found for value in each.values() for inner in schemas(value)):
        for keyword, value in schema.items():
            assert isinstance(value, KEYWORDS[keyword]), (keyword, schema)
        assert schema.get("type", "null") in TYPES
        if schema.get("type") == "object":
            assert set(schema.get("required", ())) <= schema.get("properties", {}).keys()
        if "$ref" in schema:
            assert schema["$ref"].removeprefix(PREFIX) in components
