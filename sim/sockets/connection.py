"""Connections: a model of streams, octet by octet, as the two hosts' kernels keep them.

Each end sends a sequence of octets and marks over its outgoing path; they arrive in order, never before their
predecessor. A blocked path or a host that is down stalls the sequence: it is tried again with a doubling time-out until
the sender gives up (ETIMEDOUT). On a held path it waits for the release. A reset is not in the sequence. This is no
model of congestion, nor of acknowledgements: a path blocked one way lets the octets of the other way through.
"""

from __future__ import annotations

import errno
import math
from collections import deque
from collections.abc import Callable
from enum import Enum
from typing import TYPE_CHECKING

from .address import Name, failure
from .credentials import NOBODY, Credentials
from .patience import Timers
from .ports import TIME_WAIT_SECONDS, Binding, Use

if TYPE_CHECKING:
    from ..host import Host
    from ..kernel import Event
    from ..uptime import Timer
    from .link import Path
    from .listening import Queue

SEND_OCTETS, RECEIVE_OCTETS = 87_040, 131_072  # Linux's first guesses; it would grow them on long fat links
UNIX_OCTETS = 212_992  # net.core.wmem_default: what a Unix stream holds unread
RETRY_FIRST_SECONDS, RETRY_MAX_SECONDS = 0.2, 120.0
LAST_ACK_SECONDS = 1.0  # how long the port of one that closed second is kept
GIVE_UP_SECONDS = 924.6  # tcp_retries2 = 15
WRITABLE_SHARE = 3  # a full sender is woken when a third of its room is free again


class Mark(Enum):
    """What is in the sequence beside octets."""

    ESTABLISHED = "established"  # the client's ACK: the server's end may be accepted now
    FIN = "fin"


class End:
    """One end of a TCP connection.

    host: whose kernel keeps it. path: where its octets leave. number: of the connection, for the trace.
    """

    tcp = True

    def __init__(self, host: Host, path: Path, number: int, local: object, remote: object) -> None:
        self.host = host
        self.path = path
        self.number = number
        self.local = local
        self.remote = remote
        self.label = str(local)  # for the trace
        self.peer: End = self
        self.peer_credentials: Credentials = NOBODY
        self.binding: Binding | None = None
        self.queue: Queue | None = None  # of the listener that will get it, until it is established
        self.send_octets, self.receive_octets = SEND_OCTETS, RECEIVE_OCTETS
        self.arrived = bytearray()
        self.fin_sent = self.fin_arrived = False
        self.read_shut = False  # by shutdown()
        self.closed = False  # no descriptor refers to it any more
        self.dead = False  # reset, given up or vanished: nothing goes out any more
        self.vanished = False
        self.error = 0
        self.readable: Callable[[], None] | None = None  # wakes the socket that holds it
        self.writable: Callable[[], None] | None = None
        self.sender_waits = False
        self.heard_at = host.uptime.now  # when the peer's kernel last said anything
        self.timers = Timers(self)
        self._flight: deque[tuple[float, bytes | Mark]] = deque()
        self._in_flight = 0
        self._last_arrival = 0.0
        self._next: Event | Timer | None = None
        self._retry_seconds = RETRY_FIRST_SECONDS
        self._stalled_since = math.inf
        self._parked = False  # what is due waits on the held path
        self._routes = -1  # of the network, when this was found:
        self._target: Host | None = None

    def join(self, peer: End) -> None:
        """Make *self* and *peer* the two ends of one connection."""
        self.peer, peer.peer = peer, self
        self.host.ends[self] = None
        peer.host.ends[peer] = None

    # -- what a socket asks of it

    @property
    def capacity(self) -> int:
        """Octets that may be under way or unread."""
        return self.send_octets + self.peer.receive_octets

    @property
    def sending(self) -> bool:
        """Whether something is under way to the peer."""
        return bool(self._flight)

    @property
    def target(self) -> Host | None:
        """The host that what is sent now reaches: not the peer's, if its address moved; none, if this end's is gone."""
        network = self.host.network
        if self._routes != network.routes:
            self._routes, self._target = network.routes, self._find_target()
        return self._target

    def _find_target(self) -> Host | None:
        assert isinstance(self.local, Name)
        assert isinstance(self.remote, Name)
        network = self.host.network
        return network.holder(self.host, self.remote.ip) if network.owns(self.host, self.local.ip) else None

    @property
    def passes(self) -> bool:
        """Whether a segment that arrives now reaches the peer's host."""
        return self.path.passes and self.target is self.peer.host

    @property
    def hears(self) -> bool:
        """Whether the peer's kernel would get a segment now, and its answer come back."""
        return self.passes and self.peer.passes and self.peer.host.up

    @property
    def round_trip_seconds(self) -> float:
        """There and back, without jitter."""
        return self.path.latency_seconds + self.peer.path.latency_seconds

    @property
    def over(self) -> bool:
        """Whether Linux would call a TCP connection's state CLOSE: reset, or both ends' FIN have arrived."""
        return self.dead or (self.fin_sent and self.fin_arrived and self.peer.fin_arrived)

    @property
    def room(self) -> int:
        """Octets a send would take now."""
        return self.capacity - self._in_flight - len(self.peer.arrived)

    def shut_reading(self) -> None:
        """shutdown() for reading."""
        self.read_shut = True
        self._wake_reader()

    @property
    def can_write(self) -> bool:
        """Whether poll() says so: there is room enough, or a send would fail."""
        return self.dead or self.fin_sent or self.room * WRITABLE_SHARE >= self.capacity

    @property
    def can_read(self) -> bool:
        """Whether a receive would not block."""
        return bool(self.arrived) or self.fin_arrived or self.dead or self.read_shut

    def send(self, octets: memoryview) -> int:
        """Take what there is room for; BlockingIOError if that is nothing."""
        if self.error:
            raise failure(self.take_error())
        if self.fin_sent or self.dead:
            raise failure(errno.EPIPE)
        if not octets:
            return 0
        count = min(len(octets), self.room)
        if count <= 0:
            self.sender_waits = True
            raise BlockingIOError(errno.EAGAIN, "no room")
        if self.host.network.short:
            count = self.host.network.cut(self.path, count)
        self._put(bytes(octets[:count]), count)
        self.host.trace("send", conn=self.number, end=self.label, octets=count)
        return count

    def receive(self, count: int, *, peek: bool = False) -> bytes:
        """Up to *count* octets; none at the end. Only when it ``can_read``."""
        if self.arrived:
            count = min(count, len(self.arrived))
            if self.host.network.short:
                count = self.host.network.cut(self.path, count)
            with memoryview(self.arrived) as arrived:
                octets = bytes(arrived[:count])
            if not peek:
                del self.arrived[:count]
                if self.peer.sender_waits:
                    self._tell_room()
            return octets
        if self.fin_arrived:
            return b""
        if self.read_shut and not self.error:
            return b""
        assert self.dead
        if self.error:
            raise failure(self.take_error())
        return b""

    def take_error(self) -> int:
        """The pending error, which is told once."""
        code, self.error = self.error, 0
        return code

    def finish(self) -> None:
        """Send FIN after all that was sent (shutdown for writing)."""
        if not self.fin_sent and not self.dead:
            self.fin_sent = True
            self._put(Mark.FIN, 0)
            self.host.trace("fin", conn=self.number, end=self.label)
            self._wake_writer()

    def close(self, *, linger_none: bool = False) -> None:
        """The last descriptor is gone: FIN, or a reset if something came that nobody read."""
        if self.closed:
            return
        self.closed = True
        self.readable = self.writable = None
        self.timers.stop()
        if self.dead:
            self.forget()
        elif (self.arrived or linger_none) and not self.over:
            self.abort()
        else:
            active = not self.fin_arrived
            self.finish()
            self._retire(TIME_WAIT_SECONDS if active else LAST_ACK_SECONDS)

    def abort(self) -> None:
        """Reset the connection; no descriptor refers to this end (any more)."""
        self.closed = True
        if self.dead:
            return
        self._die(0)
        self.forget()
        self._send_reset()

    def vanish(self) -> None:
        """The machine lost power, or the process's kernel is gone: no packet leaves any more.

        What is under way arrives all the same, if it can; what did not get through is not sent again.
        """
        under_way, next_arrival = self._flight, self._next
        if self._stalled_since == math.inf:
            self._flight, self._next = deque(), None
            self._die(0)
            self._flight, self._next = under_way, next_arrival
        else:
            self._die(0)
        self.closed = self.vanished = True

    def forget(self) -> None:
        """Give the port back."""
        self.host.ends.pop(self, None)
        if self.binding is not None:
            self.host.ports.release(self.binding)

    # -- the sequence

    def establish(self) -> None:
        """The client's ACK is on its way."""
        self._put(Mark.ESTABLISHED, 0)

    def _put(self, item: bytes | Mark, octets: int) -> None:
        arrival = self.path.arrival(self.host.kernel.now, octets)
        if arrival <= self._last_arrival:
            arrival = math.nextafter(self._last_arrival, math.inf)
        self._last_arrival = arrival
        self._in_flight += octets
        self._flight.append((arrival, item))
        if self.host.frozen:  # a process was ended all the same: it leaves when the machine thaws
            self._stalled_since = self.host.uptime.now
        if self._next is None and not self._parked:
            self._schedule(arrival)

    def _schedule(self, time: float) -> None:
        self._next = self.host.kernel.at(time, self._arrive, ties=self.path.draws)

    def _arrive(self) -> None:
        """The head of the sequence is due at the other end."""
        self._next = None
        self._parked = False
        kernel, peer, flight = self.host.kernel, self.peer, self._flight
        if not flight:
            return
        if self.path.held:
            self._parked = True
            self.path.wait(self._arrive)
            self.timers.unacknowledged()
            return
        if self.target is not peer.host:
            self.refuse()
            self._stall()
            return
        if self.path.blocked or not peer.host.up or (self.host.frozen and self._stalled_since < math.inf):
            self._stall()
            return
        self._stalled_since, self._retry_seconds = math.inf, RETRY_FIRST_SECONDS
        if peer.passes:
            self.heard_at = self.host.uptime.now
            self.timers.acknowledged()
        else:
            self.timers.unacknowledged()
        while flight and flight[0][0] <= kernel.now:
            _, item = flight.popleft()
            if isinstance(item, bytes):
                self._in_flight -= len(item)
            if not peer.take(item):
                return
        if flight:
            self._schedule(flight[0][0])

    def refuse(self) -> None:
        """A segment reached another host that has the peer's address now: it knows of no such connection."""
        target = self.target
        if target is not None and target.up and self.host.network.path(self.host, target).passes:
            target.trace("reset", conn=self.number, end=str(self.remote))
            self.host.network.path(target, self.host).carry(self.reset_came)

    def _stall(self) -> None:
        now = self.host.uptime.now
        if self.vanished:
            self._flight.clear()
            return
        self._stalled_since = min(self._stalled_since, now)
        if now - self._stalled_since >= GIVE_UP_SECONDS:
            self.time_out()
            return
        self.timers.unacknowledged()
        self._next = self.host.uptime.after(self._retry_seconds, self._arrive, ties=self.path.draws)
        self._retry_seconds = min(self._retry_seconds * 2, RETRY_MAX_SECONDS)

    def time_out(self, *, reset: bool = False) -> None:
        """The peer was silent for too long. reset: tell it so."""
        self.host.trace("timeout", conn=self.number, end=self.label)
        self._die(errno.ETIMEDOUT)
        if reset:
            self._send_reset()

    def take(self, item: bytes | Mark) -> bool:
        """One item of the sequence came in from the peer. False: it was answered with a reset."""
        self.heard_at = self.host.uptime.now
        if self.dead or (self.closed and isinstance(item, bytes)):
            self._die(0)
            self.forget()
            self._send_reset()
            return False
        if self.read_shut and self.fin_sent and self.tcp and isinstance(item, bytes):  # RFC 1122 4.2.2.13
            self._die(errno.EPIPE if self.fin_arrived else errno.ECONNRESET)
            self._send_reset()
            return False
        if isinstance(item, bytes):
            self.arrived += item
        elif item is Mark.ESTABLISHED:
            return self._establish()
        else:
            self.fin_arrived = True
        self._wake_reader()
        return True

    def _establish(self) -> bool:
        queue, self.queue = self.queue, None
        if queue is None or queue.closed:  # its patience with the handshake is over, or nobody listens any more
            self.abort()
            return False
        queue.put(self, reserved=True)
        return True

    def _send_reset(self) -> None:
        if self.host.frozen:
            self.host.uptime.after(0.0, self._send_reset, ties=self.path.draws)
            return
        self.host.trace("reset", conn=self.number, end=self.label)
        if self.host.up:
            self.path.carry(self.peer.reset_came)

    def reset_came(self) -> None:
        """RST arrived."""
        if not self.dead and self.host.up:
            self._die(errno.EPIPE if self.fin_arrived else errno.ECONNRESET)
            if self.closed:
                self.forget()

    def _die(self, code: int) -> None:
        self.dead = True
        self.error = self.error or code
        self.timers.stop()
        if self.queue is not None:  # half open
            self.queue.give_up()
            self.queue = None
        self._flight.clear()
        self._in_flight = 0
        if self._next is not None:
            self._next.cancel()
            self._next = None
        self._wake_reader()
        self._wake_writer()

    def _retire(self, seconds: float) -> None:
        """Keep the port for *seconds* more, and while something is not sent yet; then forget."""
        if self.binding is not None:
            self.binding.use = Use.TIME_WAIT
        self.host.uptime.after(seconds, self._retired, seconds, ties=self.path.draws)

    def _retired(self, seconds: float) -> None:
        if self.sending and not self.dead:
            self._retire(seconds)
        else:
            self.forget()

    # -- waking

    def _tell_room(self) -> None:
        """The reader made room: the peer learns of it one latency later, if its sender waits for it."""
        peer = self.peer
        if peer.can_write:
            peer.sender_waits = False
            kernel = self.host.kernel
            kernel.at(kernel.now + self.path.latency_seconds, peer._wake_writer, ties=self.path.draws)

    def _wake_reader(self) -> None:
        if self.readable is not None:
            self.readable()

    def _wake_writer(self) -> None:
        if self.writable is not None:
            self.writable()


class UnixEnd(End):
    """One end of a Unix stream: the other end's death is known at once, and unread octets at a close break the peer."""

    tcp = False

    def _find_target(self) -> Host:
        return self.host

    @property
    def capacity(self) -> int:
        """Octets that may be unread."""
        return self.send_octets

    def shut_reading(self) -> None:
        super().shut_reading()
        self.peer._wake_writer()

    @property
    def can_write(self) -> bool:
        return self.peer.closed or self.peer.read_shut or super().can_write

    def send(self, octets: memoryview) -> int:
        if self.peer.closed or self.peer.read_shut:  # said first; a pending ECONNRESET stays for a receive
            raise failure(errno.EPIPE)
        return super().send(octets)

    def close(self, *, linger_none: bool = False) -> None:
        if self.closed:
            return
        self.closed = True
        self.readable = self.writable = None
        if self.arrived:
            self.abort()
        else:
            self.finish()
            self.forget()
        self.peer._wake_writer()

    def take(self, item: bytes | Mark) -> bool:
        """What arrives at a closed end is dropped without an answer."""
        if self.closed and isinstance(item, bytes):
            return True
        return super().take(item)
