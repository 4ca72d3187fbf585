"""A sink: it takes, counts and keeps nothing; what fails on purpose does; and what cannot be is said."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
import trio

from momentum_trio.cli.ec_sink import configuration, told
from momentum_trio.config.error import ConfigErrors
from momentum_trio.machine.os_machine import os_machine
from momentum_trio.node.sink import Counts, run_sink

CONTENT = b"From: <a@b.example>\r\nSubject: x\r\n\r\nbody\r\n.\r\n"


async def conversation(port: int, *lines: bytes) -> list[bytes]:
    """The codes a client is told, the greeting's first."""
    stream = await trio.open_tcp_stream("127.0.0.1", port)
    codes: list[bytes] = []
    async with stream:
        for line in (b"", *lines):
            await stream.send_all(line)
            octets = b""
            while not octets.endswith(b"\r\n") or octets.splitlines()[-1][3:4] == b"-":
                received = await stream.receive_some(4096)
                if not received:
                    return codes
                octets += received
            codes.append(octets.splitlines()[-1][:3])
    return codes


async def test_it_takes_counts_and_fails_on_purpose() -> None:
    failures = ("rcpt /^eve@/ 550 5.1.1 nobody", "content /^last@/ drop")
    tree, counts = configuration(["127.0.0.1:0"], failures, ()), Counts()
    envelope = (b"EHLO a\r\n", b"MAIL FROM:<a@b.example>\r\n", b"RCPT TO:<bob@x.example>\r\n")
    async with trio.open_nursery() as nursery:
        (endpoint,) = await nursery.start(run_sink, os_machine(), tree, counts)
        more = (b"RCPT TO:<eve@x.example>\r\n", b"RCPT TO:<carol@y.example>\r\n", b"DATA\r\n", CONTENT)
        assert b" ".join(await conversation(endpoint.port, *envelope, *more)) == b"220 250 250 250 550 250 354 250"
        last = (b"RCPT TO:<last@x.example>\r\n", b"DATA\r\n", CONTENT)
        assert b" ".join(await conversation(endpoint.port, *envelope, *last)) == b"220 250 250 250 250 354"
        nursery.cancel_scope.cancel()
    assert (counts.sessions, counts.messages, counts.recipients) == (2, 1, 2)
    assert counts.octets > len(CONTENT)
    assert counts.refused == {("inject", 550): 1, ("inject", 421): 1}
    assert told(counts).splitlines()[1:] == ["refused by inject: 1 x 421", "refused by inject: 1 x 550"]


@pytest.mark.parametrize(
    ("listen", "inject", "settings"),
    [("somewhere", (), ()), ("127.0.0.1:0", ("rcpt",), ()), ("127.0.0.1:0", (), ("Idle_Time = soon",))],
)
def test_what_cannot_be_is_said(listen: str, inject: tuple[str, ...], settings: tuple[str, ...]) -> None:
    with pytest.raises(ConfigErrors):
        configuration([listen], inject, settings)


def test_the_command_tells_as_json_and_where_it_cannot_listen() -> None:
    command = [sys.executable, "-m", "momentum_trio.cli.ec_sink", "--listen"]
    done = subprocess.run([*command, "127.0.0.1:0", "--seconds", "0.2", "--json"], capture_output=True, check=True)
    assert json.loads(done.stdout.splitlines()[-1])["messages"] == 0
    failed = subprocess.run([*command, "192.0.2.1:25"], capture_output=True, check=False)
    assert (failed.returncode, failed.stderr[:8]) == (2, b"ec_sink:")
