"""TLS in the simulated world: contexts from the simulated disk, and an OpenSSL whose randomness is seeded.

Two levels of determinism. OCTETS: libcrypto's random method is replaced for the time of a run, so that every octet on
the wire is a function of the seed; contexts make no session tickets, which hold the real time. LENGTHS, where libcrypto
cannot be reached (linked statically, its symbols hidden): octets differ, but not their number, so the trace is the
same, given RSA certificates (the length of an ECDSA signature varies).
OpenSSL judges certificates by the real clock.
"""

from __future__ import annotations

import ctypes
import os
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from enum import Enum
from typing import TYPE_CHECKING, Any

from momentum_trio.machine.contract import ClientTlsTerms
from momentum_trio.machine.disk import READ_OCTETS_MAX
from momentum_trio.machine.os_tls import make_client_context, make_context
from momentum_trio.machine.whole_file import read_file
from momentum_trio.net.tls_terms import TlsTerms

from .kernel import Kernel

if TYPE_CHECKING:
    from .host import Life

OPENSSL_SUCCESS = 1
TRUSTED = "/etc/ssl/certs/ca-certificates.crt"
"""What a simulated system trusts; whoever needs it puts it there."""

_Fill = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int)
_Status = ctypes.CFUNCTYPE(ctypes.c_int)


class _RandomMethod(ctypes.Structure):
    """``struct rand_meth_st`` of openssl/rand.h: seed, bytes, cleanup, add, pseudorand, status."""

    _fields_ = (
        ("seed", ctypes.c_void_p),
        ("bytes", _Fill),
        ("cleanup", ctypes.c_void_p),
        ("add", ctypes.c_void_p),
        ("pseudorand", _Fill),
        ("status", _Status),
    )


class Determinism(Enum):
    """What of TLS is the same in every run of a seed."""

    OCTETS = "octets"
    LENGTHS = "lengths"


def determinism() -> Determinism:
    """What this Python's OpenSSL allows."""
    return Determinism.LENGTHS if _libcrypto() is None else Determinism.OCTETS


@contextmanager
def seeded_openssl(kernel: Kernel, whose: Callable[[], object]) -> Iterator[Determinism]:
    """For the block, OpenSSL's randomness on this thread comes from *kernel*; after it, from where it came before.

    whose: asked at each draw; each answer (a life, or None) has a stream of its own. Other threads get real randomness.
    """
    libcrypto, thread, real = _libcrypto(), threading.get_ident(), os.urandom
    if libcrypto is None:
        yield Determinism.LENGTHS
        return

    def fill(buffer: int, count: int) -> int:
        if threading.get_ident() == thread:
            octets = kernel.rng(f"openssl/{whose() or '-'}").randbytes(count)
        else:
            octets = real(count)
        ctypes.memmove(buffer, octets, count)
        return OPENSSL_SUCCESS

    callback = _Fill(fill)
    method = _RandomMethod(None, callback, None, None, callback, _Status(lambda: OPENSSL_SUCCESS))
    before = libcrypto.RAND_get_rand_method()
    libcrypto.RAND_set_rand_method(ctypes.byref(method))
    try:
        yield Determinism.OCTETS
    finally:
        libcrypto.RAND_set_rand_method(before)


def _libcrypto() -> Any | None:
    """The libcrypto this process's ssl uses: its symbols are found through the module that loaded it."""
    try:
        library = ctypes.CDLL(getattr(ssl._ssl, "__file__", None))  # type: ignore[attr-defined]
        library.RAND_set_rand_method.argtypes = (ctypes.c_void_p,)
        library.RAND_get_rand_method.restype = ctypes.c_void_p
    except (OSError, AttributeError):
        return None
    return library


class SimTls:
    """``machine.contract.Tls`` over the files of a life's disk."""

    def __init__(self, life: Life) -> None:
        self._life = life

    async def server_context(self, terms: TlsTerms) -> ssl.SSLContext:
        """As ``OsTls`` makes it, without session tickets. OpenSSL gets the files by descriptor, from memory."""
        with ExitStack() as open_files:
            place = {"": ""} | await self._in_memory(open_files, *terms.files)
            context = make_context(
                replace(
                    terms,
                    certificate=place[terms.certificate],
                    key=place[terms.key],
                    client_ca=place[terms.client_ca],
                    named=tuple(place[path] for path in terms.named),
                )
            )
        return _without_tickets(context)

    async def client_context(self, terms: ClientTlsTerms) -> ssl.SSLContext:
        """As ``OsTls`` makes it. What the system trusts is the file TRUSTED of the simulated disk."""
        if terms.verify and not terms.authorities:
            terms = replace(terms, authorities=TRUSTED)
        with ExitStack() as open_files:
            place = {"": ""} | await self._in_memory(open_files, *terms.files)
            context = make_client_context(
                replace(
                    terms,
                    certificate=place[terms.certificate],
                    key=place.get(terms.key, ""),
                    authorities=place.get(terms.authorities, ""),
                )
            )
        return _without_tickets(context)

    async def _in_memory(self, open_files: ExitStack, *paths: str) -> dict[str, str]:
        """Where OpenSSL finds the octets of each of *paths* while *open_files* are open."""
        place = {}
        for path in paths:
            place[path] = open_files.enter_context(_in_memory(await self._octets(path)))
        return place

    async def _octets(self, path: str) -> bytes:
        return await read_file(self._life.machine.disk, path, READ_OCTETS_MAX)


def _without_tickets(context: ssl.SSLContext) -> ssl.SSLContext:
    """*context*, without what holds the real time."""
    if context.protocol == ssl.PROTOCOL_TLS_SERVER:
        context.num_tickets = 0
    context.options |= ssl.OP_NO_TICKET
    return context


@contextmanager
def _in_memory(octets: bytes) -> Iterator[str]:
    """A path at which *octets* can be read, of a file that exists nowhere."""
    descriptor = os.memfd_create("certificate")
    try:
        os.write(descriptor, octets)
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)
