"""``cidr_server``: answers questions about journals of series over TCP, to whoever connects; nothing can be changed."""

from __future__ import annotations

import trio

from momentum_trio.cluster.series_files import SeriesFiles
from momentum_trio.listener.accept import EXHAUSTED, PASSING, SocketTerms, open_listening
from momentum_trio.machine import Machine
from momentum_trio.net.endpoint import Endpoint
from momentum_trio.protocol.series.wire import answer_octets, questions

SESSIONS_MAX = 64
"""At once; who comes then waits in the queue of the socket."""
IDLE_SECONDS = 300.0
"""Silence tolerated between questions; whoever does not take his answer for so long is gone as well."""
RECEIVE_OCTETS = 4096
REST_SECONDS = 1.0
"""After there was no descriptor for a connection."""
TERMS = SocketTerms(64, 0o600, 0, 0, True, 1)


async def serve_series(
    machine: Machine,
    files: SeriesFiles,
    endpoint: Endpoint,
    *,
    task_status: trio.TaskStatus[Endpoint] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Answer until cancelled; starts with where it is bound. Raises OSError: it cannot be had."""
    listening = await open_listening(machine, endpoint, TERMS)
    places = trio.Semaphore(SESSIONS_MAX)
    try:
        async with trio.open_nursery() as sessions:
            task_status.started(listening.bound)
            while True:
                await places.acquire()
                try:
                    socket, _ = await listening.socket.accept()
                except OSError as fault:
                    places.release()
                    if fault.errno not in PASSING | EXHAUSTED:
                        raise
                    await trio.sleep(REST_SECONDS)
                else:
                    sessions.start_soon(_converse, files, socket, places)
    finally:
        listening.socket.close()


async def _converse(files: SeriesFiles, socket: trio.socket.SocketType, places: trio.Semaphore) -> None:
    """One session: its questions, one after the other."""
    try:
        lines = questions()
        while True:
            with trio.move_on_after(IDLE_SECONDS) as patience:
                octets = await socket.recv(RECEIVE_OCTETS)
            if patience.cancelled_caught or not octets:
                return
            lines.receive(octets)
            while (line := lines.next()) is not None:
                answer = await files.answer(line)
                await _send(socket, answer_octets(answer.lines, answer.complaints))
    except ValueError as fault:
        await _send(socket, answer_octets([], [str(fault)]))
    except OSError:
        pass  # the peer's, or the network's
    finally:
        socket.close()
        places.release()


async def _send(socket: trio.socket.SocketType, octets: bytes) -> None:
    """All of *octets*. Raises OSError, when the peer is gone or takes nothing."""
    rest = memoryview(octets)
    while rest:
        with trio.move_on_after(IDLE_SECONDS) as patience:
            rest = rest[await socket.send(rest) :]
        if patience.cancelled_caught:
            raise TimeoutError("the peer takes nothing")
