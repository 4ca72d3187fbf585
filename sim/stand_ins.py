"""What takes the place of the standard library's clocks, entropy and host name while a world runs.

A name is replaced wherever a module holds it: ``time.time``, and ``time`` in a module that did ``from time import
time`` long before. The places are looked for once in each module; a world swaps those found and puts them back. In
other threads, and after the run, a stand-in does what the real thing does.

What still escapes: a real function kept elsewhere than under a module's name (default arguments, class attributes,
closures, ``functools.partial``, bound methods such as ``now = datetime.now``, subclasses of ``datetime`` made outside
a run), or put under one after the module was looked at; what C code reads by itself (OpenSSL, certificates' validity).
The time zone is the real machine's. While a world runs, ``datetime.datetime`` is a class whose instances are the real
one's: ``isinstance`` and subclasses hold, but ``type(value) is datetime`` and ``pickle`` do not.
"""

from __future__ import annotations

import datetime as dt
import os
import random
import socket
import ssl
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any, NoReturn, Protocol

from cryptography.x509.verification import PolicyBuilder

SEED_OCTETS = 32

PolicyBuilder().time(dt.datetime(2020, 1, 1, tzinfo=dt.UTC))  # it keeps the class it meets first


class Sources(Protocol):
    """Where the stand-ins get what they give."""

    def wall(self) -> float:
        """Unix seconds."""
        ...

    def now(self) -> float:
        """Seconds of a clock that is never set."""
        ...

    def octets(self, count: int) -> bytes:
        """Entropy."""
        ...

    def host_name(self) -> str:
        """The name of the host that asks."""
        ...

    def escape(self, what: str) -> NoReturn:
        """Somebody asked for what no stand-in can give."""
        ...


class StandIns:
    """The stand-ins of this process; active for one thread at a time."""

    def __init__(self) -> None:
        self._sources: Sources | None = None
        self._thread = 0
        pairs = [*self._clocks(), *self._entropy(), *self._dates()]
        pairs.append(self._function(socket.gethostname, lambda sources: sources.host_name()))
        self._by_real = {id(real): (real, stand_in) for real, stand_in in pairs}
        self._by_stand_in = {id(stand_in): real for real, stand_in in pairs}
        self._seen: dict[str, ModuleType] = {}
        self._places: list[tuple[dict[str, Any], str, object, object]] = []

    @contextmanager
    def in_place(self, sources: Sources) -> Iterator[None]:
        """For the block, and in this thread, time and entropy come from *sources*."""
        self._look_at_new_modules()
        methods = self._methods()
        self._sources, self._thread = sources, threading.get_ident()
        for names, name, real, stand_in in self._places:
            if names.get(name) is real:
                names[name] = stand_in
        for owner, name, _, stand_in in methods:
            setattr(owner, name, stand_in)
        try:
            yield
        finally:
            for owner, name, real, _ in methods:
                setattr(owner, name, real)
            for names, name, real, stand_in in self._places:
                if names.get(name) is stand_in:
                    names[name] = real
            for _, module in self._new_modules():  # imported meanwhile
                names = vars(module)
                for name, value in list(names.items()):
                    if id(value) in self._by_stand_in:
                        names[name] = self._by_stand_in[id(value)]
            self._sources = None

    def _new_modules(self) -> list[tuple[str, ModuleType]]:
        seen = self._seen
        return [
            (name, module)
            for name, module in list(sys.modules.items())
            if seen.get(name) is not module and type(module) is ModuleType
        ]

    def _look_at_new_modules(self) -> None:
        for key, module in self._new_modules():
            self._seen[key] = module
            names = vars(module)
            for name, value in list(names.items()):
                if id(value) in self._by_real:
                    self._places.append((names, name, *self._by_real[id(value)]))

    # -- what stands in for what

    def _here(self) -> Sources | None:
        """The sources, if this is the thread of a running world."""
        return self._sources if threading.get_ident() == self._thread else None

    def _function(self, real: Callable[..., Any], replacement: Callable[..., Any]) -> tuple[object, object]:
        def stand_in(*arguments: Any, **keywords: Any) -> Any:
            sources = self._here()
            return real(*arguments, **keywords) if sources is None else replacement(sources, *arguments, **keywords)

        return real, stand_in

    def _clocks(self) -> Iterator[tuple[object, object]]:
        localtime, asctime, strftime = time.localtime, time.asctime, time.strftime

        def clock(sources: Sources, number: int) -> float:
            return sources.wall() if number == time.CLOCK_REALTIME else sources.now()

        yield self._function(time.time, lambda sources: sources.wall())
        yield self._function(time.time_ns, lambda sources: round(sources.wall() * 1e9))
        yield self._function(time.clock_gettime, clock)
        yield self._function(time.clock_gettime_ns, lambda sources, number: round(clock(sources, number) * 1e9))
        for name in ("monotonic", "perf_counter", "process_time", "thread_time"):
            yield self._function(getattr(time, name), lambda sources: sources.now())
            yield self._function(getattr(time, f"{name}_ns"), lambda sources: round(sources.now() * 1e9))
        for real in (time.gmtime, localtime, time.ctime):
            yield self._function(real, self._from_wall(real))
        yield self._function(asctime, lambda sources, when=None: asctime(when or localtime(sources.wall())))
        yield self._function(
            strftime, lambda sources, form, when=None: strftime(form, when or localtime(sources.wall()))
        )
        yield self._function(time.sleep, lambda sources, seconds: sources.escape(f"time.sleep({seconds!r})"))

    @staticmethod
    def _from_wall(real: Callable[[float], Any]) -> Callable[..., Any]:
        return lambda sources, seconds=None: real(sources.wall() if seconds is None else seconds)

    def _entropy(self) -> Iterator[tuple[object, object]]:
        yield self._function(os.urandom, lambda sources, count: sources.octets(count))
        yield self._function(os.getrandom, lambda sources, count, flags=0: sources.octets(count))
        seed = random.seed

        def reseed(sources: Sources, given: Any = None, version: int = 2) -> None:
            seed(_seed_from(sources) if given is None else given, version)

        yield self._function(seed, reseed)
        yield self._function(ssl.RAND_bytes, lambda sources, count: sources.octets(count))
        yield self._function(uuid.uuid1, lambda sources, *given: sources.escape("uuid.uuid1()"))
        yield self._function(uuid.getnode, lambda sources: sources.escape("uuid.getnode()"))

    def _methods(self) -> list[tuple[type, str, object, object]]:
        """Methods of classes, which no module holds by name."""
        seed, start = random.Random.seed, threading.Thread.start

        def seeded(sources: Sources, stream: random.Random, given: Any = None, version: int = 2) -> None:
            seed(stream, _seed_from(sources) if given is None else given, version)

        def started(sources: Sources, thread: threading.Thread) -> NoReturn:
            sources.escape(f"start of {thread.name}")

        return [
            (random.Random, "seed", *self._function(seed, seeded)),
            (threading.Thread, "start", *self._function(start, started)),
        ]

    def _dates(self) -> Iterator[tuple[object, object]]:
        here = self._here

        def now(cls: Any, tz: dt.tzinfo | None = None) -> Any:
            sources = here()
            if sources is None:
                return super(datetime, cls).now(tz)  # type: ignore[misc]
            return cls.fromtimestamp(sources.wall(), tz)

        def utcnow(cls: Any) -> Any:
            return cls.now(dt.UTC).replace(tzinfo=None)

        def today(cls: Any) -> Any:
            sources = here()
            if sources is None:
                return super(date, cls).today()  # type: ignore[misc]
            return cls.fromtimestamp(sources.wall())

        datetime = _virtual(dt.datetime, now=now, utcnow=utcnow, today=now)
        date = _virtual(dt.date, today=today)
        yield dt.datetime, datetime
        yield dt.date, date


def _seed_from(sources: Sources) -> int:
    return int.from_bytes(sources.octets(SEED_OCTETS), "big")


def _virtual(real: Any, **class_methods: Callable[..., Any]) -> Any:
    """A class that stands in for *real*: what it makes are real instances, and those and subclasses are its own."""

    class Meta(type):
        def __instancecheck__(cls, instance: object) -> bool:
            return isinstance(instance, real) if cls is virtual else super().__instancecheck__(instance)

        def __subclasscheck__(cls, other: type) -> bool:
            return issubclass(other, real) if cls is virtual else super().__subclasscheck__(other)

    def new(cls: type, *arguments: Any, **keywords: Any) -> Any:
        return real.__new__(real if cls is virtual else cls, *arguments, **keywords)

    names = {name: classmethod(method) for name, method in class_methods.items()}
    virtual: Any = Meta(
        real.__name__,
        (real,),
        {**names, "__new__": new, "__module__": real.__module__, "__qualname__": real.__qualname__},
    )
    return virtual
