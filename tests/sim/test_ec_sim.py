"""``ec_sim`` as people use it, on a real scenario whose mail is thrown away after it was answered 250."""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from sim.__main__ import main
from sim.commands.command import UsageError, duration, seeds
from sim.commands.onward import move_on, onward
from sim.commands.provenance import read_provenance
from sim.scenario_text import read
from sim.surroundings import HASH_SEED, SETTLED, code_hash, hash_seed_of

ROOT = Path(__file__).parents[2]
CONFIG = """
Hostname = "mx.example.com"
Relay_Domains = ( "example.com" )
Domain "example.com" { Delivery_Method = BLACKHOLE }
ESMTP_Listener { Listen ":25" {} }
"""
TO_MX = 'from = "client" to = "mx:25" recipients = "alice@example.com"'
MAILS = "\n".join(f'  Mail "m{each}" {{ at = "{each}s" {TO_MX} session = {each} }}' for each in range(1, 9))
SCENARIO = f"""
Simulation {{
  duration = "10s"
  Host "client" {{ program = "client" addresses = "10.0.0.7" }}
  Host "mx" {{ addresses = "10.0.0.25" config = "mx.conf" }}
{MAILS}
  Load "mail" {{ {TO_MX} count = 2 for = "8s" }}
  At "4s" {{ power = "mx" for = "1s" }}
}}
"""
HELD = SCENARIO.replace('At "4s"', 'Expect { without = ( "no_accepted_lost" "drained" ) }\n  At "4s"')


@pytest.fixture
def lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A scenario whose mail is lost; this process passes for one that was started with hash seed 1."""
    monkeypatch.setenv(SETTLED, "1")
    monkeypatch.setenv(HASH_SEED, "1")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mx.conf").write_text(CONFIG)
    (tmp_path / "lost.sim").write_text(SCENARIO)
    (tmp_path / "held.sim").write_text(HELD)
    return "lost.sim"


def ran(*arguments: str) -> tuple[int, str]:
    """``python -m sim`` in a process of its own."""
    environment = {name: value for name, value in os.environ.items() if name not in (SETTLED, HASH_SEED)}
    environment["PYTHONPATH"] = str(ROOT)
    process = subprocess.run(
        [sys.executable, "-m", "sim", *arguments], env=environment, capture_output=True, text=True, check=False
    )
    return process.returncode, process.stdout + process.stderr


def test_a_run_is_made_under_the_hash_seed_of_its_seed(lost: str) -> None:
    status, said = ran("run", lost, "--seed", "3")
    assert status == 1, said
    assert f"hash seed {hash_seed_of(3)}" in said
    assert "python -m sim run lost.sim --seed 3\n" in said.replace(Path(sys.executable).name, "python")
    assert f"Code {code_hash()}, Python " in said


def test_run_save_replay_shrink_show(lost: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", lost, "--seed", "3", "--hash-seed", "1", "--save", "out/fail.sim"]) == 1
    said = capsys.readouterr().out
    assert re.search(r"no_accepted_lost at \d+\.\d+ s: m\w*-?\d for alice@example.com was answered", said)
    assert "mx loses power" in said
    assert "fault.power 1" in said
    saved = read("out/fail.sim")
    assert (saved.seed, saved.concrete, len(saved.mails)) == (3, True, 10)

    assert main(["replay", "out/fail.sim"]) == 1
    assert "The same run as when it was saved." in capsys.readouterr().out

    assert main(["shrink", "out/fail.sim", "--runs", "30"]) == 1
    assert "it fails again, the same way" in capsys.readouterr().out
    small = read("out/fail.small.sim")
    assert 0 < len(small.mails) < len(saved.mails)

    assert main(["show", "out/fail.small.sim", "-o", "out/run.html"]) == 0
    page = Path("out/run.html").read_text(encoding="utf-8")
    assert f"At the end, no durable copy of {small.mails[0].name} anywhere." in page
    assert "fail.small.sim, seed " in page


def test_a_saved_run_that_goes_another_way_is_told(lost: str, capsys: pytest.CaptureFixture[str]) -> None:
    main(["run", lost, "--seed", "3", "--hash-seed", "1", "--save", "fail.sim"])
    saved = read_provenance("fail.sim")
    assert saved is not None
    assert (saved.broke, saved.hash_seed) == ("no_accepted_lost", "1")
    text = Path("fail.sim").read_text()
    Path("fail.sim").write_text(text.replace(saved.digest, "0" * 32))
    assert main(["replay", "fail.sim"]) == 3
    assert "it is not deterministic" in capsys.readouterr().out
    Path("fail.sim").write_text(text.replace(saved.digest, "0" * 32).replace(saved.code, "0" * 16))
    assert main(["replay", "fail.sim"]) == 1
    assert f"that was code {'0' * 16}" in capsys.readouterr().out


def test_a_run_that_holds(lost: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "held.sim", "--hash-seed", "1", "--save", "fail.sim"]) == 0
    assert "held.sim, seed 1: held" in capsys.readouterr().out
    assert not Path("fail.sim").exists()
    assert main(["shrink", "held.sim", "--hash-seed", "1"]) == 0
    assert "nothing to shrink" in capsys.readouterr().out


def test_traces_and_their_difference(lost: str, capsys: pytest.CaptureFixture[str]) -> None:
    for seed, trace in (("3", "a.trace"), ("3", "b.trace"), ("4", "c.trace")):
        main(["run", lost, "--seed", seed, "--hash-seed", "1", "--trace", trace])
    capsys.readouterr()
    assert main(["diff", "a.trace", "b.trace"]) == 0
    assert "equal" in capsys.readouterr().out
    assert main(["diff", "a.trace", "c.trace"]) == 1
    said = capsys.readouterr().out
    assert re.search(r"part at line \d+ \(host \w+, virtual time \d+\.\d+ s\)", said)
    assert main(["diff", "a.trace", "nowhere"]) == 2
    assert "nowhere: No such file" in capsys.readouterr().err


def test_a_swarm_saves_what_fails_and_that_can_be_replayed(lost: str) -> None:
    status, said = ran("swarm", lost, "--seeds", "1..2", "--jobs", "2", "--twice", "-o", "found")
    assert status == 1, said
    assert "no_accepted_lost: 2 seeds" in said
    assert "the same digest in two processes" in said
    assert "2/2 seeds" in said
    status, said = ran("replay", "found/lost-no_accepted_lost-2.sim")
    assert status == 1, said
    assert "The same run as when it was saved." in said


def test_seeds_go_on_where_the_last_campaign_ended(tmp_path: Path) -> None:
    path = tmp_path / "nightly" / "bus.seed"
    assert onward(path, range(5, 7)) == range(5, 7)
    move_on(path, 7)
    assert onward(path, range(5, 7)) == range(7, 9)
    path.write_text("tonight", "ascii")
    with pytest.raises(UsageError):
        onward(path, range(5, 7))


def test_check(lost: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", lost]) == 0
    assert "10 messages, 1 fault," in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [
        ["run", "nowhere.sim"],
        ["check", "nowhere.sim"],
        ["replay", "mx.conf"],
        ["shrink", "lost.sim", "--hash-seed", "1", "--invariant", "content_unchanged", "--runs", "5"],
        ["swarm", "lost.sim", "--jobs", "0"],
        ["run", "lost.sim", "--hash-seed", "1", "--trace", "mx.conf/trace"],
    ],
)
def test_what_cannot_be_done_is_said(lost: str, arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    said = capsys.readouterr()
    assert said.err.startswith("ec_sim: ") or "put right" in said.out


@pytest.mark.parametrize(
    "arguments", [[], ["fly"], ["run"], ["run", "x", "--seed", "-1"], ["swarm", "x", "--time", "1d"]]
)
def test_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert "usage: ec_sim" in capsys.readouterr().err


@pytest.mark.parametrize(("text", "found"), [("1..3", range(1, 4)), ("7", range(7, 8)), ("0..0", range(1))])
def test_ranges_of_seeds(text: str, found: range) -> None:
    assert seeds(text) == found


@pytest.mark.parametrize("text", ["", "3..1", "a", "1..", "1...3", "0..99999999"])
def test_no_ranges_of_seeds(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError):
        seeds(text)


@pytest.mark.parametrize(("text", "found"), [("90", 90), ("1.5s", 1.5), ("10m", 600), ("2h", 7200)])
def test_durations(text: str, found: float) -> None:
    assert duration(text) == found


def test_hash_seeds_are_made_from_seeds() -> None:
    made = [hash_seed_of(seed, purpose) for seed in range(50) for purpose in ("", "side 0", "side 1")]
    assert len(set(made)) == 150
    assert all(0 < each < 2**32 for each in made)
