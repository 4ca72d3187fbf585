"""A network namespace of our own: what is real in it is nobody else's."""

from __future__ import annotations

import ctypes
import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest

CLONE_NEWNET = 0x40000000


def ip(*words: str, inside: str = "") -> str:
    """What ``ip`` says to *words*, in namespace *inside*."""
    command = ["ip", *(("-n", inside) if inside else ()), *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@contextmanager
def namespaces(*names: str) -> Iterator[None]:
    """Named ones for the block. Skips the test where they are forbidden."""
    made: list[str] = []
    try:
        for name in names:
            try:
                ip("netns", "add", name)
            except (OSError, subprocess.CalledProcessError) as fault:
                pytest.skip(f"network namespaces cannot be had here: {getattr(fault, 'stderr', '') or fault}")
            made.append(name)
            ip("link", "set", "lo", "up", inside=name)
        yield
    finally:
        for name in made:
            ip("netns", "delete", name)


@contextmanager
def within(name: str) -> Iterator[None]:
    """This thread is in the named namespace for the block: its sockets and calls are."""
    library = ctypes.CDLL(None, use_errno=True)
    back = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        inside = os.open(f"/run/netns/{name}", os.O_RDONLY | os.O_CLOEXEC)
        try:
            _enter(library, inside)
        finally:
            os.close(inside)
        try:
            yield
        finally:
            _enter(library, back)
    finally:
        os.close(back)


def _enter(library: ctypes.CDLL, descriptor: int) -> None:
    if library.setns(descriptor, CLONE_NEWNET) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def inside(name: str, command: Sequence[str]) -> list[str]:
    """The words that run *command* in the namespace."""
    return ["ip", "netns", "exec", name, *command]
