"""``ec_md5passwd``: what it prints, what it writes, and that htdigest's format is what the console reads."""

from __future__ import annotations

import io
import os
import pty
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from momentum_trio.cli.ec_md5passwd import _with, main
from momentum_trio.console.password_file import digests, passwords
from momentum_trio.protocol.sasl.digest_md5 import digest_of
from momentum_trio.protocol.sasl.password_hash import SCHEMES, verified

TOOL = [sys.executable, "-m", "momentum_trio.cli.ec_md5passwd"]
SECONDS = 20


def run(*arguments: str, typed: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    """The tool, here; at a terminal it is a process."""
    with pytest.MonkeyPatch.context() as given_to_it:
        given_to_it.setattr(sys, "stdin", io.StringIO(typed))
        for name, value in environment.items():
            given_to_it.setenv(name, value)
        with redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()) as errors:
            status = main(arguments)
    return subprocess.CompletedProcess(arguments, status, out.getvalue(), errors.getvalue())


def test_without_a_file_the_line_is_printed() -> None:
    ran = run("fred", "secret")
    assert ran.returncode == 0
    assert ran.stdout == (
        "Password updated.\nPlace or replace this line in your password file:\n"
        f"fred:Momentum Console:{digest_of('fred', 'Momentum Console', 'secret')}\n"
    )


@pytest.mark.parametrize(
    ("arguments", "environment", "realm"),
    [
        ([], {}, "Momentum Console"),
        ([], {"EC_DIGEST_REALM": "mail"}, "mail"),
        (["-r", "other"], {"EC_DIGEST_REALM": "mail"}, "other"),
    ],
)
def test_the_realm(arguments: list[str], environment: dict[str, str], realm: str) -> None:
    ran = run(*arguments, "fred", "pw", **environment)
    assert ran.stdout.endswith(f"\nfred:{realm}:{digest_of('fred', realm, 'pw')}\n")


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_hash_is_what_mail_verifies(scheme: str, tmp_path: Path) -> None:
    path = tmp_path / "hashed"
    path.write_text("bob:other\nann:old\nann:older\n")
    assert run("--hash", scheme, "-f", str(path), "ann", "one:two").stdout == "Password updated.\n"
    first, line = path.read_text().splitlines()
    assert first == "bob:other"
    assert passwords(line)["ann"].startswith(f"${scheme}$")
    assert verified(passwords(line)["ann"], "one:two")


def test_a_file_is_made_for_its_owner_alone_and_only_the_line_changes(tmp_path: Path) -> None:
    path = tmp_path / "passwd"
    assert run("-f", str(path), "ann", "one").stdout == "Password updated.\n"
    assert path.stat().st_mode & 0o777 == 0o600
    first = path.read_text()
    assert digests(first, "Momentum Console") == {"ann": digest_of("ann", "Momentum Console", "one")}
    path.write_bytes(b"# caf\xe9\n" + first.encode() + b"ann:other:" + b"0" * 32 + b"\n\nbob:x")
    path.chmod(0o640)
    assert run("-f", str(path), "ann", "two").returncode == 0
    changed = f"ann:Momentum Console:{digest_of('ann', 'Momentum Console', 'two')}\n".encode()
    assert path.read_bytes() == b"# caf\xe9\n" + changed + b"ann:other:" + b"0" * 32 + b"\n\nbob:x\n"
    assert path.stat().st_mode & 0o777 == 0o640
    assert [name.name for name in tmp_path.iterdir()] == ["passwd"]


def test_a_link_is_followed_and_stays_one(tmp_path: Path) -> None:
    (tmp_path / "real").touch()
    (tmp_path / "link").symlink_to("real")
    assert run("-f", str(tmp_path / "link"), "ann", "pw").returncode == 0
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text().startswith("ann:")


@pytest.mark.parametrize(
    ("arguments", "typed", "said"),
    [
        (["a:b", "pw"], "", "holds no ':'"),
        (["#a", "pw"], "", "does not begin with '#'"),
        (["-r", "a:b", "ann", "pw"], "", "a realm is not empty, holds no ':'"),
        (["ann"], "one\ntwo\n", "the passwords differ"),
        (["ann"], "\n\n", "the password is empty"),
        (["ann"], "", "nothing was typed"),
        (["-f", "/nonexistent/file", "ann", "pw"], "", "No such file or directory"),
    ],
)
def test_what_is_refused(arguments: list[str], typed: str, said: str) -> None:
    ran = run(*arguments, typed=typed)
    assert ran.returncode == 1
    assert said in ran.stderr
    assert "Password updated" not in ran.stdout


def test_what_is_asked_for() -> None:
    ran = run(typed="fred\npw\npw\n")
    assert ran.stdout.startswith("Username: Please enter password for fred\nPassword:Please enter the password again\n")
    assert ran.stdout.endswith(f"fred:Momentum Console:{digest_of('fred', 'Momentum Console', 'pw')}\n")


def test_a_password_that_is_typed_is_not_shown() -> None:
    master, slave = pty.openpty()
    with subprocess.Popen([*TOOL, "fred"], stdin=slave, stdout=slave, stderr=slave, start_new_session=True) as tool:
        os.close(slave)
        seen = b""
        for prompts in (1, 2):
            while seen.count(b"Password:") < prompts:
                seen += os.read(master, 1024)
            os.write(master, b"s3cret-canary\n")
        assert tool.wait(SECONDS) == 0
    seen += os.read(master, 4096)
    os.close(master)
    assert b"s3cret-canary" not in seen
    assert digest_of("fred", "Momentum Console", "s3cret-canary").encode() in seen


lines = st.lists(st.sampled_from(["ann:r:1", "ann:r:2", "ann:s:3", "bob:r:4", "# x", "", "annr", "\x85"]))


@given(lines, st.booleans())
def test_nothing_but_the_lines_of_the_user_changes(kept: list[str], ended: bool) -> None:
    text = "\n".join(kept) + ("\n" if ended and kept else "")
    changed = _with(text, "ann:r:", "ann:r:new").removesuffix("\n").split("\n")
    assert changed.count("ann:r:new") == 1
    known = text.removesuffix("\n").split("\n") if text else []
    assert [line for line in changed if line != "ann:r:new"] == [
        line for line in known if not line.startswith("ann:r:")
    ]


def test_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["-h"])
    assert "-f FILE" in capsys.readouterr().out
