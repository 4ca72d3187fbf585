"""The modules that a configuration names, loaded: all of them, or a sentence with its place for each that cannot be.

A module is read, compiled and run as one file, in a worker: it may import what is installed, but is in no package, and
is not in ``sys.modules`` afterwards, so that generations (and simulated hosts) do not meet in it. Whoever can write the
file is whom the host runs code of: so nobody else may (SECURITY.md).
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial
from types import FunctionType, ModuleType

from momentum_trio.config.chain import Chain
from momentum_trio.config.value import Setting
from momentum_trio.machine import Machine
from momentum_trio.machine.disk import FileKind, Stat
from momentum_trio.machine.whole_file import read_file
from momentum_trio.reception.policy.phase import ARGUMENTS, PolicyPhase
from momentum_trio.reception.policy.plugin import Hook, Plugin, place_of
from momentum_trio.reception.policy_options import PolicyOptions

MODULE_OCTETS_MAX = 1024 * 1024
CONFIGURE = "configure"
_OTHERS_WRITE, _STICKY = 0o022, 0o1000  # others are the group, too
_PHASES = {phase.value: phase for phase in PolicyPhase}


class Unusable(Exception):
    """A module that cannot be a policy. Its text says why, and where in it."""


@dataclass(frozen=True, slots=True)
class Named:
    """A ``policy`` scope. chain: that answers for its options. at: where it stands, for what is said of it."""

    name: str
    chain: Chain
    at: str

    def say(self, problem: str) -> str:
        """*problem* of its module, with its place."""
        setting: Setting | None = self.chain.find(PolicyOptions.module.key, PolicyOptions.module.scopes)
        return f"{setting.at if setting is not None else self.at}: {PolicyOptions.module.name}: {problem}"


@dataclass(frozen=True, slots=True)
class Loaded:
    """What came of it. plugins: in the order of the text; problems: a sentence each, and then nothing holds."""

    plugins: tuple[Plugin, ...] = ()
    problems: tuple[str, ...] = ()


async def load(machine: Machine, named: Sequence[Named], running: Sequence[Plugin] = ()) -> Loaded:
    """The modules of *named*. running: those of before; one that is the same stays, with what it remembers.

    Raises: nothing for what files or modules do. Cancellation: waits for a module that is being run.
    """
    plugins, problems = [], []
    for each in named:
        try:
            plugins.append(await _loaded(machine, each, running))
        except Unusable as fault:
            problems.append(each.say(str(fault)))
    return Loaded(tuple(plugins), tuple(problems))


async def _loaded(machine: Machine, named: Named, running: Sequence[Plugin]) -> Plugin:
    options = PolicyOptions.resolve(named.chain)
    path = options.module
    octets = await _read(machine, path)
    for known in running:
        if known.name == named.name and known.is_of(path, octets, options.timeout, options.arguments):
            return known
    run = partial(_run, named.name, path, octets, dict(options.arguments))
    hooks = await machine.work.run(run)
    return Plugin(machine, named.name, path, octets, options.timeout, options.arguments, hooks)


# the file


async def _read(machine: Machine, path: str) -> bytes:
    if not path.startswith("/"):
        raise Unusable("expected the absolute path of a Python file")
    try:
        await _check_writers(machine, path)
        octets = await read_file(machine.disk, path, MODULE_OCTETS_MAX + 1)
    except OSError as fault:
        raise Unusable(f"{path}: {fault.strerror or fault}") from fault
    if len(octets) > MODULE_OCTETS_MAX:
        raise Unusable(f"{path}: larger than {MODULE_OCTETS_MAX} octets")
    return octets


async def _check_writers(machine: Machine, path: str) -> None:
    """The file, and every folder on the way to it: nobody but root and ourselves may put something else there."""
    parts = path.split("/")
    if ".." in parts:
        raise Unusable(f"{path}: a path without '..' is wanted")
    for depth in range(1, len(parts) + 1):
        each, is_folder = "/".join(parts[:depth]) or "/", depth < len(parts)
        facts = (await machine.disk.perform([Stat(each, follow=False)]))[0]
        if facts.kind is not (FileKind.DIRECTORY if is_folder else FileKind.FILE):
            what = "folder" if is_folder else "plain file"
            raise Unusable(f"{each} is no {what} itself: a path without symbolic links is wanted")
        shared = facts.mode & _OTHERS_WRITE and not (is_folder and facts.mode & _STICKY)
        if shared or facts.owner not in (0, machine.process.uid):
            raise Unusable(f"{each} can be written by others: whoever can has code of his run here")


# the module; what follows is run in a worker


def _run(name: str, path: str, octets: bytes, arguments: dict[str, str]) -> dict[PolicyPhase, Hook]:
    """Run the module and return its hooks. Raises Unusable."""
    module = ModuleType(f"momentum_policy_{name}")
    module.__file__ = path
    sys.modules[module.__name__] = module  # dataclasses look for the module of their class there
    try:
        exec(compile(octets, path, "exec", dont_inherit=True), module.__dict__)
        hooks = dict(_hooks(module, path))
        _configure(module, arguments)
    except Unusable:
        raise
    except (Exception, SystemExit) as fault:
        raise Unusable(f"{place_of(fault, path)}: {type(fault).__name__}: {_first_line(fault)}") from fault
    finally:
        sys.modules.pop(module.__name__, None)
    if not hooks:
        raise Unusable(f"{path}: no function of it has the name of a phase ({', '.join(_PHASES)})")
    return hooks


def _hooks(module: ModuleType, path: str) -> Iterator[tuple[PolicyPhase, Hook]]:
    for name, member in vars(module).items():
        if not isinstance(member, FunctionType) or name.startswith("_") or member.__module__ != module.__name__:
            continue
        place, phase = f"{path}:{member.__code__.co_firstlineno}", _PHASES.get(name)
        if phase is not None:
            _check_signature(phase, member, place)
            yield phase, member
        elif inspect.iscoroutinefunction(member):
            near = get_close_matches(name, _PHASES, 1)
            hint = f"did you mean {near[0]}?" if near else "the name of a function for something else begins with '_'"
            raise Unusable(f"{place}: there is no phase {name} ({hint})")


def _check_signature(phase: PolicyPhase, member: FunctionType, place: str) -> None:
    known = ARGUMENTS[phase]
    if not inspect.iscoroutinefunction(member):
        raise Unusable(f"{place}: {phase.value} has to be 'async def'")
    try:
        inspect.signature(member).bind(*known)
    except TypeError:
        raise Unusable(f"{place}: expected {phase.value}({', '.join(known)})") from None


def _configure(module: ModuleType, arguments: dict[str, str]) -> None:
    configure = getattr(module, CONFIGURE, None)
    if configure is None:
        if arguments:
            raise Unusable(f"{module.__file__}: arguments are set, and it has no function {CONFIGURE}(arguments)")
        return
    configure(arguments)


def _first_line(fault: BaseException) -> str:
    return str(fault).partition("\n")[0][:200]
