"""wrk, which waits for nothing: what it was answered is what this host has counted, and has on disk."""

from __future__ import annotations

import json
import re
import subprocess
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from host import Host, running
from mail_servers import free_port
from peers import environment, program

pytestmark = pytest.mark.interop

MORE = """
Suspend_Delivery = true
http_logger {{ log = "file://{folder}/httplog" }}
HTTP_Listener {{ Listen "127.0.0.1:{port}" {{ }} }}
"""
INJECTION = Path(__file__).with_name("injection.lua")
CONNECTIONS = 10
SETTLE_SECONDS = 20


class Site(NamedTuple):
    """A host, and where it answers."""

    host: Host
    url: str

    def answered(self, path: str) -> Counter[str]:
        """Answers to requests for *path*, by status: what the httplog has."""
        said = re.findall(rf' "[A-Z]+ {path} HTTP/1.1" (\d+) ', (self.host.folder / "httplog").read_text())
        return Counter(said)

    def received(self) -> int:
        """Messages taken into custody: what Prometheus is told."""
        with urllib.request.urlopen(f"{self.url}/metrics", timeout=SETTLE_SECONDS) as said:
            (count,) = re.findall(r'^momentum_receptions_total\{protocol="rest"\} (\d+)', said.read().decode(), re.M)
        return int(count)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    program("wrk")  # before a host is started for nothing
    folder, port = tmp_path_factory.mktemp("host"), free_port()
    with running(folder, more=MORE.format(folder=folder, port=port)) as host:
        yield Site(host, f"http://127.0.0.1:{port}")


def wrk(url: str, *more: str) -> str:
    """What wrk says of a second of CONNECTIONS connections."""
    command = [program("wrk"), "--threads", "2", "--connections", str(CONNECTIONS), "--duration", "1s", *more, url]
    return subprocess.run(command, check=True, capture_output=True, text=True, env=environment()).stdout


def settled(site: Site, path: str, count: int) -> Counter[str]:
    """The answers to *path* once there are *count* or more in the log: those that wrk left behind, too."""
    limit = time.monotonic() + SETTLE_SECONDS
    while sum((found := site.answered(path)).values()) < count:
        assert time.monotonic() < limit, found
        time.sleep(0.05)
    return found


def test_each_injection_is_answered_200_and_counted_on_both_sides(site: Site) -> None:
    told = json.loads(wrk(site.url, "--script", str(INJECTION)).splitlines()[-1])
    assert told["answered"] == told["taken"] > 0
    assert (told["refused"], told["errors"]) == (0, 0)
    found = settled(site, "api/v1/transmissions", told["answered"])
    assert set(found) == {"200"}
    # wrk ends with requests under way, one a connection at most
    assert told["taken"] <= found["200"] <= told["taken"] + CONNECTIONS
    assert told["taken"] <= site.received() <= told["asked"]


def test_health_is_told_as_often_as_it_is_asked(site: Site) -> None:
    said = wrk(f"{site.url}/healthz")
    count = re.search(r"(\d+) requests in ", said)
    assert count
    assert "Non-2xx" not in said
    assert "Socket errors" not in said
    found = settled(site, "healthz", int(count[1]))
    assert set(found) == {"200"}
    assert int(count[1]) <= found["200"] <= int(count[1]) + CONNECTIONS
