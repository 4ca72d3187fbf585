"""Through this host to servers that others wrote: within TLS to Postfix and Exim, by LMTP to Dovecot."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from host import running
from mail_servers import CERTIFICATES, dovecot, exim, needs_root, postfix
from test_relay_real import BODIES as ALL_BODIES
from test_relay_real import HEADERS, RELAY, delivered, send

pytestmark = [pytest.mark.interop, needs_root]

SECONDS = 20
BODIES = ALL_BODIES | {"large": (b".0123456789abcdef" * 4 + b"\r\n") * 60_000}
"""Postfix breaks lines of more than 998 octets."""

TLS = f'TLS = required TLS_Verify = ca TLS_CA = "{CERTIFICATES}/authority.pem"'


@pytest.fixture
def own_folder() -> Iterator[Path]:
    """A folder that a server's user reaches; pytest's own are for one user alone."""
    with tempfile.TemporaryDirectory(prefix="momentum-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


def arrived(mailbox: Path, count: int) -> list[bytes]:
    """The messages in a Maildir, once there are so many, with the line ends of the wire."""
    limit = time.monotonic() + SECONDS
    while len(found := list((mailbox / "new").glob("*"))) < count:
        assert time.monotonic() < limit, f"{len(found)} of {count}"
        time.sleep(0.05)
    return [file.read_bytes().replace(b"\n", b"\r\n") for file in found]


def check(messages: list[bytes], body: str, received: int) -> None:
    """One of *messages* is what was sent, behind the trace fields of so many hosts."""
    content = HEADERS + BODIES[body]
    (message,) = (message for message in messages if message.endswith(content))
    assert message.removesuffix(content).count(b"Received: ") == received


def refused(folder: Path) -> dict[str, str]:
    """Local parts of the messages that failed for good, as the mainlog has them, and with which codes."""
    lines = [line.split("@") for line in (folder / "mainlog").read_text().splitlines()]
    local_parts = {line[1]: line[5] for line in lines if line[4:5] == ["R"]}
    return {local_parts[line[1]]: line[13][:9] for line in lines if line[4:5] == ["P"]}


def config(folder: Path, gateway: object, more: str = "") -> str:
    folder.mkdir()
    return RELAY.format(folder=folder, gateway=gateway) + more


def test_through_postfix_to_exim_within_tls(own_folder: Path) -> None:
    """A client, this host, Postfix, this host again, Exim."""
    first, second, end = own_folder / "first", own_folder / "second", own_folder / "exim"
    with (
        exim(end) as exim_port,
        running(second, config(second, f"127.0.0.1:{exim_port}", TLS)) as onward,
        postfix(own_folder / "postfix", onward.port) as postfix_port,
        running(first, config(first, f"127.0.0.1:{postfix_port}", TLS)) as host,
    ):
        for body in BODIES:
            send(host.port, BODIES[body], body)
        messages = arrived(end / "mail", len(BODIES))
        delivered(first, len(BODIES))
        delivered(second, len(BODIES))
    for body in BODIES:
        check(messages, body, received=4)
    said = (end / "mainlog").read_text()
    assert said.count(" X=TLS1.") == len(BODIES)
    assert said.count(" K ") == len(BODIES)  # CHUNKING was used


def test_to_exim_without_chunking(own_folder: Path) -> None:
    folder, end = own_folder / "relay", own_folder / "exim"
    with (
        exim(end, chunking=False) as port,
        running(folder, config(folder, f"127.0.0.1:{port}")) as host,
    ):
        for body in BODIES:
            send(host.port, BODIES[body], body)
        messages = arrived(end / "mail", len(BODIES))
    for body in BODIES:
        check(messages, body, received=2)
    assert " K " not in (end / "mainlog").read_text()


@pytest.mark.parametrize("way", ["port", "socket"])
def test_by_lmtp_to_dovecot(own_folder: Path, way: str) -> None:
    """One transaction has an answer for each recipient: those it knows get it, the others are told of at once."""
    folder, end = own_folder / "relay", own_folder / "dovecot"
    known = [f"{name}-{body}" for name in ("one", "two") for body in BODIES]
    with dovecot(end, *known) as port:
        gateway = end / "lmtp" if way == "socket" else "127.0.0.1"
        options = f"Delivery_Method = LMTP LMTP_Port = {port} Generate_Bounces = false"
        with running(folder, config(folder, gateway, options)) as host:
            for body in BODIES:
                send(host.port, BODIES[body], f"one-{body}", f"nobody-{body}", f"two-{body}")
            for body in BODIES:
                for name in ("one", "two"):
                    check(arrived(end / "mail" / f"{name}-{body}", 1), body, received=2)
            delivered(folder, len(known))
    assert refused(folder) == {f"nobody-{body}": "550 5.1.1" for body in BODIES}
