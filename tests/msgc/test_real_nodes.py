"""Three host processes on one bus: a member of each from outside, one killed with -9, one ended in order."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import trio
from bus_mesh import Ear, listening, until

from momentum_trio.config.load import load_text
from momentum_trio.machine.os_machine import os_machine
from momentum_trio.msgc.member import Member
from momentum_trio.msgc.msgc_options import MsgcClientOptions

CONFIG = """
SpoolBase = "{folder}/spool"
Cluster_Secret = "file://{secret}"
cluster {{ Nodename = "{name}" }}
msgc_server {{ Reconnect_Interval = 1 Peers = [ {peers} ] }}
msgc_client {{ Reconnect_Interval = 1 Server = ( "127.0.0.1:{port}" ) }}
msgcserver_listener {{ Listen "127.0.0.1:{port}" {{ }} }}
Control_Listener {{ Listen "{folder}/control" {{ }} }}
"""
NAMES = "abc"
GONE_SECONDS = 3.0
"""After so long at most nobody waits for a process that was killed: its connections are reset at once."""


@contextmanager
def host(folder: Path, name: str, ports: dict[str, int], secret: Path) -> Iterator[subprocess.Popen[str]]:
    place = folder / name
    place.mkdir(exist_ok=True)
    peers = " ".join(f'{each} = "127.0.0.1:{port}"' for each, port in ports.items())
    config = place / "ecelerity.conf"
    config.write_text(CONFIG.format(folder=place, name=name, peers=peers, port=ports[name], secret=secret))
    command = [sys.executable, "-m", "momentum_trio", "-c", str(config)]
    with (place / "stderr").open("ab") as errors:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def member(nursery: trio.Nursery, port: int, secret: Path) -> Ear:
    text = f"""
        Cluster_Secret = "file://{secret}"
        msgc_client {{ Reconnect_Interval = 1 Server = ( "127.0.0.1:{port}" ) }}
    """
    options = MsgcClientOptions.resolve(load_text(text).chain_scope("msgc_client"))
    ear = Ear(Member(os_machine(), "test", lambda: options))
    nursery.start_soon(ear.member.run)
    nursery.start_soon(ear.listen)
    ear.member.join("g")
    return ear


async def free_ports() -> dict[str, int]:
    """Ports that were free a moment ago."""
    sockets = {name: await listening() for name in NAMES}
    ports = {name: int(socket.getsockname()[1]) for name, socket in sockets.items()}
    for socket in sockets.values():
        socket.close()
    return ports


def of(names: str) -> set[str]:
    return {f"#test#{name}" for name in names}


async def test_one_is_killed_and_one_ends(tmp_path: Path) -> None:
    ports = await free_ports()
    secret = tmp_path / "secret"
    secret.write_text("what the three of them know\n")
    secret.chmod(0o600)
    with (
        host(tmp_path, "a", ports, secret) as first,
        host(tmp_path, "b", ports, secret),
        host(tmp_path, "c", ports, secret) as third,
    ):
        async with trio.open_nursery() as nursery:
            ears = [member(nursery, port, secret) for port in ports.values()]
            await until(lambda: all(set(ear.view()) == of("abc") for ear in ears))
            for number in range(30):
                assert ears[number % 3].member.publish("g", b"%d" % number)
            await until(lambda: all(len(ear.told()) == 30 for ear in ears))
            assert ears[0].order == ears[1].order == ears[2].order

            began = trio.current_time()
            first.send_signal(signal.SIGKILL)  # which orders the messages
            await until(lambda: set(ears[1].view()) == set(ears[2].view()) == of("bc"))
            assert trio.current_time() - began < GONE_SECONDS
            ears[1].member.publish("g", b"of two")
            await until(lambda: b"of two" in ears[2].told())

            third.send_signal(signal.SIGTERM)
            await until(lambda: set(ears[1].view()) == of("b"))
            while third.poll() is None:  # noqa: ASYNC110 (a process of another kind)
                await trio.sleep(0.02)
            assert third.returncode == 0

            with host(tmp_path, "a", ports, secret):
                await until(lambda: set(ears[0].view()) == set(ears[1].view()) == of("ab"))
            nursery.cancel_scope.cancel()
    for name in NAMES:
        assert not re.search("Traceback|CRITICAL", (tmp_path / name / "stderr").read_text())
