"""ec_sendmail in front of a real host: called by hand, by mailx, and with what Python's email package makes."""

from __future__ import annotations

import io
import os
import pwd
import socket
import subprocess
import sys
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

import pytest
from host import Host, running, without_trace
from peers import environment, program

from momentum_trio.cli.ec_sendmail import main

pytestmark = pytest.mark.interop

USER = pwd.getpwuid(os.getuid()).pw_name
MORE = 'ESMTP_Listener {{ Listen "{folder}/smtp" {{}} }}'


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    folder = tmp_path_factory.mktemp("sendmail")
    with running(folder, more=MORE.format(folder=folder)) as host:
        yield host


def sendmail(host: Host, message: bytes, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    """Run it with the host's own configuration."""
    command = [sys.executable, "-m", "momentum_trio.cli.ec_sendmail", "-C", str(host.config), *arguments]
    return subprocess.run(command, input=message, capture_output=True, timeout=60, check=False)


def delivered(host: Host, local_part: str, count: int = 1) -> bytes:
    """The last message in a mailbox, without the host's trace."""
    return without_trace(host.wait_for_messages(local_part, count)[-1])


def test_a_message_without_anything_is_completed(host: Host) -> None:
    run = sendmail(host, b"hello\n", "-F", "Ann Example", "bare@example.com")
    assert (run.returncode, run.stderr) == (0, b"")
    head, _, body = delivered(host, "bare").partition(b"\r\n\r\n")
    names = [line.partition(b":")[0] for line in head.split(b"\r\n")]
    assert names == [b"From", b"Date", b"Message-ID"]
    assert f"From: Ann Example <{USER}@mail.example.com>\r\n".encode() in head
    assert b"@mail.example.com>" in head.split(b"Message-ID: ")[1]
    assert body == b"hello\r\n"


COMPLETE = b"From: a@b.example\nDate: Sun, 22 Nov 2026 18:00:00 +0000\nMessage-ID: <1@b.example>\n"


def test_recipients_of_the_header_section(host: Host) -> None:
    message = COMPLETE + b"To: t1@example.com\nCc: T <t2@example.com>\nBcc: t3@example.com\n\nx\n"
    assert sendmail(host, message, "-t", "t4@example.com").returncode == 0
    for name in ("t1", "t2", "t3", "t4"):
        assert b"t3@" not in delivered(host, name)


def test_without_t_a_message_goes_as_it_is(host: Host) -> None:
    message = COMPLETE + "To: nobody@elsewhere.example\nSubject: café\n\nžluťoučký\n".encode()
    assert sendmail(host, message, "-oem", "-odi", "-i", "-B", "8BITMIME", "asis@example.com").returncode == 0
    assert delivered(host, "asis") == message.replace(b"\n", b"\r\n")


@pytest.mark.parametrize(
    ("flag", "kept"), [("", b"one\r\n"), ("-i", None), ("-oi", None), ("-O IgnoreDots", b"one\r\n")]
)
def test_a_dot_ends_the_message_unless_it_is_ignored(host: Host, flag: str, kept: bytes | None) -> None:
    name = "dot" + flag.replace("-", "").replace(" ", "").lower()
    body = b"one\n.\n..two\n.three\n"
    assert sendmail(host, COMPLETE + b"\n" + body, *flag.split(), f"{name}@example.com").returncode == 0
    assert delivered(host, name).partition(b"\r\n\r\n")[2] == (kept or body.replace(b"\n", b"\r\n"))


@pytest.mark.parametrize(("address", "reverse_path"), [("eve@c.example", b"<eve@c.example>"), ("<>", b"<>")])
def test_reverse_paths(host: Host, address: str, reverse_path: bytes) -> None:
    name = f"rp{len(address)}"
    assert sendmail(host, b"Subject: a\n\nb\n", f"-f{address}", f"{name}@example.com").returncode == 0
    (message,) = host.wait_for_messages(name, 1)
    assert message.startswith(b"Return-Path: " + reverse_path + b"\r\n")
    warned = address != "<>" and os.geteuid() != 0
    assert (b"X-Authentication-Warning: mail.example.com: " in message) == warned
    author = reverse_path if address != "<>" else f"<{USER}@mail.example.com>".encode()
    assert author[1:-1] in message.partition(b"\r\nFrom: ")[2].partition(b"\r\n")[0]


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        ((), os.EX_USAGE, "no recipients"),
        (("-t",), os.EX_DATAERR, "no recipient in To, Cc or Bcc"),
        (("-K", "a@example.com"), os.EX_USAGE, "option -K not recognized"),
        (("-N", "often", "a@example.com"), os.EX_USAGE, "-N: expected never"),
        (("-N", "never,delay", "a@example.com"), os.EX_USAGE, "stands alone"),
        (("-R", "all", "a@example.com"), os.EX_USAGE, "-R: expected full or hdrs"),
        (("-V", "\xe9", "a@example.com"), os.EX_USAGE, "-V: expected"),
        (("-bp",), os.EX_USAGE, "ec_console mailq"),
        (("a b@example.com",), os.EX_DATAERR, "is no address"),
        (("bob@elsewhere.example",), os.EX_NOUSER, "<bob@elsewhere.example>: 550 "),
        (("ok@example.com", "bob@elsewhere.example"), os.EX_NOUSER, "elsewhere"),
        (("--server", "127.0.0.1:1", "a@example.com"), os.EX_TEMPFAIL, "127.0.0.1:1: Connection refused"),
        (("--server", "nowhere", "a@example.com"), os.EX_USAGE, "is no endpoint"),
        (("-C", "/nonexistent", "a@example.com"), os.EX_CONFIG, "/nonexistent"),
        (("-q1h",), os.EX_OK, ""),
        (("-bi",), os.EX_OK, ""),
    ],
)
def test_exit_statuses(
    host: Host,
    arguments: tuple[str, ...],
    status: int,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"Subject: a\n\nb\n")))
    assert main(["-C", str(host.config), *arguments]) == status
    assert said in capsys.readouterr().err
    assert not host.mailbox("ok").is_dir()  # one recipient refused: nothing is sent


def test_content_the_host_refuses(host: Host) -> None:
    run = sendmail(host, b"Subject: a\n\nlone\rCR\n", "lone@example.com")
    assert run.returncode == os.EX_DATAERR
    assert b"the message: 550 " in run.stderr


def test_a_host_that_goes_away_means_try_again(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        command = [sys.executable, "-m", "momentum_trio.cli.ec_sendmail"]
        command += ["--server", f"127.0.0.1:{server.getsockname()[1]}", "a@example.com"]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            assert process.stdin is not None
            process.stdin.close()
            server.settimeout(30)
            server.accept()[0].close()
            assert process.wait(30) == os.EX_TEMPFAIL


def test_smtp_on_standard_input(host: Host) -> None:
    dialogue = (
        b"EHLO c.example\r\nMAIL FROM:<a@c.example>\r\nRCPT TO:<bs@example.com>\r\nDATA\r\n"
        b"Subject: a\r\n\r\nb\r\n.\r\nQUIT\r\n"
    )
    run = sendmail(host, dialogue, "-bs")
    assert run.returncode == 0
    assert [line[:3] for line in run.stdout.splitlines() if line[3:4] != b"-"] == [
        b"220", b"250", b"250", b"250", b"354", b"250", b"221",
    ]  # fmt: skip
    assert delivered(host, "bs").endswith(b"\r\n\r\nb\r\n")


def test_what_pythons_email_package_makes(host: Host) -> None:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "ann@c.example", "py@example.com", "Grüße"
    message.set_content("Grüße\n.\nund mehr\n", cte="8bit")
    message.add_attachment(bytes(range(256)), "application", "octet-stream", filename="all.bin")
    assert sendmail(host, message.as_bytes(), "-t", "-i").returncode == 0
    arrived = delivered(host, "py")
    body = message.as_bytes().partition(b"\n\n")[2].replace(b"\n", b"\r\n")
    assert arrived.partition(b"\r\n\r\n")[2] == body


def test_mailx_sends_by_it(host: Host, tmp_path: Path) -> None:
    wrapper = tmp_path / "sendmail"
    wrapper.write_text(f'#!/bin/sh\nexec {sys.executable} -m momentum_trio.cli.ec_sendmail -C {host.config} "$@"\n')
    wrapper.chmod(0o755)
    command = [program("s-nail"), "-n", "-S", f"mta={wrapper}", "-S", "ttycharset=utf-8", "-s", "from mailx"]
    run = subprocess.run(
        [*command, "-r", "ann@c.example", "-b", "hidden@example.com", "mailx@example.com"],
        input="Grüße\n.hidden\n".encode(),
        env={**environment(), "HOME": str(tmp_path), "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    message = delivered(host, "mailx")
    assert b"Subject: from mailx\r\n" in message
    assert b"hidden@" not in message
    assert delivered(host, "hidden").partition(b"\r\n\r\n")[2] == message.partition(b"\r\n\r\n")[2]
