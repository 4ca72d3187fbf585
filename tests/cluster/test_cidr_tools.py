"""cidr_server, cidr_cli and cidr_maintain as an operator runs them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path

import pytest

from momentum_trio.cli import cidr_cli, cidr_maintain, cidr_server
from momentum_trio.protocol.series.journal import Journal, encode, host_of
from momentum_trio.protocol.series.moment import second_of

COUNT = "show count for 0.0.0.0/0 in spam order by count"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two journals, one of which has a day of its own."""
    folder = tmp_path / "aslogger"
    folder.mkdir()
    for moment, counts in (
        ("20080424T200000", {"192.0.2.1": 3}),
        ("20080424T201500", {"192.0.2.1": 2, "192.0.2.9": 7}),
    ):
        end = second_of(moment)
        journal = Journal("spam", end - 900, end, {host_of(address): count for address, count in counts.items()})
        (folder / journal.file_name).write_bytes(encode(journal))
    return folder


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Where a server answers."""
    program = [
        sys.executable,
        "-m",
        "momentum_trio.cli.cidr_server",
        "--basedir",
        str(folder),
        "--listen",
        "127.0.0.1:0",
    ]
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().split()[-1]
        finally:
            process.terminate()
        assert process.wait(timeout=30) == 0


def test_the_same_is_answered_by_the_files_and_by_the_server(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = "192.0.2.9/32       :         7\n192.0.2.1/32       :         5\n"
    assert cidr_cli.main(["--basedir", str(folder), *COUNT.split()]) == 0
    assert capsys.readouterr().out == answer
    with serving(folder) as place:
        assert cidr_cli.main(["--server", place, COUNT]) == 0
        assert capsys.readouterr().out == answer
        assert cidr_cli.main(["--server", place, "show count for spam"]) == 1
        assert capsys.readouterr() == ("", "cidr_cli: 'spam' is not an IPv4 or IPv6 address\n")
        monkeypatch.setattr("sys.stdin", StringIO(f"show available\n\nbogus\n{COUNT} limit 1\n"))
        assert cidr_cli.main(["--server", place]) == 0
        out, err = capsys.readouterr()
        assert out == "spam : 20080424T200000 => 20080424T201500\n192.0.2.9/32       :         7\n"
        assert err == "cidr_cli: expected 'show' instead of 'bogus'\n"
    assert cidr_cli.main(["--server", place, COUNT]) == 2
    assert capsys.readouterr().err.startswith("cidr_cli: ")


def test_old_journals_are_condensed_then_removed(
    folder: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    config = tmp_path / "cidr_maintain.conf"
    config.write_text(f'retention = 100000\nbasedir = "{folder}"\n')
    assert cidr_maintain.main(["-c", str(config), "-v"]) == 0
    assert capsys.readouterr().out == f"{folder}: 0 files removed, 1 days condensed\n"
    assert cidr_cli.main(["-c", str(config), "show available"]) == 0
    assert capsys.readouterr().out == "spam : 20080424T000000 => 20080425T000000\n"
    config.write_text(f"basedir = {folder}")
    assert cidr_maintain.main(["-c", str(config)]) == 0
    assert capsys.readouterr() == ("", "")
    assert list(folder.glob("spam*")) == []


@pytest.mark.parametrize(
    ("text", "why"),
    [("retain = 3", "line 1: 'retain' is none of"), ("basedir = /nowhere/at/all", "No such file or directory")],
)
def test_what_is_wrong_is_said(text: str, why: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    config = tmp_path / "cidr_maintain.conf"
    config.write_text(text)
    assert cidr_maintain.main(["-c", str(config)]) == 2
    assert why in capsys.readouterr().err


def test_a_place_that_cannot_be_had_is_said(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for listen in ("192.0.2.1:9000", "nonsense"):
        assert cidr_server.main(["--basedir", str(folder), "--listen", listen]) == 2
        assert capsys.readouterr().err.startswith("cidr_server: ")
    assert cidr_cli.main(["--server", "[::1]:0", COUNT]) == 2
    assert capsys.readouterr().err == "cidr_cli: expected a port from 1 to 65535, not '0'\n"
