"""A folder of things that are kept, a file each: read when they are used, replaced whole.

One host has the folder. Whatever happens, a crash between any two steps too, a file is what it was or what it was to
be. Files that are none of ours, or not whole, stop nothing: they are left alone, or set aside under another name, and
the paniclog says so.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final, Generic, TypeVar

import msgspec
import trio

from momentum_trio.machine import Machine
from momentum_trio.machine.disk import (
    Confined,
    ListDirectory,
    Rename,
    SyncDirectory,
    Unlink,
    make_durable_directory,
)
from momentum_trio.machine.whole_file import NEW, read_file, replace_file
from momentum_trio.mail.record import Level, Panic
from momentum_trio.protocol.injection.stored_name import is_id
from momentum_trio.stored.form import AROUND_OCTETS, HEAD_OCTETS_MAX, TOP_OCTETS, head_of, octets_of, parts_of, seed_of

H = TypeVar("H")
B = TypeVar("B")

SUFFIX: Final = ".kept"
"""Of the name of a file, behind the id of what is in it."""
DAMAGED: Final = ".damaged"
"""Behind all that, where it was set aside."""
NAMES_SHOWN: Final = 3

_NO_FILE: Final = frozenset((errno.ELOOP, errno.EISDIR))  # a link, or a folder


class StoreFault(Exception):
    """The disk failed, in words. What was to be changed is what it was or what it was to be."""


class Unkept(Enum):
    """Why a thing is not kept. THERE: one with its id is; GONE: none is; FULL: too many are; LARGE: it is too large."""

    THERE = "there"
    GONE = "gone"
    FULL = "full"
    LARGE = "large"


class _Damaged(Exception):
    """What a file holds is not what was kept in it."""


@dataclass(frozen=True, slots=True)
class Sort(Generic[H, B]):
    """What is kept on a shelf. name: ``template``. head, body: the types of its two parts.

    things_max: how many. octets_max: of the body of one, as JSON.
    """

    name: str
    head: msgspec.json.Decoder[H]
    body: msgspec.json.Decoder[B]
    things_max: int
    octets_max: int


class Shelf(Generic[H, B]):
    """Things of one sort in *folder*, which is made when the first is kept. What cannot be an id is that of none.

    Everything raises StoreFault. Cancellation: what was to be changed is what it was or what it was to be, whole.
    """

    def __init__(self, machine: Machine, folder: str, sort: Sort[H, B]) -> None:
        self._machine, self._folder, self.sort = machine, folder, sort
        self._disk = Confined(machine.disk, folder)
        self._turn = trio.Lock()  # of who changes something
        self._is_made = self._is_looked_through = self._is_sick = False

    async def ids(self) -> list[str]:
        """Of all things, in order."""
        with self._faults():
            return sorted(await self._ids())

    async def head(self, kept_id: str) -> H | None:
        """The head of one thing; None: it is not there."""
        with self._faults():
            try:
                return await self._head(kept_id)
            except _Damaged:
                async with self._turn:
                    kept = await self._sound(kept_id)
                return None if kept is None else kept[0]

    async def get(self, kept_id: str) -> tuple[H, B] | None:
        """One thing, whole; None: it is not there."""
        with self._faults():
            try:
                return await self._kept(kept_id)
            except _Damaged:
                async with self._turn:
                    return await self._sound(kept_id)

    async def create(self, kept_id: str, kept: tuple[H, B]) -> H | Unkept:
        """Keep a thing that is not there yet; its head, once it outlives a crash. Else why it is not kept."""
        async with self._turn:
            with self._faults():
                await self._make()
                ids = await self._ids()
                if kept_id in ids and await self._sound(kept_id) is not None:
                    return Unkept.THERE
                if kept_id not in ids and len(ids) >= self.sort.things_max:
                    return Unkept.FULL
                return await self._write(kept_id, kept)

    async def change(self, kept_id: str, into: Callable[[tuple[H, B]], tuple[H, B]]) -> H | Unkept:
        """Let a thing be what *into* makes of it; its head, once that outlives a crash. Else why it stays as it was.

        Raises what *into* raises.
        """
        async with self._turn:
            with self._faults():
                held = await self._sound(kept_id)
                return Unkept.GONE if held is None else await self._write(kept_id, into(held))

    async def remove(self, kept_id: str) -> Unkept | None:
        """Keep a thing no more; once this returns that outlives a crash."""
        if not is_id(kept_id):
            return Unkept.GONE
        async with self._turn:
            with self._faults():
                try:
                    await self._disk.perform([Unlink(self._path(kept_id)), SyncDirectory(self._folder)])
                except FileNotFoundError:
                    return Unkept.GONE
                return None

    # -- within its turn

    async def _make(self) -> None:
        """Have the folder, without what a crash has left of files that were to come."""
        if not self._is_made:
            await make_durable_directory(self._machine.disk, self._folder)
            left = [name for name in await self._names() if name.endswith(SUFFIX + NEW)]
            await self._disk.perform([Unlink(f"{self._folder}/{name}") for name in left])
            self._is_made = True

    async def _write(self, kept_id: str, kept: tuple[H, B]) -> H | Unkept:
        head, body = map(msgspec.json.encode, kept)
        if len(body) > self.sort.octets_max:
            return Unkept.LARGE
        path = self._path(kept_id)
        try:
            await replace_file(self._disk, path, octets_of(self._seed(kept_id), head, body))
        except OSError:
            with trio.CancelScope(shield=True):
                await self._forget(path + NEW)
            raise
        return kept[0]

    async def _forget(self, path: str) -> None:
        """Give the room of a file back that is nobody's, if the disk does that much."""
        try:
            await self._disk.perform([Unlink(path, missing_ok=True)])
        except OSError:
            pass

    async def _sound(self, kept_id: str) -> tuple[H, B] | None:
        """One thing, whole; None: it is not there, or not any more, since it was damaged."""
        try:
            return await self._kept(kept_id)
        except _Damaged:
            path = self._path(kept_id)
            await self._disk.perform([Rename(path, path + DAMAGED), SyncDirectory(self._folder)])
            self._say(f"{path} is damaged, or no {self.sort.name} of that name: it is {path + DAMAGED} from now on")
            return None

    # -- at any time

    async def _names(self) -> list[str]:
        try:
            names: list[str] = (await self._disk.perform([ListDirectory(self._folder)]))[0]
        except FileNotFoundError:
            return []
        return names

    async def _ids(self) -> set[str]:
        names = await self._names()
        ids = {name.removesuffix(SUFFIX) for name in names if name.endswith(SUFFIX)}
        foreign = sorted(name for name in names if not _is_ours(name))
        if foreign and not self._is_looked_through:
            shown = ", ".join(map(ascii, foreign[:NAMES_SHOWN]))
            self._say(f"{self._folder} has files that are none of ours, and are left alone: {len(foreign)}, as {shown}")
        self._is_looked_through = True
        return set(filter(is_id, ids))

    async def _head(self, kept_id: str) -> H | None:
        octets = await self._octets(kept_id, TOP_OCTETS)
        return None if octets is None else _decoded(self.sort.head, head_of(self._seed(kept_id), octets))

    async def _kept(self, kept_id: str) -> tuple[H, B] | None:
        most = AROUND_OCTETS + HEAD_OCTETS_MAX + self.sort.octets_max
        octets = await self._octets(kept_id, most)
        if octets is None:
            return None
        head, body = parts_of(self._seed(kept_id), octets) or (None, None)
        return _decoded(self.sort.head, head), _decoded(self.sort.body, body)

    async def _octets(self, kept_id: str, octets_max: int) -> bytes | None:
        if not is_id(kept_id):
            return None
        try:
            return await read_file(self._disk, self._path(kept_id), octets_max)
        except FileNotFoundError:
            return None
        except OSError as fault:
            if fault.errno in _NO_FILE:
                raise _Damaged from None
            raise

    def _path(self, kept_id: str) -> str:
        assert is_id(kept_id)
        return f"{self._folder}/{kept_id}{SUFFIX}"

    def _seed(self, kept_id: str) -> int:
        return seed_of(self.sort.name, kept_id)

    @contextmanager
    def _faults(self) -> Iterator[None]:
        """The disk's are the store's; the first of several in a row is said."""
        try:
            yield
        except OSError as fault:
            why = fault.strerror or str(fault)
            if not self._is_sick:
                self._say(f"{self._folder}: {why}")
            self._is_sick = True
            raise StoreFault(why) from fault
        self._is_sick = False

    def _say(self, text: str) -> None:
        self._machine.events.publish(Panic(self._machine.clock.now(), Level.ERROR, text))


def _is_ours(name: str) -> bool:
    stem = name.removesuffix(NEW).removesuffix(DAMAGED)
    return stem.endswith(SUFFIX) and is_id(stem.removesuffix(SUFFIX))


def _decoded(decoder: msgspec.json.Decoder[Any], octets: bytes | None) -> Any:
    """Raises _Damaged."""
    if octets is None:
        raise _Damaged
    try:
        return decoder.decode(octets)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise _Damaged from None
