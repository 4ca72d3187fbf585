"""A spool on a real file system that becomes full: 452, and 250 again when there is room, without a restart."""

from __future__ import annotations

import errno
import os
import smtplib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from host import CONFIG, Host, running

pytestmark = pytest.mark.interop

DISK_OCTETS = 4 * 1024 * 1024
LARGE_OCTETS = 200_000  # in a file of its own


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small file system."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_OCTETS}", "none", str(place)]
    said = subprocess.run(mount, capture_output=True, text=True, check=False) if os.geteuid() == 0 else None
    if said is None or said.returncode:
        pytest.skip(f"mounting a tmpfs takes root: {said.stderr.strip() if said is not None else 'we are not'}")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def fill(path: Path) -> None:
    """Write a file until there is no octet left."""
    with path.open("ab", buffering=0) as file:
        for size in (65536, 512, 1):
            try:
                while True:
                    file.write(b"x" * size)
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise


def send(host: Host, name: str, octets: int) -> int:
    """The reply code of one message."""
    with smtplib.SMTP("127.0.0.1", host.port, timeout=30) as client:
        content = f"Subject: {name}\r\n\r\n" + "0123456789" * (octets // 10) + "\r\n"
        try:
            client.sendmail("a@client.example", ["full@example.com"], content)
        except smtplib.SMTPDataError as refused:
            return refused.smtp_code
        return 250


@pytest.mark.parametrize("octets", [500, LARGE_OCTETS])
def test_a_full_disk_is_452_and_room_is_250_without_a_restart(tmp_path: Path, disk: Path, octets: int) -> None:
    config = CONFIG.format(folder=tmp_path, port=0, more="").replace(f"{tmp_path}/spool", f"{disk}/spool")
    filler, accepted, count = disk / "filler", 0, 0
    with running(tmp_path, config) as host:
        for _ in range(3):
            for _ in range(3):
                count += 1
                assert send(host, f"m{count}", octets) == 250
            accepted += 3
            host.wait_for_messages("full", accepted)
            fill(filler)
            codes = {send(host, "refused", octets) for _ in range(5)}
            assert 452 in codes
            assert codes <= {250, 452}  # what a delivery gave back meanwhile may have made room for one
            filler.unlink()
        count += 1
        assert send(host, f"m{count}", octets) == 250
        host.wait_for_messages("full", accepted + 1)
        assert host.stop() == 0
    subjects = {line for message in host.messages("full") for line in message.split(b"\r\n") if b"Subject: m" in line}
    assert subjects == {b"Subject: m%d" % number for number in range(1, count + 1)}
