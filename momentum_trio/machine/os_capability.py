"""The capabilities of this thread, and of those it starts: capget(2), capset(2), prctl(2). Linux."""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager

from momentum_trio.net.capability import Capabilities

VERSION = 0x20080522  # _LINUX_CAPABILITY_VERSION_3: two words a set
PR_SET_KEEPCAPS = 8
_HEADER = struct.Struct("Ii")
_SETS = struct.Struct("6I")  # effective, permitted, inheritable; then their upper halves
_LOW = 0xFFFFFFFF


def held() -> Capabilities:
    """What this thread holds."""
    octets = ctypes.create_string_buffer(_SETS.size)
    _call("capget", _header(), octets)
    low_e, low_p, low_i, high_e, high_p, high_i = _SETS.unpack(octets.raw)
    return Capabilities(low_e | high_e << 32, low_p | high_p << 32, low_i | high_i << 32)


def hold(wanted: Capabilities) -> None:
    """Hold exactly *wanted*. Raises OSError (EPERM) when that is more than this thread has."""
    sets = (wanted.effective, wanted.permitted, wanted.inheritable)
    octets = _SETS.pack(*(bits & _LOW for bits in sets), *(bits >> 32 for bits in sets))
    _call("capset", _header(), ctypes.create_string_buffer(octets, _SETS.size))


@contextmanager
def kept_over_change_of_user() -> Iterator[None]:
    """What is permitted stays so when this thread ceases to be root within the block."""
    _call("prctl", PR_SET_KEEPCAPS, 1, 0, 0, 0)
    try:
        yield
    finally:
        _call("prctl", PR_SET_KEEPCAPS, 0, 0, 0, 0)


def _header() -> ctypes.Array[ctypes.c_char]:
    return ctypes.create_string_buffer(_HEADER.pack(VERSION, 0), _HEADER.size)


def _call(name: str, *arguments: int | ctypes.Array[ctypes.c_char]) -> None:
    library = ctypes.CDLL(None, use_errno=True)
    plain = [ctypes.c_ulong(argument) if isinstance(argument, int) else argument for argument in arguments]
    if getattr(library, name)(*plain) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")
