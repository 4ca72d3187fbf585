"""A host's ports: who may bind what (Linux's rules), who gets what arrives, which port is given when 0 is asked for.

TCP's and UDP's ports are apart, by the same rules. Of UDP sockets that share a port by SO_REUSEADDR the last one bound
gets the datagrams; among those with SO_REUSEPORT one flow always meets the same socket.

Known to differ: Linux remembers in a port's bucket that all its sockets could share (fastreuse, fastreuseport) and then
sometimes allows what its own rules forbid; here the rules hold.

Source: inet_csk_bind_conflict(), udp_lib_lport_inuse() and the look-ups of Linux; ip(7), ipv6(7), socket(7).
"""

from __future__ import annotations

import errno
import random
import socket
import zlib
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from .address import ANY_4, ANY_6, IPAddress, Name, failure

if TYPE_CHECKING:
    from .datagram import DatagramSocket
    from .listening import Queue

EPHEMERAL_FIRST, EPHEMERAL_LAST = 32768, 60999  # Linux's ip_local_port_range
TIME_WAIT_SECONDS = 60.0
CONNECTED_SCORE = 5  # more than any score of a socket that is not


class Use(Enum):
    """What a bound port is used for."""

    BOUND = "bound"
    LISTENING = "listening"
    CONNECTED = "connected"
    TIME_WAIT = "time-wait"


@dataclass(slots=True, eq=False)
class Binding:
    """A socket's claim to an address and a port.

    receiver: the UDP socket that has it, which makes it a claim to a UDP port. remote: where that is connected to.
    """

    family: int
    name: Name
    reuse_address: bool = False
    reuse_port: bool = False
    v6_only: bool = False
    uid: int = 0
    use: Use = Use.BOUND
    queue: Queue | None = None
    receiver: DatagramSocket | None = None
    remote: Name | None = None

    @property
    def key(self) -> tuple[bool, int]:
        """Which port of which protocol."""
        return self.receiver is not None, self.name.port

    def covers(self, version: int) -> IPAddress | None:
        """The address of that IP version it claims (the wildcard for all), or None."""
        ip = self.name.ip
        if ip.version == version:
            return ip
        dual = ip == ANY_6 and self.family == socket.AF_INET6 and not self.v6_only
        return ANY_4 if version == 4 and dual else None

    def overlaps(self, other: Binding) -> bool:
        """Whether some address belongs to both."""
        for version, wildcard in ((4, ANY_4), (6, ANY_6)):
            mine, theirs = self.covers(version), other.covers(version)
            if mine is not None and theirs is not None and (mine == theirs or wildcard in (mine, theirs)):
                return True
        return False

    def reuses(self, other: Binding) -> bool:
        """Whether SO_REUSEADDR lets this one stand beside *other*, already there."""
        return self.reuse_address and other.reuse_address and other.use is not Use.LISTENING

    def shares(self, other: Binding) -> bool:
        """Whether SO_REUSEPORT does."""
        return self.reuse_port and other.reuse_port and self.uid == other.uid


class Ports:
    """The ports of one host. draws: chooses ephemeral ports and among sockets that share one."""

    def __init__(self, draws: random.Random) -> None:
        self._draws = draws
        self._bindings: dict[tuple[bool, int], list[Binding]] = {}
        self._adopted: dict[tuple[bool, int], dict[Binding, None]] = {}  # thousands at one port

    def claim(self, binding: Binding) -> None:
        """Take the port of *binding*, or choose one if it is 0. EADDRINUSE if another's claim forbids it."""
        if binding.name.port == 0:
            binding.name = Name(binding.name.ip, self._free_port(binding))
        self.check(binding)
        claims = self._bindings.setdefault(binding.key, [])
        first = binding.receiver is not None and binding.reuse_port and binding.family == socket.AF_INET6
        claims.insert(0 if first else len(claims), binding)  # Linux asks the last one first, and these last

    def adopt(self, binding: Binding) -> None:
        """Add the claim of an accepted connection, which shares its listener's port by right."""
        self._adopted.setdefault(binding.key, {})[binding] = None

    def check(self, binding: Binding) -> None:
        """EADDRINUSE if some other claim forbids *binding* (also asked when it begins to listen)."""
        claims = self._bindings.get(binding.key, ())
        for other in (*self._adopted.get(binding.key, ()), *reversed(claims)):
            if other is binding or not binding.overlaps(other) or binding.reuses(other):
                continue
            if not binding.shares(other):
                raise failure(errno.EADDRINUSE, binding.name)
            if binding.receiver is not None:
                return  # Linux: the last one that shares a UDP port speaks for all before it

    def release(self, binding: Binding) -> None:
        """Give the port back; a second call does nothing."""
        key = binding.key
        claims, adopted = self._bindings.get(key, []), self._adopted.get(key, {})
        if binding in adopted:
            del adopted[binding]
            if not adopted:
                del self._adopted[key]
        elif binding in claims:
            claims.remove(binding)
            if not claims:
                del self._bindings[key]

    def clear(self) -> None:
        """Forget everything: the machine lost power."""
        self._bindings.clear()
        self._adopted.clear()

    def listening(self, target: Name) -> Queue | None:
        """The queue that gets a SYN for *target*: the most specific claim; equals share by lot."""
        best: list[Binding] = []
        score = 0
        for binding in self._bindings.get((False, target.port), ()):
            if binding.use is Use.LISTENING and (mark := _score(binding, target.ip)) >= max(score, 1):
                best = [*best, binding] if mark == score else [binding]
                score = mark
        if not best:
            return None
        return (best[0] if len(best) == 1 else self._draws.choice(best)).queue

    def listeners(self) -> list[Name]:
        """Where somebody who connects by TCP is answered."""
        bindings = [binding for (is_udp, _), claims in self._bindings.items() if not is_udp for binding in claims]
        return [each.name for each in bindings if each.queue is not None and each.use is Use.LISTENING]

    def receiver(self, source: Name, target: Name) -> DatagramSocket | None:
        """The socket that gets a datagram: the one connected to *source*, the most specific, the latest."""
        best: list[Binding] = []
        score = 1
        for binding in self._bindings.get((True, target.port), ()):
            mark = _score(binding, target.ip)
            if binding.remote is not None:
                mark = CONNECTED_SCORE if mark and binding.remote == source else 0
            if mark >= score:
                best = [*best, binding] if mark == score else [binding]
                score = mark
        if best and best[-1].reuse_port and best[-1].remote is None:
            best = [binding for binding in best if binding.reuse_port]
            return best[zlib.crc32(f"{source}>{target}".encode()) % len(best)].receiver
        return best[-1].receiver if best else None

    def _free_port(self, binding: Binding) -> int:
        span = EPHEMERAL_LAST - EPHEMERAL_FIRST + 1
        start = self._draws.randrange(span)
        for step in range(span):
            port = EPHEMERAL_FIRST + (start + step) % span
            key = binding.receiver is not None, port
            if all(other.use is Use.TIME_WAIT for other in (*self._bindings.get(key, ()), *self._adopted.get(key, ()))):
                self._bindings.pop(key, None)
                self._adopted.pop(key, None)
                return port
        raise failure(errno.EADDRINUSE, binding.name)


def _score(binding: Binding, ip: IPAddress) -> int:
    """0: not for it; the specific address wins over the wildcard, among equals an IPv4 socket over an IPv6 one."""
    claimed = binding.covers(ip.version)
    native = int(ip.version == 6 or binding.family == socket.AF_INET)
    if claimed == ip:
        return 3 + native
    if claimed == (ANY_4 if ip.version == 4 else ANY_6):
        return 1 + native
    return 0
