"""The secrets of the bus: as they stand in the configuration, or in files that it names."""

from __future__ import annotations

from momentum_trio.machine import Machine
from momentum_trio.machine.disk import FileKind, Stat
from momentum_trio.machine.whole_file import read_file
from momentum_trio.msgc.msgc_options import FILE, BusSecretOptions
from momentum_trio.protocol.msgc.handshake import SECRET_OCTETS_MIN

_OCTETS_MAX = 4096
_OTHERS = 0o007


async def secrets_of(machine: Machine, options: BusSecretOptions) -> tuple[bytes, ...]:
    """The secret that is used first, then the one before it; empty where there is none. Files are read anew.

    Raises: OSError that says why a file does not do. Cancellation: the file is closed.
    """
    return tuple([await _octets(machine, text) for text in (options.secret, options.secret_previous) if text])


async def _octets(machine: Machine, text: str) -> bytes:
    if not text.startswith(FILE):
        return text.encode()
    path = text.removeprefix(FILE)
    (facts,) = await machine.disk.perform([Stat(path)])
    if facts.kind is not FileKind.FILE:
        raise OSError(f"{path} is not a plain file")
    if facts.mode & _OTHERS:
        raise OSError(f"{path} has mode {facts.mode:04o}: others than its owner and group may get at the secret")
    octets = (await read_file(machine.disk, path, _OCTETS_MAX + 1)).strip()
    if not SECRET_OCTETS_MIN <= len(octets) <= _OCTETS_MAX:
        raise OSError(f"{path} has to hold {SECRET_OCTETS_MIN} to {_OCTETS_MAX} octets")
    return octets
