"""Connecting over TCP: SYN, SYN-ACK, ACK; retries with doubling time-outs; refusal, silence, a full queue."""

from __future__ import annotations

import errno
from collections.abc import Callable
from typing import TYPE_CHECKING

from .address import Name
from .connection import End
from .ports import Binding, Use

if TYPE_CHECKING:
    from ..host import Host
    from ..uptime import Timer
    from .listening import Queue

HALF_OPEN_SECONDS = 128.0  # until a server forgets a connection whose last ACK did not come
SYN_RETRIES_MAX = 6  # tcp_syn_retries: sent at 0, 1, 3, 7, 15, 31 and 63 s; ETIMEDOUT at 127 s
NO_NEIGHBOUR_SECONDS = 3.0  # nobody on the link answers for the address: EHOSTUNREACH


class Attempt:
    """A client's attempt to connect.

    done: called once, with 0 and the established end, or with an errno and None.
    """

    def __init__(
        self,
        host: Host,
        source: Name,
        target: Name,
        binding: Binding,
        receive_octets: int,
        done: Callable[[int, End | None], None],
    ) -> None:
        self._host = host
        self._source = source
        self._target = target
        self._binding = binding
        self._receive_octets = receive_octets
        self._done: Callable[[int, End | None], None] | None = done
        self._tries = 0
        self._timer: Timer | None = None
        self._server: End | None = None  # half open, or joined
        self._ties = host.kernel.rng(f"connect/{host.name}")
        self._number = host.network.number()

    def begin(self) -> None:
        """Send the first SYN."""
        self._host.trace("connect", conn=self._number, source=self._source, target=self._target)
        if self._host.network.holder(self._host, self._target.ip) is None:
            self._again(NO_NEIGHBOUR_SECONDS, self._end, errno.EHOSTUNREACH, None)
        else:
            self._send()

    def abandon(self) -> None:
        """Nobody wants the outcome any more."""
        self._done = None
        self._stop_timer()

    def _send(self) -> None:
        network = self._host.network
        if self._tries > SYN_RETRIES_MAX:
            self._end(errno.ETIMEDOUT, None)
            return
        self._again(2.0**self._tries, self._send)
        self._tries += 1
        server_host = network.holder(self._host, self._target.ip)
        if server_host is not None:
            network.path(self._host, server_host).carry(self._syn_came, server_host)

    def _again(self, seconds: float, function: Callable[..., object], *arguments: object) -> None:
        self._timer = self._host.uptime.after(seconds, function, *arguments, ties=self._ties)

    def _syn_came(self, server_host: Host) -> None:
        """At the server: take it, drop it, or refuse."""
        if not server_host.up or self._done is None:
            return
        if not self._is_half_open(server_host):
            self._server = None
            queue = server_host.ports.listening(self._target)
            if queue is not None and (queue.drops_all or queue.full):
                server_host.trace("syn-dropped", conn=self._number)
                return
            if queue is not None:
                self._server = self._half_open(server_host, queue)
        server_host.network.path(server_host, self._host).carry(self._answer_came, self._server)

    def _is_half_open(self, server_host: Host) -> bool:
        """Whether *server_host* remembers an earlier SYN."""
        server = self._server
        queue = None if server is None else server.queue
        return server is not None and server.host is server_host and queue is not None and not queue.closed

    def _half_open(self, server_host: Host, queue: Queue) -> End:
        queue.reserve()
        path = server_host.network.path(server_host, self._host)
        server = End(server_host, path, self._number, self._target, self._source)
        server.queue = queue
        server.send_octets, server.receive_octets = queue.send_octets, queue.receive_octets
        server_host.uptime.after(HALF_OPEN_SECONDS, _forget, server, ties=path.draws)
        return server

    def _answer_came(self, server: End | None) -> None:
        """At the client: SYN-ACK of *server*, or RST where nobody listens."""
        if not self._host.up:
            return
        if self._done is None:
            if server is not None and server.peer is server:
                _forget(server)  # answered with RST
        elif server is None:
            self._end(errno.ECONNREFUSED, None)
        else:
            path = self._host.network.path(self._host, server.host)
            client = End(self._host, path, self._number, self._source, self._target)
            client.binding = self._binding
            client.receive_octets = self._receive_octets
            self._binding.use = Use.CONNECTED
            client.join(server)
            self._end(0, client)
            client.establish()

    def _end(self, code: int, end: End | None) -> None:
        self._stop_timer()
        done, self._done = self._done, None
        assert done is not None
        done(code, end)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _forget(server: End) -> None:
    """The server's kernel does not wait for the last ACK any more, if it still did."""
    if server.queue is not None:
        server.queue.give_up()
        server.queue = None
