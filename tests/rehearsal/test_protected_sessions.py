"""Sessions within TLS, and with AUTH, recorded and played: no secret is kept, and the replies are those they were."""

from __future__ import annotations

import base64
import socket
import ssl
from pathlib import Path

import pytest
import trio
from recorded_host import LISTEN, configuration, recorded_host, recordings
from test_replay_law import played
from trio.testing import MockClock

from momentum_trio.protocol.rehearsal.comparison import differences
from momentum_trio.protocol.rehearsal.turn import turns
from momentum_trio.protocol.sasl.cram_md5 import keyed
from sim.certificates import HERE, SERVER, SERVER_KEY

SECRET = "c4nary-of-passwords"
TLS = f'TLS_Certificate = "{HERE / SERVER}" TLS_Key = "{HERE / SERVER_KEY}"'
MAIL = ["MAIL FROM:<a@b.example>", "RCPT TO:<c@elsewhere.example>", "RSET"]


def coded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def text(folder: Path, *, at_once: bool) -> str:
    (folder / "passwords").write_text(f"ann:{SECRET}\n")
    parameters = f'[ uri = "file://{folder}/passwords" ]'
    session = f"""
{TLS} SMTP_Extensions = ( STARTTLS "AUTH PLAIN" "AUTH LOGIN" "AUTH CRAM-MD5" ) AuthPlainParameters = {parameters}
AuthLoginParameters = {parameters} AuthCramMD5Parameters = {parameters}
"""
    return configuration(folder / "sessions", session + ("Use_SSL = true" if at_once else ""))


def speak(port: int, lines: list[str], *, at_once: bool) -> None:
    """A client that begins TLS and says *lines*; ``keyed`` answers a challenge of CRAM-MD5."""
    context = ssl._create_unverified_context()
    plain = socket.create_connection(("127.0.0.1", port), timeout=30)
    with plain:
        if not at_once:
            file = plain.makefile("rb")
            file.readline()
            plain.sendall(b"EHLO client.example\r\n")
            while file.readline()[3:4] == b"-":
                pass
            plain.sendall(b"STARTTLS\r\n")
            file.readline()
        with context.wrap_socket(plain) as secure, secure.makefile("rb") as replies:
            if at_once:
                replies.readline()
            reply = b""
            for line in ["EHLO client.example", *lines, "QUIT"]:
                if line == "keyed":
                    digest = keyed(SECRET.encode(), base64.b64decode(reply[4:])).decode()
                    line = coded(f"ann {digest}")
                secure.sendall(line.encode() + b"\r\n")
                while (reply := replies.readline())[3:4] == b"-":
                    pass


DIALOGUES = {
    "plain": [f"AUTH PLAIN {coded(chr(0) + 'ann' + chr(0) + SECRET)}", *MAIL],
    "without initial response": ["AUTH PLAIN", coded(chr(0) + "ann" + chr(0) + SECRET), *MAIL],
    "login": ["AUTH LOGIN", coded("ann"), coded(SECRET), *MAIL],
    "login, a name": [f"AUTH LOGIN {coded('ann')}", coded(SECRET), *MAIL],
    "cram": ["AUTH CRAM-MD5", "keyed", *MAIL],
    "wrong": [f"AUTH PLAIN {coded(chr(0) + 'ann' + chr(0) + 'wrong')}", *MAIL],
    "wrong, then right": ["AUTH LOGIN", coded("ann"), coded("x"), "AUTH LOGIN", coded("ann"), coded(SECRET), *MAIL],
    "cancelled": ["AUTH LOGIN", "*", *MAIL],
    "none": MAIL,
}


@pytest.mark.parametrize("at_once", [False, True])
@pytest.mark.parametrize("name", DIALOGUES)
def test_a_protected_session_plays_as_it_went(name: str, at_once: bool, tmp_path: Path) -> None:
    configured = text(tmp_path, at_once=at_once)

    async def record() -> None:
        async with recorded_host(configured) as host:
            await trio.to_thread.run_sync(lambda: speak(host.port, DIALOGUES[name], at_once=at_once))

    trio.run(record, clock=MockClock(rate=10))
    octets = (tmp_path / "sessions").read_bytes()
    for secret in (SECRET, coded(SECRET), coded("\0ann\0" + SECRET)):
        assert secret.encode() not in octets
    (recording,) = recordings(tmp_path / "sessions")
    assert recording.listen == LISTEN
    again = played(configured, recording)
    assert differences(turns(recording.entries), again.turns) == []
    relayed = next(turn for turn in again.turns if turn.words == MAIL[1]).answers[0].code
    assert relayed == (250 if name not in ("wrong", "cancelled", "none") else 550)
