"""jlogctl, beside a host and without one."""

from __future__ import annotations

import pathlib

import pytest
import trio

from momentum_trio.cli import jlogctl
from momentum_trio.log.jlog import Jlog
from momentum_trio.log.jlog_format import HEADER_OCTETS, NAMES
from momentum_trio.machine.os_disk import OsDisk
from momentum_trio.machine.os_entropy import OsEntropy


@pytest.fixture
def folder(tmp_path: pathlib.Path) -> pathlib.Path:
    """A log of two lives: two segments, three lines; ``master`` has the first segment."""
    folder = tmp_path / "mainlog.cluster"

    async def write() -> None:
        disk = OsDisk()
        for lines in ([b"one\n", b"two\n"], [b"three\n"]):
            log = Jlog(disk, OsEntropy(), str(folder))
            await log.open()
            await log.subscribe(["master"])
            if len(log.segments) == 1:
                await log.checkpoint("master", log.end)
            await log.append(lines)
            await log.close()
        await disk.aclose()

    trio.run(write)
    return folder


def test_what_it_shows(folder: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    at = f"00000000:{HEADER_OCTETS + 20 + 8:08x}"
    end = f"00000001:{HEADER_OCTETS + 20 + 6:08x}"
    assert jlogctl.main(["-l", str(folder)]) == 0
    assert capsys.readouterr().out == (
        f"{folder}\t[on disk: {HEADER_OCTETS + 26} bytes]\n\t[subscriber: 'master' @ {at}]\n"
    )
    assert jlogctl.main(["-s", str(folder)]) == 0
    assert capsys.readouterr().out == "master\n"
    assert jlogctl.main(["-p", "master", str(folder)]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert [line.split("\t")[-1] for line in shown[1:]] == [f"00000001:{HEADER_OCTETS:08x}", end, at, end]
    assert jlogctl.main(["-i", str(folder)]) == 0
    assert capsys.readouterr().out == f"\t{NAMES.of(1)}\t{HEADER_OCTETS + 26} octets, 1 lines from number 2\n"


def test_subscribers_come_and_go(folder: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert jlogctl.main(["-a", "mgr1", str(folder)]) == 0
    assert jlogctl.main(["-sv", str(folder)]) == 0
    assert "mgr1 @ 00000000:00000000" in capsys.readouterr().out
    assert jlogctl.main(["-e", "mgr1", str(folder)]) == 0
    assert jlogctl.main(["-e", "mgr1", str(folder)]) == 2
    assert "no subscriber mgr1" in capsys.readouterr().err
    assert jlogctl.main(["-cv", str(folder)]) == 0
    assert capsys.readouterr().out == f"{folder}: 0 segments removed\n"


def test_damage_is_found_and_set_aside(folder: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert jlogctl.main(["-d", str(folder)]) == 0
    (folder / NAMES.of(7)).write_bytes(b"x" * 100)
    assert jlogctl.main(["-d", str(folder)]) == 1
    assert jlogctl.main(["-r", str(folder)]) == 1
    assert jlogctl.main(["-d", str(folder)]) == 0
    assert f"{NAMES.of(7)} was set aside" in capsys.readouterr().out
    assert (folder / f"{NAMES.of(7)}.damaged").exists()


def test_a_log_in_use_is_not_repaired(folder: pathlib.Path, capsys: pytest.CaptureFixture[str]) -> None:
    async def held() -> None:
        disk = OsDisk()
        log = Jlog(disk, OsEntropy(), str(folder))
        await log.open()
        status = await trio.to_thread.run_sync(jlogctl.main, ["-r", str(folder)])
        assert status == 2
        await log.close()
        await disk.aclose()

    trio.run(held)
