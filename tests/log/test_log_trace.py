"""ec_log_trace: what it finds, how it tells it, and what it does with files nobody should have made."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import time
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from momentum_trio.cli import ec_log_trace, log_sources
from momentum_trio.cli.log_story import AFTERWARDS_SECONDS

FIRST, SECOND = "10/00-00481-001F3556", "11/00-00481-001F3556"
CONNECTION = "00/00-00481-001F3556"
MAINLOG = [
    f"1700000000@{FIRST}@{FIRST}@{CONNECTION}@R@bob@example.com@ann@example.net@192.0.2.1@201@esmtp@default@default",
    f"1700000001@{SECOND}@{SECOND}@{CONNECTION}@R@carol@example.org@@@192.0.2.2@99@esmtp@default@default",
    f"1700000002@{FIRST}@{FIRST}@{CONNECTION}@T@example.com@0@default@slow@4@0@2.00@198.51.100.1@450 <a@b> later",
    "1700000060@@@@M1",
    f"1700000100@{SECOND}@{SECOND}@{CONNECTION}@P@example.org@0@default@default@4@0@99.00@198.51.100.9@550 who?",
    f"1700000300@{FIRST}@{FIRST}@{CONNECTION}@D@example.com@201@default@default@1@300.250@198.51.100.2",
]
BOUNCELOG = [
    f"1700000001@{SECOND}@{SECOND}@{CONNECTION}@B@carol@example.org@@@default@default@4@10@99@198.51.100.9@550 who?"
]
REJECTLOG = [
    (
        '1700000005: R="192.0.2.7:42601" L="192.0.2.1:25" C="10/00-07149-001F3556" PATH="" PATH_GRP="" '
        'P="awaiting mailfrom" E=550 M=rbl CTXCONN=[rdnsbl=yes,empty=] CTXMESS=[somehdr="failed it"] denied'
    ),
    "1700000060: Marker 1",
]


@pytest.fixture
def logs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The default place: a rotated and compressed mainlog, what goes on from it, a bouncelog and a rejectlog."""
    (tmp_path / "mainlog.ec.2.gz").write_bytes(gzip.compress(text(MAINLOG[:1])))
    (tmp_path / "mainlog.ec.1.bz2").write_bytes(bz2.compress(text(MAINLOG[1:3])))
    (tmp_path / "mainlog.ec").write_bytes(text(MAINLOG[3:]))
    (tmp_path / "bouncelog.ec").write_bytes(text(BOUNCELOG))
    (tmp_path / "rejectlog.ec.1.xz").write_bytes(lzma.compress(text(REJECTLOG)))
    monkeypatch.setattr(log_sources, "LOG_FOLDER", tmp_path)
    return tmp_path


def text(lines: list[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode()


def traced(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    assert ec_log_trace.main(arguments) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    return captured.out.splitlines()


@pytest.mark.usefixtures("logs")
@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        ((), [MAINLOG[0], MAINLOG[1], BOUNCELOG[0], MAINLOG[2], REJECTLOG[0], MAINLOG[4], MAINLOG[5]]),
        (("--main", "--in"), MAINLOG[:2]),
        (("--out",), [MAINLOG[5]]),
        (("--tran", "--perm"), [MAINLOG[2], MAINLOG[4]]),
        (("--id", FIRST), [MAINLOG[0], MAINLOG[2], MAINLOG[5]]),
        (("--id", FIRST.lower()), [MAINLOG[0], MAINLOG[2], MAINLOG[5]]),
        (("--id", FIRST, "--id", SECOND, "--in"), MAINLOG[:2]),
        (("--batch", SECOND), [MAINLOG[1], BOUNCELOG[0], MAINLOG[4]]),
        (("--connection", "10/00-07149-001F3556"), [REJECTLOG[0]]),
        (("--from", "<>", "--main"), [MAINLOG[1]]),
        (("--from-domain-regex", r".?example\.net$"), [MAINLOG[0]]),
        (("--to", "BOB@example.com"), [MAINLOG[0]]),
        (("--to-domain", "example.com"), [MAINLOG[0], MAINLOG[2], MAINLOG[5]]),
        (("--regex", "--to", "^bob@"), [MAINLOG[0]]),
        (("--src-ip", "192.0.2.2"), [MAINLOG[1]]),
        (("--dst-ip-regex", r"^198\.51\.100\.[12]$"), [MAINLOG[2], MAINLOG[5]]),
        (("--binding", "slow"), [MAINLOG[2]]),
        (("--binding", "default", "--binding-group", "default", "--out"), [MAINLOG[5]]),
        (("--start", "1700000100", "--end", "1700000100"), [MAINLOG[4]]),
        (("--vctx-conn", "rdnsbl"), [REJECTLOG[0]]),
        (("--vctx-conn", "rdnsbl=no"), []),
        (("--vctx-conn", "empty="), [REJECTLOG[0]]),
        (("--vctx-conn", "rdnsbl="), []),
        (("--vctx-mess-regex", "somehdr=^failed "), [REJECTLOG[0]]),
        (("--vctx-conn", "rdnsbl", "--vctx-mess", "other"), []),
    ],
)
def test_lines_that_were_asked_for(
    arguments: tuple[str, ...], found: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert traced(capsys, *arguments) == found


@pytest.mark.usefixtures("logs")
def test_stories(capsys: pytest.CaptureFixture[str]) -> None:
    story = f"""\
{FIRST}  <ann@example.net> -> <bob@example.com>  (batch {FIRST}, connection {CONNECTION})
    1700000000  received from 192.0.2.1, 201 octets by esmtp, default/default
    1700000002  failed for now to example.com at 198.51.100.1, stage 4, 0 retries, after 2 s: 450 <a@b> later
    1700000300  delivered to example.com at 198.51.100.2, 201 octets, 1 retries, after 300.25 s
"""
    assert traced(capsys, "-v", "--to", "bob@example.com") == story.splitlines()
    assert traced(capsys, "-v", "--dst-ip", "198.51.100.1") == story.splitlines()
    both = traced(capsys, "-v", "--from", "<>")
    assert both[-1] == "    1700000001  bounced, class 10, stage 4: 550 who?"
    assert len(both) == 4
    rejected = traced(capsys, "-v", "--vctx-conn", "rdnsbl")
    said = "rejected 192.0.2.7:42601 at 192.0.2.1:25: 550 denied by rbl in phase 'awaiting mailfrom'"
    assert rejected[0] == f"1700000005  {said}"


@pytest.mark.usefixtures("logs")
def test_counts_are_of_the_messages_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    counts = dict(line.split(": ") for line in traced(capsys, "--count", "--from-domain=example.net"))
    assert counts == {
        "receptions": "1", "deliveries": "1", "transfers": "0", "transient failures": "1", "permanent failures": "0",
        "bounces": "0", "rejections": "0",
    }  # fmt: skip
    assert traced(capsys, "--count")[0] == "receptions: 2"


@pytest.mark.usefixtures("logs")
def test_values(capsys: pytest.CaptureFixture[str]) -> None:
    (delivery,) = map(json.loads, traced(capsys, "--json", "--out"))
    assert delivery["type"] == "D"
    assert (delivery["age_seconds"], delivery["message_id"]) == (300.25, FIRST)
    assert [json.loads(line)["type"] for line in traced(capsys, "--json", "-v", "--id", FIRST)] == ["R", "T", "D"]
    (record,) = ET.fromstring("\n".join(traced(capsys, "--xml", "--tran")))
    assert record.attrib["reason"] == "450 <a@b> later"


@pytest.mark.usefixtures("logs")
def test_dates(capsys: pytest.CaptureFixture[str]) -> None:
    (line,) = traced(capsys, "--date", "--out")
    assert line == time.ctime(1700000300) + MAINLOG[5].removeprefix("1700000300")
    assert traced(capsys, "--out", "--start", time.strftime("%b %d %H:%M:%S %Y", time.localtime(1700000300)))
    assert not traced(capsys, "--out", "--start", time.strftime("%m %d %H:%M:%S %Y", time.localtime(1700000301)))


def test_output_to_a_file(logs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, count in ((("--out",), 1), (("--out", "--append"), 2), (("--out",), 1)):
        assert traced(capsys, *arguments, "--output", str(logs / "found")) == []
        assert len((logs / "found").read_text().splitlines()) == count


def test_what_cannot_be_read_is_said_and_the_rest_goes_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / "mainlog.ec"
    log.write_bytes(b"1@torn\n\xff\x00\x1b[31m\n" + text(MAINLOG[5:]))
    assert ec_log_trace.main([str(log)]) == 0
    captured = capsys.readouterr()
    assert captured.out == MAINLOG[5] + "\n"
    assert captured.err.startswith("ec_log_trace: 2 lines could not be read:\n")
    assert "\x1b" not in captured.err


@pytest.mark.parametrize(
    ("name", "octets"), [("mainlog.ec.1.gz", b"\x1f\x8bnonsense"), ("mainlog.ec.1.bz2", b"BZh9"), ("m.1.zst", b"x")]
)
def test_a_broken_file_is_told(name: str, octets: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / name).write_bytes(octets)
    assert ec_log_trace.main([str(tmp_path / name)]) == 1
    assert name in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [("--from-regex", "("), ("--start", "yesterday")])
def test_wrong_arguments(arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        ec_log_trace.main(arguments)
    assert arguments[1] in capsys.readouterr().err


def test_stories_are_told_when_they_are_over_not_kept(tmp_path: Path) -> None:
    """What is in memory is what is in the queue: told stories are forgotten."""
    from momentum_trio.cli.log_story import stories
    from momentum_trio.log.parse_mainlog import Delivery, Reception

    def entries() -> object:
        for number in range(1000):
            at = number * AFTERWARDS_SECONDS
            name = f"{number}"
            yield Reception(at, name, name, "c", "bob@b.example", "", "192.0.2.1", 1, "esmtp", "d", "d")
            yield Delivery(at, name, name, "c", False, "b.example", 1, "d", "d", 0, 0.0, "")
            alive.append(number)

    alive: list[int] = []
    for count, story in enumerate(stories(entries())):  # type: ignore[arg-type]
        assert len(story) == 2
        assert len(alive) - count <= 3
