"""Rotation, interrupted wherever it can be, with a host that goes on writing; and ec_rotate's configuration."""

from __future__ import annotations

import bz2
import gzip
import os
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from momentum_trio.cli import ec_rotate
from momentum_trio.cli.ec_rotate import Plan, Wrong, configured
from momentum_trio.cli.rotation import alone, compress, expire, turn, turned

STEPS = ("rename", "unlink", "fsync", "fchmod")


class Crash(BaseException):
    """Nothing after this happens, as after SIGKILL."""


WriteTo = Callable[[Path], "Writer"]


class Writer:
    """What the host does: it appends to what it has open, and opens anew when it is asked."""

    def __init__(self, log: Path) -> None:
        self.log, self.written = log, 0
        self.file = self._open()

    def _open(self) -> int:
        return os.open(self.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)

    def write(self) -> None:
        os.write(self.file, f"line {self.written}\n".encode())
        self.written += 1

    def reopen(self) -> None:
        os.close(self.file)
        self.file = self._open()


@pytest.fixture
def write_to() -> Iterator[WriteTo]:
    """Makes writers; closes what they have open."""
    writers: list[Writer] = []

    def make(log: Path) -> Writer:
        writers.append(Writer(log))
        return writers[-1]

    yield make
    for writer in writers:
        os.close(writer.file)


def lines(log: Path) -> list[str]:
    """All lines of *log* and its rotated files, the oldest first."""
    found: list[str] = []
    for file in turned(log):
        assert not file.is_part
        octets = file.path.read_bytes()
        if file.ending:
            octets = (bz2 if file.ending == ".bz2" else gzip).decompress(octets)
        found += octets.decode().splitlines()
    return found + (log.read_text().splitlines() if log.exists() else [])


def rotate(writer: Writer, ending: str = ".bz2") -> None:
    turn(writer.log)
    writer.write()  # it has the renamed file open
    writer.reopen()
    writer.write()
    compress(writer.log, ending)
    expire(writer.log, 100)


def crash_at(nth: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every step from the *nth* on raises."""
    steps = count()

    def counted(step: Callable[..., Any]) -> Callable[..., Any]:
        def perform(*arguments: Any, **named: Any) -> Any:
            if next(steps) >= nth:
                raise Crash
            return step(*arguments, **named)

        return perform

    for name in STEPS:
        monkeypatch.setattr(os, name, counted(getattr(os, name)))


@pytest.mark.parametrize("ending", [".bz2", ".gz"])
def test_interrupted_at_any_step_it_loses_and_doubles_nothing(tmp_path: Path, write_to: WriteTo, ending: str) -> None:
    interrupted = 0
    for nth in count():
        (tmp_path / str(nth)).mkdir()
        writer = write_to(tmp_path / str(nth) / "mainlog.ec")
        for _ in range(3):
            writer.write()
            rotate(writer, ending)
        with pytest.MonkeyPatch.context() as patch:
            crash_at(nth, patch)
            try:
                rotate(writer, ending)
            except Crash:
                interrupted += 1
            else:
                break
        writer.write()
        rotate(writer, ending)
        assert lines(writer.log) == [f"line {number}" for number in range(writer.written)]
        assert {file.ending for file in turned(writer.log)} == {ending}
    assert interrupted >= 10


def test_numbers_grow_and_old_ones_expire(tmp_path: Path, write_to: WriteTo) -> None:
    writer = write_to(tmp_path / "mainlog.ec")
    for _ in range(5):
        rotate(writer)
    assert [file.path.name for file in turned(writer.log)] == [f"mainlog.ec.{n}.bz2" for n in (5, 4, 3, 2, 1)]
    assert [path.name for path in expire(writer.log, 2)] == ["mainlog.ec.5.bz2", "mainlog.ec.4.bz2", "mainlog.ec.3.bz2"]


def test_what_is_not_ours_stays(tmp_path: Path, write_to: WriteTo) -> None:
    for name in ("mainlog.ec.old", "mainlog.ec.1x", "mainlog.ec.01", "other.1", "mainlog.ec2.1"):
        (tmp_path / name).write_text(name)
    writer = write_to(tmp_path / "mainlog.ec")
    rotate(writer)
    expire(writer.log, 1)
    for name in ("mainlog.ec.old", "mainlog.ec.1x", "mainlog.ec.01", "other.1", "mainlog.ec2.1"):
        assert (tmp_path / name).read_text() == name


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    (tmp_path / "mainlog.ec.1").symlink_to(secret)
    with pytest.raises(OSError, match="symbolic"):
        compress(tmp_path / "mainlog.ec", ".bz2")
    assert not (tmp_path / "mainlog.ec.1.bz2").exists()


def test_mode_is_kept(tmp_path: Path, write_to: WriteTo) -> None:
    writer = write_to(tmp_path / "mainlog.ec")
    writer.log.chmod(0o640)
    rotate(writer)
    assert (tmp_path / "mainlog.ec.1.bz2").stat().st_mode & 0o7777 == 0o640


def test_two_do_not_rotate_at_once(tmp_path: Path) -> None:
    with alone(tmp_path / "mainlog.ec"), pytest.raises(BlockingIOError), alone(tmp_path / "rejectlog.ec"):
        raise AssertionError


def test_a_host_that_is_not_there_keeps_its_logs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / "mainlog.ec"
    log.write_text("line\n")
    assert ec_rotate.main(["-l", str(log), "-s", str(tmp_path / "control")]) == 1
    assert "nothing was rotated" in capsys.readouterr().err
    assert log.read_text() == "line\n"


MANUAL = """\
# If enabled=yes, then ec_rotate will rotate
enabled=yes

logfiles =  /var/log/ecelerity/mainlog.ec \\
            /var/log/ecelerity/paniclog.ec   # two of them
logdirs = /var/log/ecelerity/adaptive
retention = 3
control_socket = /var/run/control
path_to_bzip = /usr/bin/gzip
"""


def test_the_configuration_file() -> None:
    logs = Path("/var/log/ecelerity/mainlog.ec"), Path("/var/log/ecelerity/paniclog.ec")
    folders = (Path("/var/log/ecelerity/adaptive"),)
    assert configured(Plan(), MANUAL, Path("c")) == Plan(True, logs, folders, 3, "/var/run/control", ".gz")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("retention = 0", "c:1: retention is a number"),
        ("\n\nretention = many", "c:3: retention is a number"),
        ("enabled = maybe", "c:1: enabled is yes or no"),
        ("logfiles = \\\n a \\\n b\nfrobnicate = 1", "c:4: there is no frobnicate"),
        ("path_to_bzip = /bin/sh", "c:1: compression is that of bzip2 or gzip, not 'sh'"),
        ("retention", "c:1: expected name = value"),
    ],
)
def test_errors_of_the_configuration_file_have_their_line(text: str, problem: str) -> None:
    with pytest.raises(Wrong, match=problem):
        configured(Plan(), text, Path("c"))


@pytest.fixture(autouse=True)
def _no_default_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ec_rotate, "DEFAULT_CONFIG", Path("/no/such/file"))
