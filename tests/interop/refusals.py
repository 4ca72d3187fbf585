"""Refused recipients: the events that are had quickest from a real host, which needs ``Max_Refused_Recipients = 0``."""

from __future__ import annotations

import math
import socket
import time

AT_ONCE = 50
"""In one send: well within what a session reads before it answers."""


def refuse(port: int, count: int, per_second: float = math.inf) -> None:
    """Have the host at SMTP *port* refuse so many recipients, in one session, and not more of them a second."""
    began, refused = time.monotonic(), 0
    with socket.create_connection(("127.0.0.1", port)) as client, client.makefile("rb") as replies:
        client.sendall(b"EHLO a\r\nMAIL FROM:<ann@sender.example>\r\n")
        while refused < count:
            time.sleep(max(0.0, began + refused / per_second - time.monotonic()))
            client.sendall(b"RCPT TO:<dan@elsewhere.test>\r\n" * AT_ONCE)
            refused += AT_ONCE
            for _ in range(AT_ONCE):
                while (reply := replies.readline())[:1] != b"5":
                    assert reply[:1] == b"2", reply
