"""The real host: its events by the websockets package and by a client made by hand, its webhook by http.server."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import re
import smtplib
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

from test_real_host import START_SECONDS, port_in, running
from websockets.sync.client import connect

SECRET = "whsec_" + base64.b64encode(b"s" * 24).decode()
MORE = """
HTTP_Listener {{ Listen "127.0.0.1:0" {{ }} }}
webhook "here" {{ URL = "http://localhost:{port}/hook" Signing_Secret = "{secret}" Events = ( reception delivery ) }}
"""


@contextmanager
def receiver() -> Iterator[tuple[int, list[dict[str, Any]]]]:
    """Its port, and the batches that it took; the signature of each is checked."""
    taken: list[dict[str, Any]] = []

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            signed = f"{self.headers['webhook-id']}.{self.headers['webhook-timestamp']}.".encode() + body
            right = base64.b64encode(hmac.new(b"s" * 24, signed, hashlib.sha256).digest()).decode()
            is_right = self.headers["webhook-signature"] == f"v1,{right}"
            if is_right:
                taken.append(json.loads(body))
            self.send_response(204 if is_right else 403)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Hook) as server:
        serving = Thread(target=server.serve_forever, daemon=True)
        serving.start()
        yield server.server_port, taken
        server.shutdown()
        serving.join(START_SECONDS)


def send(port: int) -> None:
    with smtplib.SMTP("127.0.0.1", port) as client:
        client.sendmail("ann@client.example", ["bob@example.com"], "Subject: one\n\nHello.\n")


def test_what_clients_of_others_see_of_it(tmp_path: Path) -> None:
    with receiver() as (hook, taken), running(tmp_path, MORE.format(port=hook, secret=SECRET)) as host:
        said = host.said_until("console")
        smtp, found = port_in(said), re.search(r"HTTP_Listener\b.*?:(\d+)", said)
        assert found
        url = f"ws://127.0.0.1:{found[1]}/api/v1"
        with connect(f"{url}/events?type=reception,delivery&domain=example.com&cursor=") as events:
            start = json.loads(events.recv(START_SECONDS))
            assert start["type"] == "subscribed"
            send(smtp)
            told: list[dict[str, Any]] = []
            while len(told) < 2:
                told += json.loads(events.recv(START_SECONDS))["events"]
            assert [event["type"] for event in told] == ["reception", "delivery"]
            assert told[0]["message_id"] == told[1]["message_id"]
        with connect(f"{url}/events?cursor={told[0]['cursor']}&type=delivery") as events:
            assert json.loads(events.recv(START_SECONDS))["cursor"] == told[0]["cursor"]
            assert json.loads(events.recv(START_SECONDS))["events"] == told[1:]
        with connect(f"{url}/console") as console:
            assert json.loads(console.recv(START_SECONDS))["type"] == "banner"
            console.send('{"type":"command","line":"summary","form":"json"}')
            assert json.loads(console.recv(START_SECONDS))["data"]["received"] == 1
        _raw_client(int(found[1]), told[0]["cursor"])
        limit = time.monotonic() + START_SECONDS
        while sum(len(body["events"]) for body in taken) < 2:
            assert time.monotonic() < limit
            time.sleep(0.05)
        host.process.terminate()
        assert host.ended() == 0
    assert [event["type"] for body in taken for event in body["events"]] == ["reception", "delivery"]


def _raw_client(port: int, cursor: str) -> None:
    """A handshake and frames by hand (RFC 6455 sections 4.1 and 5.2)."""
    key = base64.b64encode(os.urandom(16)).decode()
    with socket.create_connection(("127.0.0.1", port), START_SECONDS) as client, client.makefile("rb") as reading:
        head = "GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        client.sendall(f"{head}Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode())
        assert reading.readline().startswith(b"HTTP/1.1 101 ")
        while reading.readline() != b"\r\n":
            pass
        client.sendall(_frame(json.dumps({"type": "subscribe", "cursor": cursor}).encode()))
        assert json.loads(_heard(reading))["type"] == "subscribed"
        assert json.loads(_heard(reading))["events"]


def _frame(payload: bytes) -> bytes:
    mask = os.urandom(4)
    masked = bytes(octet ^ mask[place % 4] for place, octet in enumerate(payload))
    return bytes([0x81, 0x80 | len(payload)]) + mask + masked


def _heard(reading: Any) -> bytes:
    _, length = reading.read(2)
    if length == 126:
        (length,) = struct.unpack(">H", reading.read(2))
    payload: bytes = reading.read(length)
    return payload
