"""The keys that sign, read from their files when they are first needed and looked at again from time to time."""

from __future__ import annotations

from dataclasses import dataclass

import trio

from momentum_trio.delivery.cache_counts import CacheCounts
from momentum_trio.machine import Machine
from momentum_trio.machine.disk import FileFacts, FileKind, Stat
from momentum_trio.machine.whole_file import read_file
from momentum_trio.mail.record import Level, Panic
from momentum_trio.protocol.dkim.key import RSA_BITS_ADVISED, Key

KEY_FILE_OCTETS_MAX = 64 * 1024
_FOR_OTHERS = 0o007


@dataclass(frozen=True, slots=True)
class Missing:
    """There is no key. why: for people, with the path."""

    why: str


@dataclass(frozen=True, slots=True)
class _Held:
    """What is known of one file. facts: of the file when it was read; fault: said of it last, empty when it is good."""

    key: Key | None
    facts: FileFacts | None
    fault: str
    looked_at: float


class Keys:
    """Private keys by the path of their files. A key that was replaced is taken without a restart.

    A file that turned bad or went away does not take the place of the key that was in it; the paniclog says so, once.
    counts: of ``key``; a file that is looked at again is a miss.
    """

    __slots__ = ("_held", "_machine", "_turn", "counts")

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._held: dict[tuple[str, str], _Held] = {}  # by path and algorithm; the one asked for last is the last
        self._turn = trio.Lock()
        self.counts = CacheCounts()

    def __len__(self) -> int:
        return len(self._held)

    async def key(
        self, path: str, algorithm: str, kept_seconds: float, missing_seconds: float, keys_max: int
    ) -> Key | Missing:
        """The key in the file *path*; looked at again *kept_seconds* later, or *missing_seconds* when there was none.

        algorithm: a word of Algorithm that it has to be for; empty: any. keys_max: the bound of what is held, keys and
        knowledge of missing ones.
        """
        place = path, algorithm
        held = self._held.pop(place, None)
        if held is not None:
            self._held[place] = held
        if held is None or trio.current_time() - held.looked_at >= (kept_seconds if held.key else missing_seconds):
            self.counts.misses += 1
            async with self._turn:
                known = self._held.get(place)
                if known is None or known is held:  # nobody has looked meanwhile
                    known = self._held[place] = await self._look(path, algorithm, held)
                    self.counts.stores += 1
                held = known
            while len(self._held) > keys_max:
                del self._held[next(iter(self._held))]
                self.counts.displaced += 1
        else:
            self.counts.hits += 1
        return held.key if held.key is not None else Missing(f"key {path}: {held.fault}")

    async def _look(self, path: str, algorithm: str, held: _Held | None) -> _Held:
        known = None if held is None else held.key
        now = trio.current_time()
        try:
            (facts,) = await self._machine.disk.perform([Stat(path)])
            if held is not None and facts == held.facts:
                return _Held(known, facts, held.fault, now)
            key = Key.parse(await self._read(path, facts))
            if algorithm not in ("", key.algorithm.value):
                raise ValueError(f"it is for {key.algorithm.value}, not for {algorithm}")
        except (OSError, ValueError) as error:
            fault = (error.strerror if isinstance(error, OSError) else None) or str(error)
            if held is None or fault != held.fault:
                self._say(Level.ERROR, f"{path}: {fault}" + ("; the key read before stays in use" if known else ""))
            return _Held(known, None, fault, now)
        if facts.mode & _FOR_OTHERS:
            self._say(Level.WARNING, f"{path}: others may use this file (mode {facts.mode:04o})")
        if key.is_short:
            self._say(Level.WARNING, f"{path}: {key.bits} bits; {RSA_BITS_ADVISED} are advised (RFC 8301)")
        return _Held(key, facts, "", now)

    async def _read(self, path: str, facts: FileFacts) -> bytes:
        if facts.kind is not FileKind.FILE or facts.size > KEY_FILE_OCTETS_MAX:
            raise ValueError(f"it is not a file of at most {KEY_FILE_OCTETS_MAX} octets")
        return await read_file(self._machine.disk, path, KEY_FILE_OCTETS_MAX)

    def _say(self, level: Level, text: str) -> None:
        self._machine.events.publish(Panic(self._machine.clock.now(), level, f"DKIM key {text}"))
