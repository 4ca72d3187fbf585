"""The floors hold: who may import whom (docs/architecture.md)."""

from __future__ import annotations

import ast
import re

import pytest
from source import FLOORS, PRODUCT, Module, modules

MODULES = modules()

# F3 services import each other only here.
SERVICES = {("reception", "spool"), ("reception", "limits"), ("cluster", "msgc"), ("cluster", "limits")}

# What each floor may not import from outside.
OUTSIDE = {
    0: {"trio", "socket", "time", "random", "os", "ssl", "threading", "logging"},
    1: {"trio", "socket", "ssl", "time", "random", "secrets", "os", "threading", "logging"},
}

# The world: nobody but the machine's os_ forms (and the tools) touches it.
WORLD = {
    "asyncio", "fcntl", "io", "logging", "multiprocessing", "os", "pathlib", "pwd", "random", "secrets", "select",
    "shutil", "signal", "socket", "subprocess", "tempfile", "threading", "time", "uuid",
    "trio.Path", "trio.to_thread", "trio.open_file", "trio.run_process", "trio.lowlevel.open_process",
    "trio.socket.from_stdlib_socket", "trio.socket.fromfd", "trio.socket.socketpair",
    "trio.open_signal_receiver", "trio.from_thread",
}  # fmt: skip
SSL_CONTRACT = {"momentum_trio.machine.contract", "momentum_trio.machine.tls_wire"}

POSSESSIVE_GROUP = re.compile(r"(?<!\\\\)\)(?:[*+?]|\{[0-9,]+\})\+")
MUTABLE = {"list", "dict", "set", "deque", "defaultdict", "Counter", "ContextVar"}
MUTATORS = {"append", "add", "clear", "extend", "insert", "pop", "popitem", "remove", "setdefault", "update", "discard"}


@pytest.mark.parametrize("module", MODULES, ids=lambda m: m.name)
def test_imports_stay_on_their_floor(module: Module) -> None:
    wrong = []
    for room, line in module.our_imports():
        floor = FLOORS[room]
        same_room = room == module.room
        options_file = module.path.name.endswith("_options.py")
        allowed = (
            same_room
            or floor < module.floor
            or module.floor == 5
            or (module.room, room) in SERVICES
            or (module.floor == floor == 1)
            or (module.floor == floor == 2)
            or (module.floor == floor == 0)
        )
        if module.floor == 2 and floor == 1 and room == "config":
            allowed = module.room == "log"  # log_options and the formats; the machine itself knows no configuration
        if options_file and floor > 1:
            allowed = False
        if not allowed:
            wrong.append(f"{module.path}:{line}: F{module.floor} {module.room} imports F{floor} {room}")
    assert not wrong, "\n".join(wrong)


PURE = frozenset({"io.IncrementalNewlineDecoder"})
"""Parts of those modules that look at nothing but what they are given."""


@pytest.mark.parametrize("module", MODULES, ids=lambda m: m.name)
def test_the_world_is_reached_through_the_machine_alone(module: Module) -> None:
    if module.touches_world:
        return
    banned = WORLD | OUTSIDE.get(module.floor, set())
    wrong = [
        f"{module.path}:{line}: {name}"
        for name, line in module.imports()
        if (name not in PURE and any(name == b or name.startswith(b + ".") for b in banned))
        or (name.split(".")[0] == "ssl" and module.name not in SSL_CONTRACT)
    ]
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Attribute) and ast.unparse(node) in WORLD:
            wrong.append(f"{module.path}:{node.lineno}: {ast.unparse(node)}")
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("open", "input"):
            wrong.append(f"{module.path}:{node.lineno}: {node.func.id}()")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("module", [m for m in MODULES if m.path.name.endswith("_options.py")], ids=lambda m: m.name)
def test_options_files_need_no_trio(module: Module) -> None:
    assert not [name for name, _ in module.imports() if name.split(".")[0] == "trio"]


@pytest.mark.parametrize("module", MODULES, ids=lambda m: m.name)
def test_hypothesis_and_strategies_stay_out_of_the_product(module: Module) -> None:
    imported = [name for name, _ in module.imports()]
    if module.path.name != "strategies.py":
        assert not [name for name in imported if name.split(".")[0] == "hypothesis" or ".strategies" in name]


@pytest.mark.parametrize("module", MODULES, ids=lambda m: m.name)
def test_nothing_above_the_product_is_imported(module: Module) -> None:
    assert not [name for name, _ in module.imports() if name.split(".")[0] in ("sim", "fuzz", "tests")]


@pytest.mark.parametrize("module", MODULES, ids=lambda m: m.name)
def test_no_module_level_mutable_state(module: Module) -> None:
    """A module-level list, dict or set is a constant table: upper case, and nothing in its module changes it."""
    wrong, tables = [], set()
    for node in module.tree.body:
        if not isinstance(node, ast.Assign | ast.AnnAssign):
            continue
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        value = node.value
        mutable = isinstance(value, ast.List | ast.Dict | ast.Set | ast.ListComp | ast.DictComp | ast.SetComp) or (
            isinstance(value, ast.Call) and ast.unparse(value.func).split(".")[-1] in MUTABLE
        )
        for target in targets:
            name = ast.unparse(target)
            if mutable and name != "__all__":
                tables.add(name)
                if not name.lstrip("_").isupper():
                    wrong.append(f"{module.path}:{node.lineno}: {name} is mutable and not a constant")
    for part in ast.walk(module.tree):
        if isinstance(part, ast.Global):
            wrong.append(f"{module.path}:{part.lineno}: global {', '.join(part.names)}")
        changed = None
        if isinstance(part, ast.Call) and isinstance(part.func, ast.Attribute) and part.func.attr in MUTATORS:
            changed = part.func.value
        elif isinstance(part, ast.Subscript) and isinstance(part.ctx, ast.Store | ast.Del):
            changed = part.value
        if isinstance(changed, ast.Name) and changed.id in tables:
            wrong.append(f"{module.path}: {changed.id} is changed: {ast.unparse(part)}")
    cached = ("functools.cache", "functools.lru_cache")
    wrong += [f"{module.path}:{line}: {name}" for name, line in module.imports() if name in cached]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("module", MODULES, ids=lambda m: m.name)
def test_no_await_inside_an_augmented_assignment(module: Module) -> None:
    """``total += await f()`` reads total before the await and loses what others added."""
    assert not [
        f"{module.path}:{node.lineno}"
        for node in ast.walk(module.tree)
        if isinstance(node, ast.AugAssign) and any(isinstance(part, ast.Await) for part in ast.walk(node.value))
    ]


@pytest.mark.parametrize("module", MODULES, ids=lambda m: m.name)
def test_no_group_is_repeated_possessively(module: Module) -> None:
    """``(...)*+`` goes wrong before CPython 3.11.5 (gh-106052): it keeps what a failed round has eaten."""
    texts = [node.value for node in ast.walk(module.tree) if isinstance(node, ast.Constant)]
    assert not [text for text in texts if isinstance(text, str | bytes) and POSSESSIVE_GROUP.search(repr(text))]


def test_files_have_the_name_of_a_concept() -> None:
    assert not [p for p in PRODUCT.rglob("*.py") if p.stem in ("utils", "helpers", "misc", "common", "base", "manager")]


def test_every_room_has_its_floor() -> None:
    rooms = {path.name for path in PRODUCT.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert rooms <= set(FLOORS)
