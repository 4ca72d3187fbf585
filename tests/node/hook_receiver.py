"""Somebody's HTTP server that webhooks tell: it takes batches, or does what such servers do instead."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import h11
import trio

from momentum_trio.machine import Machine
from momentum_trio.net.tls_terms import TlsTerms
from sim.certificates import FOLDER, SERVER, SERVER_KEY

TERMS = TlsTerms(f"{FOLDER}/{SERVER}", f"{FOLDER}/{SERVER_KEY}")
RECEIVE_OCTETS = 65_536


@dataclass
class Receiver:
    """mood: ``take``; an HTTP status, said and nothing taken; ``hang``; ``drop``: taken, but the answer is lost.

    taken: bodies by id, in the order in which each id first came. repeated: how often one came again.
    """

    secret: str
    mood: str = "take"
    taken: dict[str, dict[str, Any]] = field(default_factory=dict)
    repeated: int = 0
    requests: list[h11.Request] = field(default_factory=list)

    @property
    def events(self) -> list[dict[str, Any]]:
        """All that was told, in order."""
        return [event for body in self.taken.values() for event in body["events"]]

    def of_type(self, word: str) -> list[dict[str, Any]]:
        """Those of one type."""
        return [event for event in self.events if event["type"] == word]

    async def serve(
        self, machine: Machine, port: int, *, tls: bool, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        assert machine.tls is not None
        context = await machine.tls.server_context(TERMS) if tls else None
        with trio.socket.socket() as listening:
            listening.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_REUSEADDR, 1)
            await listening.bind(("0.0.0.0", port))
            listening.listen()
            task_status.started()
            async with trio.open_nursery() as nursery:
                while True:
                    socket, _ = await listening.accept()
                    below = trio.SocketStream(socket)
                    stream: trio.abc.Stream = below
                    if context is not None:
                        stream = trio.SSLStream(below, context, server_side=True, https_compatible=True)
                    nursery.start_soon(self._answer, stream)

    async def _answer(self, stream: trio.abc.Stream) -> None:
        try:
            request, body = await _whole(stream)
            self.requests.append(request)
            if self.mood == "hang":
                await trio.sleep_forever()
            if self.mood in ("take", "drop"):
                self._take(dict(request.headers), body)
            if self.mood != "drop":
                status = 204 if self.mood == "take" else int(self.mood)
                location = b"Location: https://elsewhere.mx.example.com/\r\n" if status // 100 == 3 else b""
                await stream.send_all(b"HTTP/1.1 %d x\r\nContent-Length: 0\r\n%s\r\n" % (status, location))
        except (trio.BrokenResourceError, h11.RemoteProtocolError, OSError):
            pass
        finally:
            await trio.aclose_forcefully(stream)

    def _take(self, headers: dict[bytes, bytes], body: bytes) -> None:
        batch_id, stamp = headers[b"webhook-id"], headers[b"webhook-timestamp"]
        digest = hmac.new(self.secret.encode(), b".".join((batch_id, stamp, body)), hashlib.sha256).digest()
        assert b"v1," + base64.b64encode(digest) in headers[b"webhook-signature"].split()
        said = json.loads(body)
        assert said["batch_id"] == batch_id.decode()
        if batch_id.decode() in self.taken:
            assert self.taken[batch_id.decode()] == said
            self.repeated += 1
        else:
            self.taken[batch_id.decode()] = said

    def numbers(self) -> Iterator[tuple[int, int]]:
        """First and last number of each batch."""
        for body in self.taken.values():
            yield body["first"], body["last"]


async def _whole(stream: trio.abc.Stream) -> tuple[h11.Request, bytes]:
    connection = h11.Connection(h11.SERVER)
    request, body = None, b""
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            connection.receive_data(bytes(await stream.receive_some(RECEIVE_OCTETS)))
        elif isinstance(event, h11.Request):
            request = event
        elif isinstance(event, h11.Data):
            body += event.data
        elif request is None:
            raise trio.BrokenResourceError
        else:
            return request, body
