"""No descriptor left: a client is told so, the Listen waits for a session to end, and then goes on.

A Listen that is opened then has none to keep as its spare: it waits until there is one.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve()

STORY = """
import os, resource, sys
sys.path[:0] = sys.argv[1:3]
import trio, trio.testing
from house import asked, connected, listeners
from momentum_trio.mail.record import Panic
from test_accept_sockets import listen

HERE, THERE = "127.0.0.1:0", "127.0.0.2:0"

async def main():
    async with listeners(listen(HERE), sessions_max=10_000) as house:
        port = house.port(HERE)
        clients = [await house.connect(port) for _ in range(3)]
        for client in clients:
            assert await asked(client, b"x") == b"x"
        refused = await house.connect(port)             # its descriptor in this process is made before the limit
        assert await asked(refused, b"x") == b"x"
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        late, later = trio.socket.socket(), trio.socket.socket()
        highest = max(int(name) for name in os.listdir("/proc/self/fd"))
        filler = []
        resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 1, hard))
        while True:                                      # fill the holes below the limit
            try:
                filler.append(os.dup(0))
            except OSError:
                break
        with trio.fail_after(5):
            await late.connect(("127.0.0.1", port))
            print("late", await late.recv(100), await late.recv(100))
            await later.connect(("127.0.0.1", port))
        with trio.move_on_after(0.3) as waiting:
            await later.recv(100)
        print("waits", waiting.cancelled_caught)
        assert await asked(clients[0], b"x") == b"x"
        clients[1].socket.close()                        # frees two: the client's and the session's
        with trio.fail_after(5):
            await later.send(b"later")
            print("later", await later.recv(100))
        await house.configure(listen(HERE, THERE))       # takes the last one
        await trio.testing.wait_all_tasks_blocked()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        clients[2].socket.close()
        new = await house.connect(house.port(THERE), "127.0.0.2")
        print("new", await asked(new, b"new"))
        for panic in house.said(Panic):
            print(panic.text)
        late.close(), later.close()

trio.run(main)
"""


def test_when_descriptors_run_out() -> None:
    run = subprocess.run(
        [sys.executable, "-c", STORY, str(HERE.parent), str(HERE.parents[2])],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.stdout.splitlines() == [
        r"late b'421 full\r\n' b''",
        "waits True",
        "later b'later'",
        "new b'new'",
        "no descriptor left for a connection at 127.0.0.1:0",
        "no descriptor left to accept with at 127.0.0.2:0",
    ], run.stderr
