"""kill -9 while mail is accepted, delivered, deferred and bounced: nothing answered 250 is lost.

What comes twice has a kill, or a confirmation that was lost, between its two deliveries.
"""

from __future__ import annotations

import email
import json
import os
import random
import socket
import threading
import time
from bisect import bisect_right
from collections.abc import Iterator
from email.message import Message
from itertools import count, pairwise
from pathlib import Path
from typing import BinaryIO

import pytest
from host import Host, running
from moody_server import moody_server

pytestmark = pytest.mark.interop

# `make test` keeps this small; `make campaign` runs it whole.
KILLS = int(os.environ.get("MOMENTUM_KILLS", "3"))
LIFE_SECONDS = float(os.environ.get("MOMENTUM_LIFE", "0.5"))
SESSIONS = 6
MOODS = ("ok", "ok", "ok", "ok", "ok", "ok", "late", "late", "dead", "lost")
DUPLICATES_SHARE_MAX = 0.001
STANDSTILL_SECONDS = 60.0

CONFIG = """
Hostname = "relay.example.com"
SpoolBase = "{folder}/spool"
Spool_Segment_Size = 1000000
Relay_Hosts = ( "127.0.0.1" )
Retry_Interval = 1
Max_Outbound_Connections = 5
Domain "moody.example" {{ Gateway = "127.0.0.1:{gateway}" }}
Domain "client.example" {{
  Delivery_Method = MAILDIR
  Maildir_Path = "{folder}/mail/%d/all"
}}
ESMTP_Listener {{ Listen "127.0.0.1:0" {{}} }}
Control_Listener {{ Listen "{folder}/control" {{}} }}
"""


class Load:
    """Sessions that send numbered messages as fast as they are answered, and note those that got a 250."""

    def __init__(self, port: int, numbers: Iterator[int], accepted: set[str]) -> None:
        self._port, self._numbers, self._accepted = port, numbers, accepted
        self._threads = [threading.Thread(target=self._session) for _ in range(SESSIONS)]
        for thread in self._threads:
            thread.start()

    def join(self) -> None:
        for thread in self._threads:
            thread.join()

    def _session(self) -> None:
        try:
            with (
                socket.create_connection(("127.0.0.1", self._port), timeout=10) as session,
                session.makefile("rb") as replies,
            ):
                session.sendall(b"HELO client.example\r\n")
                for _ in ("greeting", "HELO"):
                    replies.readline()
                while True:
                    self._send(session, replies)
        except OSError:
            return

    def _send(self, session: socket.socket, replies: BinaryIO) -> None:
        number = next(self._numbers)
        recipient = f"{MOODS[number % len(MOODS)]}-{number}@moody.example"
        content = f"Subject: {recipient}\r\nFrom: <s-{number}@client.example>\r\n\r\nx\r\n.\r\n"
        lines = (f"MAIL FROM:<s-{number}@client.example>\r\n", f"RCPT TO:<{recipient}>\r\n", "DATA\r\n", content)
        for line, code in zip(lines, (b"250", b"250", b"354", b"250"), strict=True):
            session.sendall(line.encode())
            if not replies.readline().startswith(code):
                raise ConnectionAbortedError
        self._accepted.add(recipient)


@pytest.mark.timeout(1800)  # what was accepted is delivered to its end, which a standstill ends sooner
def test_kill_9_while_mail_goes_through(tmp_path: Path) -> None:
    seed = int(os.environ.get("MOMENTUM_SEED", "0")) or random.SystemRandom().randrange(1, 2**31)
    print(f"seed {seed}: replay with MOMENTUM_SEED={seed}")
    moments, numbers, accepted, kills = random.Random(seed), count(), set[str](), list[float]()
    with moody_server() as server:
        config = CONFIG.format(folder=tmp_path, gateway=server.port)
        for _ in range(KILLS):
            with running(tmp_path, config) as host:
                load = Load(host.port, numbers, accepted)
                time.sleep(moments.uniform(0.05, 2 * LIFE_SECONDS))
                host.kill()
                kills.append(time.monotonic())
                load.join()
        with running(tmp_path, config) as host:
            drain(host)
            bounced = reports(host)
    arrived = server.arrivals
    lost = {each for each in accepted if each not in arrived.moments and each not in bounced}
    assert not lost, f"{len(lost)} of {len(accepted)}, such as {sorted(lost)[:3]}"
    assert {each for each in accepted if each.startswith("dead-")} <= bounced.keys()
    assert all(recipient == subject for recipient, subject in arrived.subjects.items())
    twice = {each: moments for each, moments in arrived.moments.items() if len(moments) > 1}
    without_cause = [each for each in twice if not each.startswith("lost-") and not killed_between(twice[each], kills)]
    assert not without_cause, without_cause[:3]
    repeated = sum(len(twice[each]) - 1 for each in twice if not each.startswith("lost-"))
    repeated += sum(reports - 1 for reports in bounced.values())
    print(f"{len(accepted)} accepted, {len(kills)} kills, {repeated} came twice ({repeated / len(accepted):.3%})")
    assert KILLS < 50 or repeated < DUPLICATES_SHARE_MAX * len(accepted)


def killed_between(moments: list[float], kills: list[float]) -> bool:
    """Whether between each two deliveries in a line lies a kill."""
    return all(bisect_right(kills, later) > bisect_right(kills, sooner) for sooner, later in pairwise(moments))


def drain(host: Host) -> None:
    """Until nothing is queued, as long as it becomes less."""
    least, limit = float("inf"), time.monotonic() + STANDSTILL_SECONDS
    while (queued := int(json.loads(host.console("json", "summary"))["total_queue_size"])) > 0:
        if queued < least:
            least, limit = queued, time.monotonic() + STANDSTILL_SECONDS
        assert time.monotonic() < limit, f"{queued} messages are still queued\n{host.errors.read_text()}"
        time.sleep(0.2)


def reports(host: Host) -> dict[str, int]:
    """The recipients that delivery status notifications name as failed, and how many did."""
    found: dict[str, int] = {}
    for path in host.mailbox("all", "client.example").iterdir():
        message = email.message_from_bytes(path.read_bytes())
        for part in message.walk():
            if part.get_content_type() == "message/delivery-status":
                blocks = part.get_payload()
                assert isinstance(blocks, list)
                for fields in blocks[1:]:
                    assert isinstance(fields, Message)
                    recipient = str(fields["Final-Recipient"]).partition(";")[2].strip()
                    found[recipient] = found.get(recipient, 0) + 1
    return found
