"""The guard: while a world runs, nothing of the real one gets in or out unnoticed.

Wall clock and randomness of the standard library are replaced by the simulated ones; threads, real sockets, files
opened for writing and child processes are escapes. An ``Escape`` derives from BaseException, so that no
``except Exception`` hides it, and is remembered, so that nothing else does. Limits: a name imported earlier as
``from time import time`` escapes the replacement, ``datetime.now()`` is C code, and reading real files is allowed.
Only the thread that entered the guard is watched.
"""

from __future__ import annotations

import gc
import os
import random
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, NoReturn

from . import schedule
from .host import life_or_none
from .kernel import Kernel
from .tls import seeded_openssl

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

_FORBIDDEN = frozenset(
    {
        *(f"socket.{name}" for name in ("connect", "bind", "sendto", "sendmsg", "gethostbyname", "gethostbyaddr")),
        *(f"os.{name}" for name in ("system", "exec", "fork", "forkpty", "posix_spawn", "spawn")),
        *(
            f"os.{name}"
            for name in ("rename", "remove", "rmdir", "mkdir", "link", "symlink", "truncate", "chmod", "chown")
        ),
        *(
            "subprocess.Popen",
            "_thread.start_new_thread",
        ),  # the latter from Python 3.12 on; Thread.start is replaced too
        *("shutil.copyfile", "shutil.move", "shutil.rmtree", "tempfile.mkstemp", "tempfile.mkdtemp"),
    }
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
            for module, name, replacement in self._replacements():
                undo.callback(setattr, module, name, getattr(module, name))
                setattr(module, name, self._for_this_thread(getattr(module, name), replacement))
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

    def _replacements(self) -> list[tuple[Any, str, Callable[..., Any]]]:
        now, wall = self._kernel.current_time, self._wall
        gmtime, localtime, ctime, strftime = time.gmtime, time.localtime, time.ctime, time.strftime
        return [
            (time, "time", wall),
            (time, "time_ns", lambda: round(wall() * 1e9)),
            *((time, name, now) for name in ("monotonic", "perf_counter", "process_time", "thread_time")),
            *(
                (time, f"{name}_ns", lambda: round(now() * 1e9))
                for name in ("monotonic", "perf_counter", "process_time")
            ),
            (time, "gmtime", lambda seconds=None: gmtime(wall() if seconds is None else seconds)),
            (time, "localtime", lambda seconds=None: localtime(wall() if seconds is None else seconds)),
            (time, "ctime", lambda seconds=None: ctime(wall() if seconds is None else seconds)),
            (time, "strftime", lambda form, when=None: strftime(form, localtime(wall()) if when is None else when)),
            (time, "sleep", lambda seconds: self.escape(f"time.sleep({seconds!r})")),
            (threading.Thread, "start", lambda thread: self.escape(f"start of {thread.name}")),
            (os, "urandom", self._octets),
            (random, "_urandom", self._octets),
        ]

    def _for_this_thread(self, real: Callable[..., Any], replacement: Callable[..., Any]) -> Callable[..., Any]:
        def chosen(*arguments: Any, **keywords: Any) -> Any:
            chosen_function = replacement if threading.get_ident() == self._thread else real
            return chosen_function(*arguments, **keywords)

        return chosen

    def _wall(self) -> float:
        life = life_or_none()
        return life.host.wall() if life is not None else self._epoch + self._kernel.current_time()

    def _octets(self, count: int) -> bytes:
        life = life_or_none()
        return self._kernel.rng(f"urandom/{life or '-'}").randbytes(count)


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


_HOOK = _Hook()
