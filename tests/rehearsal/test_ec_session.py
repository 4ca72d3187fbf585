"""``ec_session`` as operators read it: scripts, recordings played again, what differs between two configurations."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from momentum_trio.cli import ec_session
from momentum_trio.protocol.rehearsal.recording import AnyEntry, Content, Left, Line, Recording, Said, encode
from momentum_trio.protocol.rehearsal.strategies import shape_of
from momentum_trio.protocol.rehearsal.turn import in_general

OLD = """
Hostname = "mx.example"
Relay_Domains = ( "d.example" "example.net" )
ESMTP_Listener {
  Listen "127.0.0.1:2525" {}
  Listen "127.0.0.1:2526" { Enable = false }
}
"""
DAY = 1_790_000_000.0
CONTENT = Content(0.4, shape_of(b"Subject: x\r\n\r\nbody\r\n.\r\n"))

SCRIPT = b"""\
# who may send where
< 220 mx.example
EHLO client.example
< 250 PIPELINING
MAIL FROM:<a@b.example>
RCPT TO:<c@d.example>
< 250
RCPT TO:<c@elsewhere.example>
< 550 5.7.1
DATA
< 354
Subject: hello

..a dot
.
< 250
+ 400
< 421
< closed
"""
TRANSCRIPT = """\
S: 220 mx.example ESMTP momentum-trio 0.1.0 (date)
C: EHLO client.example
S: 250-mx.example says EHLO
S: 250-PIPELINING
S: 250 8BITMIME
C: MAIL FROM:<a@b.example>
S: 250 2.1.0 MAIL FROM accepted
C: RCPT TO:<c@d.example>
S: 250 2.1.5 RCPT TO accepted.
C: RCPT TO:<c@elsewhere.example>
S: 550 5.7.1 relaying denied    [relay]
C: DATA
S: 354 continue.  finished with "\\r\\n.\\r\\n"
C: content of 26 octets
S: 250 2.0.0 OK (id)
   400 seconds of the session have passed
S: 421 4.4.2 mx.example idle timeout
taken: 320 octets for c@d.example, binding default/default
8 of 8 expectations hold
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the command is run: two configurations, a script."""
    monkeypatch.chdir(tmp_path)
    Path("old.conf").write_text(OLD)
    Path("new.conf").write_text(OLD.replace(' "example.net"', ""))
    Path("script").write_bytes(SCRIPT)
    return tmp_path


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Exit status, and what was said: dates and identifiers aside."""
    status = ec_session.main(arguments)
    said, wrong = capsys.readouterr()
    lines = ("S: " + in_general(line[3:]) if line.startswith("S: ") else line for line in said.splitlines())
    return status, "".join(f"{line}\n" for line in lines), wrong


def session(*entries: AnyEntry, peer: str = "192.0.2.7", why: str = "quit", seconds: float = 1.0) -> Recording:
    return Recording(
        began=DAY,
        host="system.example",
        listen="127.0.0.1:2525",
        peer_address=peer,
        peer=f"{peer}:4711",
        local="127.0.0.1:2525",
        entries=(Said(0.0, "220 mx.example ESMTP momentum-trio 0.1.0 Thu, 01 Jan 1970 00:00:00 +0000"), *entries),
        seconds=seconds,
        why=why,
    )


def mail(domain: str, peer: str = "192.0.2.7") -> Recording:
    """A session that brought a message for *domain*."""
    return session(
        Line(0.1, "MAIL FROM:<a@b.example>"),
        Said(0.1, "250 2.1.0 MAIL FROM accepted"),
        Line(0.2, f"RCPT TO:<c@{domain}>"),
        Said(0.2, "250 2.1.5 RCPT TO accepted."),
        Line(0.3, "DATA"),
        Said(0.3, '354 continue.  finished with "\\r\\n.\\r\\n"'),
        CONTENT,
        Said(0.5, "250 2.0.0 OK 00/00-00001-5B3C0BA6"),
        Line(0.6, "QUIT"),
        Said(0.6, "221 2.0.0 mx.example closing connection"),
        peer=peer,
    )


def write(path: str, *recordings: Recording) -> None:
    Path(path).write_bytes(b"".join(encode(recording) + b"\n" for recording in recordings))


@pytest.mark.usefixtures("folder")
def test_a_script(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "run", "-c", "old.conf", "--peer", "192.0.2.7", "script") == (0, TRANSCRIPT, "")


@pytest.mark.usefixtures("folder")
def test_what_does_not_hold(capsys: pytest.CaptureFixture[str]) -> None:
    Path("script").write_text("RCPT TO:<a@b>\n< 250\nQUIT\nNOOP\n< 250\n")
    status, said, _ = run(capsys, "run", "-c", "old.conf", "script")
    assert status == 1
    assert said.splitlines()[-5:] == [
        "S: 221 2.0.0 mx.example closing connection",
        "   not said: NOOP",
        "script:2: expected 250: the reply was 503 RCPT TO without MAIL FROM, by smtp",
        "script:5: expected 250: it did not come to that",
        "0 of 2 expectations hold",
    ]


@pytest.mark.usefixtures("folder")
def test_options_of_a_peer_and_of_a_listen(capsys: pytest.CaptureFixture[str]) -> None:
    Path("old.conf").write_text(
        'ESMTP_Listener {\n Peer "10.0.0.0/8" { Open_Relay = true }\n'
        ' Listen "127.0.0.1:25" {}\n Listen "/run/s" { Static_Banner = "220 unix" }\n}'
    )
    Path("script").write_text("MAIL FROM:<>\nRCPT TO:<a@b.example>\n< 250\n")
    assert run(capsys, "run", "-c", "old.conf", "--peer", "10.1.2.3", "script")[0] == 0
    assert run(capsys, "run", "-c", "old.conf", "--peer", "11.1.2.3", "script")[0] == 1
    assert "S: 220 unix\n" in run(capsys, "run", "-c", "old.conf", "--listen", "/run/s", "script")[1]


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("arguments", "wrong"),
    [
        (["run", "-c", "old.conf", "--listen", "127.0.0.1:2526", "script"], "nobody listens at 127.0.0.1:2526"),
        (["run", "-c", "old.conf", "--listen", "10.0.0.1:25", "script"], "nobody listens at 10.0.0.1:25"),
        (["run", "-c", "old.conf", "--peer", "localhost", "script"], "'localhost' does not appear to be an IPv4"),
        (["run", "-c", "old.conf", "nothing"], "No such file or directory: 'nothing'"),
        (["run", "-c", "bad.conf", "script"], "bad.conf:1:1: Relay_Domain: no such option"),
        (["run", "-c", "empty.conf", "script"], "no ESMTP_Listener with a Listen"),
        (["run", "-c", "old.conf", "bad.conf"], "bad.conf:2: expected seconds"),
        (["replay", "-c", "old.conf", "nothing"], "No such file or directory: 'nothing'"),
        (["replay", "-c", "old.conf", "script"], "script:1: not a recording: JSON is malformed"),
    ],
)
def test_what_cannot_be_played(capsys: pytest.CaptureFixture[str], arguments: list[str], wrong: str) -> None:
    Path("bad.conf").write_text("Relay_Domain = ( x )\n+ x")
    Path("empty.conf").write_text('Hostname = "mx.example"')
    status, _, said = run(capsys, *arguments)
    assert status == 2
    assert wrong in said


@pytest.mark.usefixtures("folder")
def test_a_replay_tells_what_differs(capsys: pytest.CaptureFixture[str]) -> None:
    write("sessions", mail("d.example"), mail("example.net", "192.0.2.9"), mail("d.example"))
    assert run(capsys, "replay", "-c", "old.conf", "sessions") == (0, "0 of 3 sessions differ\n", "")
    status, said, wrong = run(capsys, "replay", "-c", "new.conf", "sessions")
    assert (status, wrong) == (1, "")
    assert said == (
        "sessions:2: 192.0.2.9:4711, Mon, 21 Sep 2026 14:13:20 +0000\n"
        "  RCPT TO:<c@example.net>: 250 2.1.5 RCPT TO accepted. becomes 550 5.7.1 relaying denied, by relay\n"
        "1 of 3 sessions differ\n"
    )
    said = run(capsys, "replay", "-c", "new.conf", "--all", "sessions")[1]
    assert said.splitlines()[2:4] == [
        '  DATA: 354 continue.  finished with "\\r\\n.\\r\\n" becomes 503 5.5.1 DATA without RCPT TO, by smtp',
        "  content of 20 octets: 250 2.0.0 OK (id) becomes not said",
    ]


@pytest.mark.usefixtures("folder")
def test_a_recording_without_the_content_that_is_asked_for_now(capsys: pytest.CaptureFixture[str]) -> None:
    refused = session(
        Line(0.1, "MAIL FROM:<>"),
        Said(0.1, "250 2.1.0 MAIL FROM accepted"),
        Line(0.2, "RCPT TO:<c@example.net>"),
        Said(0.2, "550 5.7.1 relaying denied", "relay"),
        Line(0.3, "DATA"),
        Said(0.3, "503 5.5.1 DATA without RCPT TO", "smtp"),
        Left(0.4),
        why="closed",
    )
    write("sessions", refused)
    status, said, _ = run(capsys, "replay", "-c", "old.conf", "--all", "sessions")
    assert status == 1
    rcpt, data, end = said.splitlines()[1:]
    assert rcpt.endswith("550 5.7.1 relaying denied becomes 250 2.1.5 RCPT TO accepted. (was refused by relay)")
    assert data.startswith("  DATA: 503 5.5.1 DATA without RCPT TO becomes 354 continue.")
    assert end == "1 of 1 sessions differ"
    assert run(capsys, "replay", "-c", "new.conf", "sessions")[0] == 0


@pytest.mark.usefixtures("folder")
def test_a_diff_groups(capsys: pytest.CaptureFixture[str]) -> None:
    write("first", *[mail("example.net", f"192.0.2.{n}") for n in range(1, 4)], mail("d.example"))
    write("second", mail("example.net"), mail("example.net"))
    said = (
        "5 sessions: RCPT of example.net: 250 2.1.5 RCPT TO accepted. becomes 550 5.7.1 relaying denied, by relay\n"
        "    was: Relay_Domains holds the recipient's domain: anyone may send to it\n"
        "    by its item example.net\n"
        '      Relay_Domains = ( "d.example" "example.net" )  old.conf:3:1  Global\n'
        "    is: refused by relay: no rule lets this client send to this domain\n"
        '      Relay_Domains = ( "d.example" )  new.conf:3:1  Global\n'
        "      Bounce_Domains = ( )             default\n"
        "      Open_Relay = 0                   default\n"
        "      Relay_Hosts = ( )                default\n"
        "      Relay_For_Sending_Domains = ( )  default\n"
        "    first:1, first:2, first:3 ...\n"
        "5 of 6 sessions differ\n"
    )
    assert run(capsys, "diff", "old.conf", "new.conf", "first", "second") == (1, said, "")
    assert run(capsys, "diff", "old.conf", "old.conf", "first")[:2] == (0, "0 of 4 sessions differ\n")


@pytest.mark.usefixtures("folder")
def test_a_diff_says_which_limit_is_met_by_which_recipient(capsys: pytest.CaptureFixture[str]) -> None:
    """The reason is that of the reply in its place: the second recipient's, although the first is the same command."""
    many = session(
        Line(0.1, "MAIL FROM:<a@b.example>"),
        Said(0.1, "250 2.1.0 MAIL FROM accepted"),
        *(each for n in range(3) for each in (Line(0.2, f"RCPT TO:<c{n}@d.example>"), Said(0.2, "250 2.1.5 OK"))),
        Left(0.4),
        why="closed",
    )
    write("sessions", many)
    Path("new.conf").write_text(OLD.replace("{}", "{\n    Max_Recipients_Per_Message = 2\n  }"))
    status, said, _ = run(capsys, "diff", "old.conf", "new.conf", "sessions")
    assert status == 1
    assert said.splitlines()[0].startswith("1 session: RCPT of d.example: 250 2.1.5 RCPT TO accepted. becomes 452")
    assert "      Max_Recipients_Per_Message = 2  new.conf:6:5" in said


@pytest.mark.usefixtures("folder")
def test_a_diff_when_nobody_listens_any_more(capsys: pytest.CaptureFixture[str]) -> None:
    Path("new.conf").write_text(OLD.replace("{}", "{ Enable = false }"))
    write("sessions", mail("d.example"))
    status, said, _ = run(capsys, "diff", "old.conf", "new.conf", "sessions")
    assert status == 1
    assert said.splitlines()[0] == (
        "1 session: connection: 220 mx.example ESMTP momentum-trio 0.1.0 (date) becomes no connection"
    )
    assert (
        "there is no session: nobody listens at 127.0.0.1:2525"
        in run(capsys, "replay", "-c", "new.conf", "sessions")[1]
    )


@pytest.mark.usefixtures("folder")
def test_time_passes_as_it_was_recorded(capsys: pytest.CaptureFixture[str]) -> None:
    """A client that is silent for 200 seconds, and one that was let go after 300."""
    slow = session(Line(200.0, "NOOP"), Said(200.0, "250 2.0.0 OK"), Left(201.0), why="closed", seconds=201.0)
    idle = session(Said(300.5, "421 4.4.2 mx.example idle timeout"), why="idle", seconds=300.5)
    drained = session(Said(9.0, "421 4.3.2 Service shutting down"), why="drain", seconds=9.0)
    write("sessions", slow, idle, drained)
    Path("new.conf").write_text(OLD.replace("ESMTP_Listener {", "ESMTP_Listener { Idle_Time = 100"))
    assert run(capsys, "replay", "-c", "old.conf", "sessions")[0] == 0
    status, said, _ = run(capsys, "diff", "old.conf", "new.conf", "sessions")
    assert status == 1
    assert said.splitlines()[0].endswith(
        "becomes 220 mx.example ESMTP momentum-trio 0.1.0 (date), 421 4.4.2 mx.example idle timeout"
    )
    Path("new.conf").write_text(OLD.replace("ESMTP_Listener {", "ESMTP_Listener { Idle_Time = 0"))
    said = run(capsys, "diff", "old.conf", "new.conf", "sessions")[1]
    assert said.splitlines()[0].startswith("1 session: connection: 220 mx.example")
    assert said.splitlines()[-1] == "1 of 3 sessions differ"


@pytest.mark.usefixtures("folder")
def test_a_torn_line_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    write("sessions", mail("d.example"), mail("d.example"))
    octets = Path("sessions").read_bytes()
    Path("sessions").write_bytes(octets[:-100])
    status, said, wrong = run(capsys, "replay", "-c", "old.conf", "sessions")
    assert (status, said) == (2, "0 of 1 sessions differ\n")
    assert wrong.startswith("sessions:2: not a recording: ")


def test_as_a_program(folder: Path) -> None:
    root = Path(ec_session.__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-m", "momentum_trio.cli.ec_session", "run", "-c", "old.conf", "-"],
        input=b"QUIT\n< 221\n",
        capture_output=True,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(root)},
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.endswith(b"1 of 1 expectations hold\n")
