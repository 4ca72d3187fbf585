"""The guard: while a world runs, nothing of the real one gets in or out unnoticed.

Clocks and entropy of the standard library are replaced by the simulated ones (``stand_ins``, which says what escapes
that); threads, real sockets, files opened for writing and child processes are escapes. An ``Escape`` derives from
BaseException, so that no ``except Exception`` hides it, and is remembered, so that nothing else does: ``World.run``
raises it before anything else. Not watched: reading real files, facts about the real process (its id, environment,
working directory), what C code does without an audit event. Only the thread that entered the guard is watched.
"""

from __future__ import annotations

import gc
import os
import random
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, NoReturn

from . import schedule
from .host import life_or_none
from .kernel import Kernel
from .stand_ins import StandIns
from .tls import seeded_openssl

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

# The audit events of the real world (Python's "Audit events table").
_FORBIDDEN = frozenset(
    f"{module}.{name}"
    for module, names in {
        "socket": "connect bind sendto sendmsg gethostname gethostbyname gethostbyaddr",
        "os": "system exec fork forkpty posix_spawn spawn kill killpg rename remove rmdir mkdir link symlink truncate "
        "chmod chown utime setxattr removexattr",
        "shutil": "copyfile move rmtree",
        "tempfile": "mkstemp mkdtemp",
        "subprocess": "Popen",
        "_thread": "start_new_thread start_joinable_thread",  # since Python 3.12; Thread.start is replaced too
        "time": "sleep",  # since Python 3.13
        "sqlite3": "connect",
        "syslog": "syslog",
    }.items()
    for name in names.split()
)


class Escape(BaseException):
    """Code under simulation reached for the real world."""


class Guard:
    """What is forbidden and replaced during one run."""

    def __init__(self, kernel: Kernel, epoch: float) -> None:
        self.escapes: list[Escape] = []
        self._kernel = kernel
        self._epoch = epoch
        self._thread = threading.get_ident()

    def escape(self, what: str) -> NoReturn:
        """Remember an escape and raise it."""
        error = Escape(f"{life_or_none() or 'no host'} reached for the real world: {what}")
        self.escapes.append(error)
        raise error

    def watch(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Called for every audit event while this guard is active."""
        if event == "open":
            self._watch_open(arguments)
        elif event in _FORBIDDEN and threading.get_ident() == self._thread:
            self.escape(f"{event} {arguments[:2]!r}")

    def _watch_open(self, arguments: tuple[Any, ...]) -> None:
        path, mode, flags = arguments
        if isinstance(path, int) or threading.get_ident() != self._thread:
            return
        if (isinstance(mode, str) and set(mode) & set("wax+")) or (isinstance(flags, int) and flags & _WRITING):
            self.escape(f"open {path!r} for writing")

    @contextmanager
    def active(self) -> Iterator[Guard]:
        """Guard the block. Blocks do not nest."""
        assert _HOOK.guard is None, "a world runs inside another"
        with ExitStack() as undo:
            undo.enter_context(schedule.no_worker_threads(lambda what: self.escape(what)))
            undo.enter_context(seeded_openssl(self._kernel, life_or_none))
            undo.callback(random.setstate, random.getstate())
            random.seed(self._kernel.rng("module random").getrandbits(64))
            undo.enter_context(_STAND_INS.in_place(self))
            undo.callback(setattr, sys, "dont_write_bytecode", sys.dont_write_bytecode)
            sys.dont_write_bytecode = True
            if gc.isenabled():  # no finaliser at a place that depends on what ran before
                gc.disable()
                undo.callback(gc.enable)
            _HOOK.install()
            _HOOK.guard = self
            try:
                yield self
            finally:
                _HOOK.guard = None

    # -- what the stand-ins give

    def wall(self) -> float:
        """The wall clock of the host that asks."""
        life = life_or_none()
        return life.host.wall() if life is not None else self._epoch + self._kernel.now

    def now(self) -> float:
        """Virtual time."""
        return self._kernel.now

    def host_name(self) -> str:
        """The name of the host that asks."""
        life = life_or_none()
        return life.host.name if life is not None else self.escape("socket.gethostname()")

    def octets(self, count: int) -> bytes:
        """Seeded, a stream for each life."""
        return self._kernel.rng(f"urandom/{life_or_none() or '-'}").randbytes(count)


class _Hook:
    """The audit hook, of which a process gets one: Python cannot remove it, so it consults ``guard``."""

    def __init__(self) -> None:
        self.guard: Guard | None = None
        self._installed = False

    def install(self) -> None:
        if not self._installed:
            self._installed = True
            sys.addaudithook(self._audit)

    def _audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.guard is not None:
            self.guard.watch(event, arguments)


@contextmanager
def unwatched() -> Iterator[None]:
    """The block may write real files: it belongs to who looks on, and nothing of the run depends on it."""
    guard, _HOOK.guard = _HOOK.guard, None
    try:
        yield
    finally:
        _HOOK.guard = guard


_HOOK = _Hook()
_STAND_INS = StandIns()
