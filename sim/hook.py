"""Somebody's HTTP server on a host that webhooks tell of events: the simulator's own, and moody.

It takes a batch, tells ``note`` of it outside of the simulated process (so that what it took outlives it), and answers.
Of its requests it refuses one in REFUSED_EVERY, the first too; of one in LOST_EVERY it takes the batch and loses the
answer.
It shares no protocol code with the product.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import trio

from momentum_trio.machine import Machine

REFUSED_EVERY, LOST_EVERY = 4, 5
HEAD_OCTETS_MAX, RECEIVE_OCTETS = 64 * 1024, 64 * 1024
BACKLOG = 20


@dataclass(frozen=True, slots=True)
class Hooked:
    """A batch that was taken. at: the kernel's time. batch_id: as its head says; octets: its body."""

    host: str
    at: float
    batch_id: str
    octets: bytes


async def run_hook(
    machine: Machine,
    port: int,
    take: Callable[[str, bytes], object],
    *,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve on loopback until cancelled. take: is told id and body of each batch. started: the socket listens."""
    requests = 0
    with trio.socket.socket() as listening:
        listening.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_REUSEADDR, 1)
        await listening.bind(("127.0.0.1", port))
        listening.listen(BACKLOG)
        task_status.started()
        while True:
            connection, _ = await listening.accept()
            requests += 1
            with connection:
                try:
                    await _answer(connection, requests, take)
                except OSError:
                    pass


async def _answer(connection: trio.socket.SocketType, number: int, take: Callable[[str, bytes], object]) -> None:
    received = b""
    while b"\r\n\r\n" not in received and len(received) < HEAD_OCTETS_MAX:
        if not (octets := await connection.recv(RECEIVE_OCTETS)):
            return
        received += octets
    head, _, body = received.partition(b"\r\n\r\n")
    fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
    while len(body) < int(fields[b"content-length"]):
        if not (octets := await connection.recv(RECEIVE_OCTETS)):
            return
        body += octets
    is_refused = number % REFUSED_EVERY == 1
    if not is_refused:
        take(fields[b"webhook-id"].decode(), body)
    if number % LOST_EVERY != 2:
        status = b"503 Busy" if is_refused else b"204 Taken"
        await connection.send(b"HTTP/1.1 " + status + b"\r\nConnection: close\r\n\r\n")
