"""validate_config and ec_dump_config, as commands."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from momentum_trio.cli import ec_dump_config, validate_config
from momentum_trio.cli.configuration import read
from momentum_trio.config.include import DirectoryListing, ErrorOfReading
from momentum_trio.config.load import load_text

GOOD = 'Relay_Hosts = ( 10.0.0.0/8 )\ninclude "more.conf"\nOutbound_SMTP_AUTH_Pass = "canary"\n'
MORE = 'ESMTP_Listener {\n  Listen ":25" { }\n}\n'
BAD = "ESMTP_Listener {\n  Enabled = false\n}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "good.conf").write_text(GOOD)
    (tmp_path / "more.conf").write_text(MORE)
    (tmp_path / "bad.conf").write_text(BAD)
    return tmp_path


def test_valid(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert validate_config.main([str(folder / "good.conf")]) == 0
    assert capsys.readouterr().out == "Configuration valid\n"


def test_invalid(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert validate_config.main([str(folder / "bad.conf")]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith(f"{folder}/bad.conf:2:3: Enabled: ")
    assert "did you mean Enable?" in told.err


def test_not_found(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert validate_config.main([str(folder / "none.conf")]) == 2
    assert capsys.readouterr().out == "No configuration found\n"
    assert validate_config.main([str(folder)]) == 2


def test_each_by_itself(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = [str(folder / name) for name in ("good.conf", "bad.conf", "more.conf")]
    assert validate_config.main(files) == 2
    assert capsys.readouterr().out.splitlines() == [
        f"{files[0]}: Configuration valid",
        f"{files[2]}: Configuration valid",
    ]


def test_syntax_only(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert validate_config.main(["--syntax-only", str(folder / "bad.conf")]) == 0
    (folder / "worse.conf").write_text("include nowhere\na = \n")
    assert validate_config.main(["--syntax-only", str(folder / "worse.conf")]) == 2
    assert "worse.conf:2:3" in capsys.readouterr().err


def test_json(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert validate_config.main(["--format", "json", str(folder / "bad.conf"), str(folder / "good.conf")]) == 2
    bad, good = json.loads(capsys.readouterr().out)
    assert (bad["valid"], good["valid"]) == (False, True)
    assert (bad["errors"][0]["line"], bad["errors"][0]["column"], bad["errors"][0]["option"]) == (2, 3, "Enabled")
    assert bad["errors"][0]["hint"] == "did you mean Enable?"


def test_dump(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ec_dump_config.main(["-c", str(folder / "good.conf")]) == 0
    text = capsys.readouterr().out
    assert load_text(text).listens("esmtp_listener")[0].key == "*:25"
    assert "canary" not in text


def test_dump_with_origin(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ec_dump_config.main(["-c", str(folder / "good.conf"), "--origin"]) == 0
    assert f'Listen ":25" {{  # {folder}/more.conf:2:3' in capsys.readouterr().out


def test_dump_as_json(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = folder / "out.json"
    assert ec_dump_config.main(["-c", str(folder / "good.conf"), "--format", "json", "--origin", "-f", str(out)]) == 0
    assert capsys.readouterr().out == ""
    dumped = json.loads(out.read_text())
    assert dumped["options"]["Relay_Hosts"] == {"value": ["10.0.0.0/8"], "at": f"{folder}/good.conf:1:1"}
    assert dumped["scopes"][0]["scopes"][0]["instance"] == ":25"
    assert "canary" not in out.read_text()


def test_dump_of_a_bad_one(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ec_dump_config.main(["-c", str(folder / "bad.conf")]) == 2
    assert "did you mean Enable?" in capsys.readouterr().err
    assert ec_dump_config.main(["-c", str(folder / "good.conf"), "-f", str(folder / "no" / "such")]) == 1


def test_environment(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "sub").mkdir()
    (folder / "sub" / "main.conf").write_text('include more.conf\ninclude "{NODENAME}.conf"\n')
    (folder / "n7.conf").write_text("Hostname = n7\n")
    monkeypatch.setenv("EC_CONF_SEARCH_PATH", f"/nowhere:{folder}")
    monkeypatch.setenv("EC_NODE_NAME", "n7")
    monkeypatch.setenv("CONFFILE", str(folder / "sub" / "main.conf"))
    assert validate_config.main([]) == 0
    assert ec_dump_config.main([]) == 0
    assert "n7" in capsys.readouterr().out


def test_reading(folder: Path) -> None:
    assert read(str(folder / "more.conf")) == MORE.encode()
    assert read(str(folder / "nowhere")) == ErrorOfReading()
    assert read(str(folder / "more.conf" / "x")) == ErrorOfReading()
    (folder / "d").mkdir()
    (folder / "d" / "e").mkdir()
    (folder / "d" / "f").write_text("")
    assert read(str(folder / "d")) == DirectoryListing(["f"])
    os.mkfifo(folder / "pipe")
    assert read(str(folder / "pipe")) == ErrorOfReading("not a plain file", is_missing=False)


@pytest.mark.parametrize("command", ["validate_config", "ec_dump_config"])
def test_without_trio(folder: Path, command: str) -> None:
    arguments = [str(folder / "good.conf")] if command == "validate_config" else ["-c", str(folder / "good.conf")]
    program = (
        f"import sys; from momentum_trio.cli import {command} as command; status = command.main({arguments!r}); "
        "sys.exit(status or 9 * ('trio' in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=Path.cwd())
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("command", ["validate_config --format json", "ec_dump_config -c"])
def test_a_reader_that_goes_away_is_no_trace(folder: Path, command: str) -> None:
    (folder / "long.conf").write_text("Relay_Hosts = ( " + "10.0.0.0/8 " * 20_000 + ")\n")
    text = f"{sys.executable} -m momentum_trio.cli.{command} long.conf | true; exit ${{PIPESTATUS[0]}}"
    if "json" in command:
        text = text.replace("long.conf", "bad.conf " * 2_000)
    root = Path(validate_config.__file__).parents[2]
    ran = subprocess.run(
        ["bash", "-c", text], cwd=folder, env=os.environ | {"PYTHONPATH": str(root)}, capture_output=True, check=False
    )
    assert (ran.returncode, ran.stderr) == (1, b"")
