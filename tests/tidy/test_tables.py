"""The tables of what exists are whole: each file that makes something is named in its table (node/tables.py)."""

from __future__ import annotations

import ast
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest
from source import PRODUCT, modules

from momentum_trio.config.option import Options
from momentum_trio.console.command import Command
from momentum_trio.listener.kind import ListenerKind
from momentum_trio.node.schema import DECLARED, GROUPS
from momentum_trio.node.tables import COMMANDS, LISTENERS, MANAGER_COMMANDS

# Classes in delivery/ with an ``attempt`` or ``carry`` that no ``Delivery_Method`` names: the contracts, the answer for
# methods that are not built, and what the option Blackhole asks for.
NO_METHODS = {"Method", "Carrier", "Unbuilt", "Blackholed"}


def loaded(path: Path) -> ModuleType:
    return import_module(".".join(path.relative_to(PRODUCT.parent).with_suffix("").parts))


def test_every_listener_is_in_its_table() -> None:
    kinds = [
        kind
        for path in sorted(PRODUCT.glob("listener/*.py"))
        for kind in vars(loaded(path)).values()
        if isinstance(kind, ListenerKind)
    ]
    assert kinds == list(LISTENERS)  # in the order of their files, none twice
    assert len({kind.key for kind in LISTENERS}) == len({kind.service for kind in LISTENERS}) == len(LISTENERS)


@pytest.mark.parametrize("path", sorted(PRODUCT.glob("node/commands/[a-z]*.py")), ids=lambda path: path.stem)
def test_every_command_is_in_its_table(path: Path) -> None:
    commands = [value for value in vars(loaded(path)).values() if isinstance(value, Command)]
    assert commands, f"{path.name} makes no command"
    for command in commands:
        assert command in (*COMMANDS, *MANAGER_COMMANDS), command.name


@pytest.mark.parametrize("table", [COMMANDS, MANAGER_COMMANDS], ids=["node", "manager"])
def test_no_command_is_there_twice(table: tuple[Command, ...]) -> None:
    names = [command.words for command in table]
    assert len(set(names)) == len(names)


def test_every_delivery_method_is_in_its_table() -> None:
    """A class in delivery/ that can ``attempt`` or ``carry`` is one; ``tables.methods`` makes one of each."""
    made = {
        node.func.id
        for module in modules()
        if module.name == "momentum_trio.node.tables"
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    there = {
        part.name
        for module in modules()
        if module.room == "delivery"
        for part in module.tree.body
        if isinstance(part, ast.ClassDef)
        and {"attempt", "carry"} & {getattr(member, "name", "") for member in part.body}
    }
    assert made & there == there - NO_METHODS
    assert there >= NO_METHODS


@pytest.mark.parametrize("path", sorted(PRODUCT.rglob("*_options.py")), ids=lambda path: path.stem)
def test_every_group_of_options_is_in_the_schema(path: Path) -> None:
    module = loaded(path)
    groups = [
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Options) and value.__module__ == module.__name__
    ]
    assert groups, f"{path.name} declares nothing"
    assert set(groups) <= set(GROUPS)


def test_nothing_is_declared_anywhere_else() -> None:
    """Options stand in files named ``*_options.py``: one-shot tools load those alone."""
    elsewhere = [
        module.name
        for module in modules()
        if not module.path.stem.endswith("_options")
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ClassDef) and "Options" in {ast.unparse(base) for base in node.bases}
    ]
    assert elsewhere == []


def test_no_option_is_declared_twice_for_one_scope() -> None:
    taken: dict[tuple[str, str], str] = {}
    for option in DECLARED:
        for scope in option.scopes:
            assert (scope, option.key) not in taken, f"{option.name} in {scope}"
            taken[scope, option.key] = option.name
