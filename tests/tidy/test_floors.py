"""The floors hold: who may import whom (docs/architecture.md)."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator

import pytest
from source import FLOORS, PRODUCT, Module, modules

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
PURE = {"io.IncrementalNewlineDecoder"}  # parts of those that look at nothing but what they are given
WORLD_LAST = {name.rpartition(".")[2] for name in WORLD if "." in name}
SSL_CONTRACT = {"momentum_trio.machine.contract", "momentum_trio.machine.tls_wire"}

POSSESSIVE_GROUP = re.compile(r"(?<!\\\\)\)(?:[*+?]|\{[0-9,]+\})\+")
MUTABLE = {"list", "dict", "set", "deque", "defaultdict", "Counter", "ContextVar"}
MUTATORS = {"append", "add", "clear", "extend", "insert", "pop", "popitem", "remove", "setdefault", "update", "discard"}


def floors(module: Module) -> Iterator[str]:
    """Imports stay on their floor."""
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
            yield f"{module.path}:{line}: F{module.floor} {module.room} imports F{floor} {room}"


def the_world(module: Module) -> Iterator[str]:
    """The world is reached through the machine alone."""
    if module.touches_world:
        return
    banned = WORLD | OUTSIDE.get(module.floor, set())
    for name, line in module.imports:
        is_banned = name not in PURE and any(name == each or name.startswith(each + ".") for each in banned)
        if is_banned or (name.split(".")[0] == "ssl" and module.name not in SSL_CONTRACT):
            yield f"{module.path}:{line}: {name}"
    for node in module.nodes:
        if isinstance(node, ast.Attribute) and node.attr in WORLD_LAST and ast.unparse(node) in WORLD:
            yield f"{module.path}:{node.lineno}: {ast.unparse(node)}"
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("open", "input"):
            yield f"{module.path}:{node.lineno}: {node.func.id}()"


def options_without_trio(module: Module) -> Iterator[str]:
    """Files of options need no trio."""
    if module.path.name.endswith("_options.py"):
        yield from named(module, lambda name: name.split(".")[0] == "trio")


def no_hypothesis(module: Module) -> Iterator[str]:
    """Hypothesis and strategies stay out of the product."""
    if module.path.name != "strategies.py":
        yield from named(module, lambda name: name.split(".")[0] == "hypothesis" or ".strategies" in name)


def nothing_above(module: Module) -> Iterator[str]:
    """Nothing above the product is imported."""
    yield from named(module, lambda name: name.split(".")[0] in ("sim", "fuzz", "tests"))


def named(module: Module, is_wrong: Callable[[str], bool]) -> Iterator[str]:
    """The imports whose name is wrong."""
    return (f"{module.path}:{line}: {name}" for name, line in module.imports if is_wrong(name))


def no_mutable_state(module: Module) -> Iterator[str]:
    """A module-level list, dict or set is a constant table: upper case, and nothing in its module changes it."""
    tables = set()
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
                    yield f"{module.path}:{node.lineno}: {name} is mutable and not a constant"
    for part in module.nodes:
        if isinstance(part, ast.Global):
            yield f"{module.path}:{part.lineno}: global {', '.join(part.names)}"
        changed = None
        if isinstance(part, ast.Call) and isinstance(part.func, ast.Attribute) and part.func.attr in MUTATORS:
            changed = part.func.value
        elif isinstance(part, ast.Subscript) and isinstance(part.ctx, ast.Store | ast.Del):
            changed = part.value
        if isinstance(changed, ast.Name) and changed.id in tables:
            yield f"{module.path}: {changed.id} is changed: {ast.unparse(part)}"
    yield from named(module, lambda name: name in ("functools.cache", "functools.lru_cache"))


def no_await_in_augmented_assignments(module: Module) -> Iterator[str]:
    """``total += await f()`` reads total before the await and loses what others added."""
    for node in module.nodes:
        if isinstance(node, ast.AugAssign) and any(isinstance(part, ast.Await) for part in ast.walk(node.value)):
            yield f"{module.path}:{node.lineno}"


def no_group_repeated_possessively(module: Module) -> Iterator[str]:
    """``(...)*+`` goes wrong before CPython 3.11.5 (gh-106052): it keeps what a failed round has eaten."""
    for node in module.nodes:
        match node:
            case ast.Constant(value=str() | bytes() as text) if POSSESSIVE_GROUP.search(repr(text)):
                yield f"{module.path}:{node.lineno}: {text!r}"


RULES = (
    floors, the_world, options_without_trio, no_hypothesis, nothing_above, no_mutable_state,
    no_await_in_augmented_assignments, no_group_repeated_possessively,
)  # fmt: skip


@pytest.fixture(scope="module")
def wrong() -> dict[str, list[str]]:
    """What breaks each rule; all rules look at a module at once, so that one tree is there at a time."""
    found: dict[str, list[str]] = {rule.__name__: [] for rule in RULES}
    for module in modules():
        for rule in RULES:
            found[rule.__name__] += rule(module)
    return found


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_every_module_keeps(rule: Callable[[Module], Iterator[str]], wrong: dict[str, list[str]]) -> None:
    assert not wrong[rule.__name__], "\n".join(wrong[rule.__name__])


def test_files_have_the_name_of_a_concept() -> None:
    assert not [p for p in PRODUCT.rglob("*.py") if p.stem in ("utils", "helpers", "misc", "common", "base", "manager")]


def test_every_room_has_its_floor() -> None:
    rooms = {path.name for path in PRODUCT.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert rooms <= set(FLOORS)
