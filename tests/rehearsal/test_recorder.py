"""What a recording holds and what not: masks, bounds, a file that cannot be written; no session notices."""

from __future__ import annotations

import errno
import hashlib
import io
import stat
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import pytest
import trio
from recorded_host import LISTEN, RecordedHost, configuration, recorded_host, recordings, said, tree_of

from momentum_trio.cli import ec_session
from momentum_trio.listener import recorder
from momentum_trio.listener.record_options import RecordOptions
from momentum_trio.machine.disk import Append, Close, File, Open, Read, Size, Stat, Step
from momentum_trio.protocol.rehearsal.recording import Content, Line, Said, decode
from sim.disk import Fault, SimStore

CANARY = b"cAnArY-77"
QUIT = b"EHLO client.example\r\nQUIT\r\n"
DOMAIN = 'Relay_Domains = ( "d.example" )'
MESSAGE = (
    b"EHLO client.example\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\n"
    b"Subject: %s\r\n\r\n%s\r\n..dot\r\n.\r\nQUIT\r\n" % (CANARY, CANARY)
)


async def settled(host: RecordedHost, sessions: int, path: str) -> None:
    """Until so many sessions are over, and the disk has them."""
    with trio.fail_after(10):
        while len(host.connections) < sessions or not is_idle(host, path):  # noqa: ASYNC110 (nothing announces it)
            await trio.sleep(0.005)


def is_idle(host: RecordedHost, path: str) -> bool:
    """Whether no session is open, and none waits for the disk."""
    file = host.recorder._files[path]
    return not host.recorder._open and not file.has_work


async def read(store: SimStore, path: str) -> list[bytes]:
    disk, file = store.mount(), File(path)
    _, size = await disk.perform([Open(file), Size(file)])
    octets, _ = await disk.perform([Read(file, 0, size), Close(file)])
    return [line for line in octets.split(b"\n") if line]


async def test_what_a_recording_says(tmp_path: Path) -> None:
    path = tmp_path / "new folder" / "sessions"
    async with recorded_host(configuration(path, top=DOMAIN)) as host:
        told = await said(host.port, [MESSAGE[:30], MESSAGE[30:]])
    (recording,) = recordings(path)
    assert (recording.version, recording.listen, recording.peer_address) == (1, LISTEN, "192.0.2.7")
    assert (recording.peer, recording.local, recording.why) == ("192.0.2.7:4711", LISTEN, "quit")
    assert (recording.cut, recording.reconfigured, recording.unix) == (False, False, False)
    kinds = [type(entry) for entry in recording.entries]
    assert kinds == [Said, Line, Said, Line, Said, Line, Said, Line, Said, Content, Said, Line, Said]
    assert [entry.code for entry in recording.entries if isinstance(entry, Said)] == [220, 250, 250, 250, 354, 250, 221]
    assert told.count(b"\r\n250 2.1.0") == 1
    (content,) = [entry for entry in recording.entries if isinstance(entry, Content)]
    sent = b"Subject: %s\r\n\r\n%s\r\n.dot\r\n" % (CANARY, CANARY)
    assert (content.shape.octets, content.sha256) == (len(sent), hashlib.sha256(sent).hexdigest())
    assert (content.kept, content.ended, content.shape.header.octets) == (None, True, len(CANARY) + 11)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_who_refused_is_in_it(tmp_path: Path) -> None:
    path = tmp_path / "sessions"
    async with recorded_host(configuration(path, top=DOMAIN)) as host:
        await said(
            host.port, [b"FOO\r\nMAIL FROM:<>\r\nRCPT TO:<x@y>\r\nRCPT TO:<x@y>\r\nRCPT\r\nRCPT TO:<c@d.example>\r\n"]
        )
    (recording,) = recordings(path)
    answers = [(entry.code, entry.by) for entry in recording.entries if isinstance(entry, Said)]
    assert answers == [(220, ""), (500, "smtp"), (250, ""), (550, "relay"), (550, "relay"), (501, "smtp"), (250, "")]


@pytest.mark.parametrize(
    "octets",
    [
        MESSAGE,
        b"AUTH PLAIN AGEA" + CANARY + b"\r\n",
        b"auth login " + CANARY + b"\r\n" + CANARY + b"\r\n",
        b"EHLO a\r\nAUTH LOGIN\r\n" + CANARY + b"\r\n" + CANARY + b" \r\n",
        b"AUTH " + CANARY + b"\r\n",
        b" AUTH PLAIN " + CANARY + b"\r\n",
        b"AUTH\tPLAIN\t" + CANARY + b"\r\n",
        b"\x80" + CANARY + b"\r\n",
        CANARY + b" " + b"x" * 3000 + b"\r\n",
        b"AUTH PLAIN " + CANARY + b"x" * 3000 + b"\r\n",
        # content sent though nobody asked for it, and what is said to commands that take no argument of weight
        b"DATA\r\nSubject: " + CANARY + b"\r\n" + CANARY + b"\r\n.\r\n",
        b"NOOP " + CANARY + b"\r\nHELP " + CANARY + b"\r\nEXPN " + CANARY + b"\r\nRSET " + CANARY + b"\r\n",
        b"MAIL FROM:<>\r\nRCPT TO:<c@d.example>\r\nDATA\r\nSubject: " + CANARY,
    ],
)
async def test_secrets_and_content_are_not_in_it(tmp_path: Path, octets: bytes) -> None:
    path = tmp_path / "sessions"
    async with recorded_host(configuration(path, top=DOMAIN)) as host:
        await said(host.port, [octets])
    assert len(recordings(path)) == 1
    assert CANARY not in path.read_bytes()
    assert host.panics == []


async def test_content_is_in_it_where_that_was_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "sessions"
    async with recorded_host(configuration(path, "Record_Content = true", DOMAIN)) as host:
        await said(host.port, [MESSAGE, b""])
        await said(host.port, [b"AUTH PLAIN " + CANARY + b"\r\n" + CANARY + b"\r\nQUIT\r\n"])
    first, second = recordings(path)
    (content,) = [entry for entry in first.entries if isinstance(entry, Content)]
    assert content.kept == MESSAGE.partition(b"DATA\r\n")[2].partition(b"QUIT")[0]
    lines = [entry.text for entry in second.entries if isinstance(entry, Line)]
    assert lines == ["AUTH PLAIN ***", "***", "QUIT"]


async def test_a_session_that_is_too_long_is_cut(tmp_path: Path) -> None:
    path = tmp_path / "sessions"
    async with recorded_host(configuration(path, "Max_Bad_Commands = 0")) as host:
        await said(host.port, [b"NOOP\r\n" * 5000, b"QUIT\r\n"])
    (recording,) = recordings(path)
    assert recording.cut
    assert 1000 < len(recording.entries) < 10_000
    (tmp_path / "conf").write_text(configuration(path, "Max_Bad_Commands = 0"))
    replay = ["replay", "-c", str(tmp_path / "conf"), str(path)]
    with redirect_stdout(io.StringIO()) as told:
        assert await trio.to_thread.run_sync(ec_session.main, replay) == 0
    assert told.getvalue() == "0 of 1 sessions differ\n"
    assert path.stat().st_size < 2 * 1024 * 1024


async def test_a_host_that_does_not_record_takes_no_notes() -> None:
    tree = tree_of(f'ESMTP_Listener {{ Listen "{LISTEN}" {{}} }}')
    assert RecordOptions.resolve(tree.chain_for("esmtp_listener", None, None)).path == ""
    async with recorded_host(configuration("").replace('Record_Sessions = ""', "")) as host:
        await said(host.port, [QUIT])
        assert host.recorder._files == {}
        assert host.connections


# ---- bounds


async def test_no_more_sessions_than_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "sessions"
    async with recorded_host(configuration(path, "Record_Sessions_Max = 3")) as host:
        for _ in range(6):
            assert (await said(host.port, [QUIT])).endswith(b"closing connection\r\n")
        assert host.panics == [f"recording {path}: no more sessions, Record_Sessions_Max = 3 is reached"]
        host.generations.advance(tree_of(configuration(path, "Record_Sessions_Max = 4")))
        for _ in range(3):
            await said(host.port, [QUIT])
    assert len(recordings(path)) == 4


async def test_no_more_octets_than_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "sessions"
    for _ in range(3):  # lives of the host: what an earlier one has left counts
        async with recorded_host(configuration(path, "Record_Octets_Max = 3000")) as host:
            for number in range(1, 9):
                await said(host.port, [QUIT])
                await settled(host, number, str(path))
        assert host.panics == [f"recording {path}: no more sessions, Record_Octets_Max = 3000 is reached"]
    assert 2 <= len(recordings(path)) <= 6
    assert path.stat().st_size <= 3000


async def test_no_longer_than_asked_for(autojump_clock: trio.testing.MockClock) -> None:
    tree = tree_of(configuration("/sessions", "Record_Seconds = 600"))
    options = RecordOptions.resolve(tree.chain_for("esmtp_listener", None, None))
    file = recorder.RecordingFile("/sessions")
    await trio.sleep(600)
    assert file.bound(options) == ""
    await trio.sleep(1)
    assert file.bound(options) == "Record_Seconds = 600"


async def test_not_more_at_once_than_there_is_room_for(tmp_path: Path) -> None:
    path = tmp_path / "sessions"
    async with recorded_host(configuration(path)) as host:
        streams = [await trio.open_tcp_stream("127.0.0.1", host.port) for _ in range(recorder.AT_ONCE_MAX + 5)]
        for stream in streams:
            assert (await stream.receive_some())[:4] == b"220 "
        assert len(host.recorder._open) == recorder.AT_ONCE_MAX
        for stream in streams:
            await stream.aclose()
    assert len(recordings(path)) == recorder.AT_ONCE_MAX


# ---- files that cannot be written


def failing(kind: type[Step[Any]], fault: Fault) -> Any:
    def inject(step: Step[Any]) -> Fault | None:
        return fault if type(step) is kind else None

    return inject


@pytest.mark.parametrize(
    ("kind", "fault"),
    [
        (Append, Fault(errno.ENOSPC)),
        (Append, Fault(errno.ENOSPC, after_octets=100)),
        (Append, Fault(errno.EIO)),
        (Open, Fault(errno.EACCES)),
        (Stat, Fault(errno.EIO)),
    ],
)
async def test_a_disk_that_fails_costs_recordings_alone(kind: type[Step[Any]], fault: Fault) -> None:
    store = SimStore()
    store.inject = failing(kind, fault)
    async with recorded_host(configuration("/r/sessions", top=DOMAIN), disk=store.mount()) as host:
        for number in range(1, 4):
            assert b"250 2.0.0 OK " in await said(host.port, [MESSAGE])
            await settled(host, number, "/r/sessions")
        assert len(host.panics) == 1
        assert host.panics[0].startswith("recording /r/sessions: no more sessions: ")
        store.inject = None
        assert b"250 2.0.0 OK " in await said(host.port, [MESSAGE])


async def test_a_disk_that_fills_keeps_whole_recordings() -> None:
    store = SimStore(capacity=6000)
    async with recorded_host(configuration("/r/sessions", top=DOMAIN), disk=store.mount()) as host:
        for number in range(1, 10):
            assert b"250 2.0.0 OK " in await said(host.port, [MESSAGE])
            await settled(host, number, "/r/sessions")
        assert host.panics == ["recording /r/sessions: no more sessions: No space left on device"]
    lines = await read(store, "/r/sessions")
    assert 1 <= len(lines) <= 5
    assert all(decode(line).why == "quit" for line in lines)


async def test_a_disk_that_stands_still_holds_nobody_up() -> None:
    store = SimStore()
    gate = trio.Event()

    async def wait(steps: object) -> None:
        await gate.wait()

    store.latency = wait
    async with recorded_host(configuration("/r/sessions", top=DOMAIN), disk=store.mount()) as host:
        for _ in range(5):
            with trio.fail_after(5):
                assert b"250 2.0.0 OK " in await said(host.port, [MESSAGE])
        gate.set()
        await settled(host, 5, "/r/sessions")
    assert len(await read(store, "/r/sessions")) == 5


async def test_a_session_that_the_host_ends_says_why(tmp_path: Path) -> None:
    path = tmp_path / "sessions"
    async with recorded_host(configuration(path)) as host:
        stream = await trio.open_tcp_stream("127.0.0.1", host.port)
        await stream.receive_some()
        await trio.testing.wait_all_tasks_blocked()
        host.drain()
        assert (await stream.receive_some())[:4] == b"421 "
        await stream.aclose()
    (recording,) = recordings(path)
    assert recording.why == "drain"
