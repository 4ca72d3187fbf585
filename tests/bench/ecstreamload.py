"""ECStream load: batches over some connections, one at a time on each, by the sans-IO client.

    ecstreamload.py HOST PORT CONNECTIONS MESSAGES OCTETS [--batch MESSAGES]

Every message has a content of its own. What is the same in each batch is encoded once, as ``smtpload`` does. Exit
status 1 when a message is not taken, and after LIMIT_SECONDS.
"""

from __future__ import annotations

import argparse
import select
import socket
import time

from momentum_trio.protocol.ecstream.batch import Batch, Encoded, Message, Recipient
from momentum_trio.protocol.ecstream.client import Client, Event
from momentum_trio.protocol.ecstream.frame import Welcome
from momentum_trio.protocol.ecstream.results import Results

LIMIT_SECONDS = 120
PATIENCE_SECONDS = 30
LINE = b"X" * 76 + b"\r\n"


def content(octets: int) -> bytes:
    """What ``smtpload`` sends, too."""
    return b"Subject: load\r\n\r\n" + (LINE * (octets // len(LINE) + 1))[: octets - 2] + b"\r\n"


def batch_of(count: int, octets: bytes) -> Encoded:
    """A batch of *count* messages, each with *octets*."""
    messages = tuple(Message(b"a@b.test", (Recipient(b"c@d.test"),), place) for place in range(count))
    return Encoded.of(Batch(1, (octets,) * count, messages))


def numbered(batch: Encoded, number: int) -> Encoded:
    """The same as the *number* of its connection: that is the first field behind the header of the frame."""
    header, head, *rest = batch.pieces
    pieces = [header, number.to_bytes(4, "big") + bytes(head[4:]), *rest]
    return Encoded(batch.batch._replace(number=number), pieces, batch.octets)


class Connection:
    """One connection, welcomed."""

    def __init__(self, host: str, port: int) -> None:
        self.socket = socket.create_connection((host, port), timeout=PATIENCE_SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.core = Client(b"load")
        self._send()
        if not isinstance(self.wait(), Welcome):
            raise SystemExit("not welcome")

    def begin(self, batch: Encoded) -> None:
        """Send *batch* once more."""
        self.core.batch(numbered(batch, self.core.next_number))
        self._send()

    def wait(self) -> Event:
        """The next event."""
        while (event := self.core.next_event()) is None:
            self.core.received(self.socket.recv_into(self.core.room()))
        return event

    def close(self) -> None:
        """Say BYE, and go."""
        self.core.bye()
        self._send()
        self.socket.close()

    def _send(self) -> None:
        self.socket.sendall(b"".join(self.core.octets_to_send()))


def drive(connections: list[Connection], count: int, octets: bytes, batch: int) -> None:
    """Let *connections* send *count* messages, each with *octets*, in batches of *batch*."""
    encoded = batch_of(batch, octets)
    poll = select.epoll()
    by_number = {connection.socket.fileno(): connection for connection in connections}
    left = done = 0
    left = count
    for number, connection in by_number.items():
        poll.register(number, select.EPOLLIN)
        connection.begin(encoded)
        left -= batch
    limit = time.monotonic() + LIMIT_SECONDS
    while done < count:
        for number, _ in poll.poll(1):
            connection = by_number[number]
            event = connection.wait()
            if not isinstance(event, Results) or not all(result.id for result in event.messages):
                raise SystemExit(f"not taken: {event}")
            done += len(event.messages)
            if left > 0:
                connection.begin(encoded)
                left -= batch
            else:
                poll.unregister(number)
        if time.monotonic() > limit:
            raise SystemExit(f"{done} of {count} messages in {LIMIT_SECONDS} s")


def main() -> None:
    """Send the messages asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("host")
    for name in ("port", "connections", "messages", "octets"):
        parser.add_argument(name, type=int)
    parser.add_argument("--batch", type=int, default=100)
    arguments = parser.parse_args()
    connections = [Connection(arguments.host, arguments.port) for _ in range(arguments.connections)]
    drive(connections, arguments.messages, content(arguments.octets), arguments.batch)
    for connection in connections:
        connection.close()


if __name__ == "__main__":
    main()
