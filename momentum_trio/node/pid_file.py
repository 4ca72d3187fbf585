"""The file that holds the process id (PIDFile): complete or absent, never torn."""

from __future__ import annotations

from momentum_trio.machine import Machine
from momentum_trio.machine.disk import Close, Create, File, Rename, Unlink, Write

MODE = 0o644


async def write_pid_file(machine: Machine, path: str) -> None:
    """Write the process id to *path*, in place of what is there. Raises OSError."""
    new = File(f"{path}.{machine.entropy.octets(4).hex()}")
    octets = f"{machine.process.pid}\n".encode()
    try:
        await machine.disk.perform([Create(new, MODE), Write(new, 0, [octets]), Close(new), Rename(new.path, path)])
    except OSError:
        await machine.disk.perform([Close(new), Unlink(new.path, missing_ok=True)])
        raise


async def remove_pid_file(machine: Machine, path: str) -> None:
    """Remove it, where the directory lets us: a stale one harms nobody who looks whether the process lives."""
    try:
        await machine.disk.perform([Unlink(path, missing_ok=True)])
    except OSError:
        pass
