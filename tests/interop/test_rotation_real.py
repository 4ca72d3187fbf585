"""ec_rotate against a real host under load: of twenty rotations no line is lost, torn or doubled."""

from __future__ import annotations

import bz2
import smtplib
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

from host import CONFIG, running  # beside this file; pytest puts its folder on the path

from momentum_trio.cli.rotation import turned
from momentum_trio.log.parse_mainlog import Delivery, Heartbeat, Reception, mainlog_entry

ROTATIONS = 20
LOGGER = """
ec_logger "main" {{ mainlog = "{folder}/mainlog.ec" rejectlog = "" paniclog = "{folder}/paniclog.ec" acctlog = "" }}
"""


def test_twenty_rotations_under_load(tmp_path: Path) -> None:
    config = CONFIG.format(folder=tmp_path, port=0, more=LOGGER.format(folder=tmp_path))
    log, stop, accepted = tmp_path / "mainlog.ec", threading.Event(), Counter[str]()

    with running(tmp_path, config) as host:

        def load(name: str) -> None:
            with smtplib.SMTP("127.0.0.1", host.port) as client:
                while not stop.is_set():
                    client.sendmail("ann@client.example", [f"{name}@example.com"], "Subject: x\n\nHello.\n")
                    accepted[name] += 1

        clients = [threading.Thread(target=load, args=(name,)) for name in ("bob", "carol")]
        for client in clients:
            client.start()
        try:
            for _ in range(ROTATIONS):
                command = ["-l", str(log), "-s", str(host.control), "-r", "100"]
                subprocess.run([sys.executable, "-m", "momentum_trio.cli.ec_rotate", *command], check=True, timeout=30)
        finally:
            stop.set()
            for client in clients:
                client.join()
        assert host.stop() == 0

    files = turned(log)
    assert [(file.number, file.ending) for file in files] == [(n, ".bz2") for n in range(ROTATIONS, 0, -1)]
    lines = [line for file in files for line in bz2.decompress(file.path.read_bytes()).decode().splitlines()]
    entries = [mainlog_entry(line) for line in lines + log.read_text().splitlines()]
    received = [entry for entry in entries if isinstance(entry, Reception)]
    delivered = [entry for entry in entries if isinstance(entry, Delivery)]
    assert len(received) + len(delivered) + sum(isinstance(e, Heartbeat) for e in entries) == len(entries)
    assert Counter(entry.forward_path.partition("@")[0] for entry in received) == accepted
    ids = {entry.message_id for entry in received}
    assert len(ids) == len(received) == accepted.total() > ROTATIONS
    assert {entry.message_id for entry in delivered} == ids
    assert len(delivered) == len(ids)
