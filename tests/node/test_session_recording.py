"""A whole node that records: wired where sessions are, ended in order, at peace with a disk that will not have it."""

from __future__ import annotations

import errno

import pytest
import trio
from simulated_host import MX, Site, read_folder, send_all

from momentum_trio.config.load import load_text
from momentum_trio.machine import Machine
from momentum_trio.machine.disk import Append, Open, Step
from momentum_trio.mail.record import Panic
from momentum_trio.node.schema import DECLARED
from momentum_trio.protocol.rehearsal.comparison import differences
from momentum_trio.protocol.rehearsal.recording import Said, decode
from momentum_trio.protocol.rehearsal.turn import turns
from momentum_trio.rehearsal.stage import Stage, rehearsed, steps_of
from sim.disk import Fault

CONFIG = """
SpoolBase = "/var/spool/mt"
Relay_Domains = ( "example.com" )
Domain "example.com" { Delivery_Method = MAILDIR Maildir_Path = "/var/mail/%d/%l" }
ESMTP_Listener {
  Listen ":25" { Record_Sessions = "/var/record/sessions" }
  Listen ":26" { }
}
"""
MAIL = ("MAIL FROM:<a@b.example>", "RCPT TO:<bob@example.com>", "DATA", "Subject: x\r\n\r\nbody\r\n.", "QUIT")


def test_sessions_of_the_listen_that_says_so() -> None:
    async def story(site: Site) -> list[bytes]:
        for port in (25, 26, 25):
            assert (await site.talk(*MAIL, port=port))[-2].startswith("250 2.0.0 OK ")
        await site.life.stop(60)
        return await site.mx.call(read_folder, "/var/record")

    site = Site()
    (octets,) = site.run(CONFIG, story)
    recordings = [decode(line) for line in octets.splitlines()]
    assert [(recording.listen, recording.why) for recording in recordings] == [("*:25", "quit")] * 2
    assert b"Subject" not in octets


async def fall_silent(machine: Machine, octets: bytes) -> None:
    """Say *octets*, then wait for the server to be tired of it."""
    with trio.socket.socket() as socket:
        await socket.connect((MX, 25))
        await send_all(socket, octets)
        while await socket.recv(4096):
            pass


ENVELOPE = b"EHLO a\r\nMAIL FROM:<a@b>\r\nRCPT TO:<bob@example.com>\r\n"


@pytest.mark.parametrize(
    "octets", [b"", b"EHLO a\r\n", ENVELOPE + b"DATA\r\nSubject: x\r\n\r\nhalf", ENVELOPE + b"DATA\r\n", b"NOOP\r\nNOO"]
)
@pytest.mark.parametrize("drains", [False, True])
def test_a_session_that_the_host_has_ended_is_played_to_its_end(octets: bytes, *, drains: bool) -> None:
    async def story(site: Site) -> list[bytes]:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(site.client.call, fall_silent, octets)
            if drains:
                await trio.sleep(30)
                await site.life.stop(600)
        await site.life.stop(60)
        return await site.mx.call(read_folder, "/var/record")

    (line,) = Site().run(CONFIG, story)
    recording = decode(line.rstrip())
    is_cut_off = drains and b"DATA" in octets  # Drain_Timeout is over in the middle of a transaction: nothing is said
    codes = [entry.code for entry in recording.entries if isinstance(entry, Said)]
    assert (codes[-1] == 421) is not is_cut_off
    tree = load_text(CONFIG, declared=DECLARED)
    played = rehearsed(lambda: Stage(tree).play(recording, steps_of(recording)))
    assert differences(turns(recording.entries), played.turns) == []


@pytest.mark.parametrize("kind", [Append, Open])
def test_a_full_disk_under_the_recording_is_no_matter_to_mail(kind: type[Step[object]]) -> None:
    def inject(step: Step[object]) -> Fault | None:
        is_recording = isinstance(step, kind) and step.file.path.startswith("/var/record")  # type: ignore[attr-defined]
        return Fault(errno.ENOSPC, after_octets=50) if is_recording else None

    async def story(site: Site) -> None:
        site.mx.store.inject = inject
        for _ in range(3):
            assert (await site.talk(*MAIL))[-2].startswith("250 2.0.0 OK ")
            await site.moment()
        assert len(await site.mailbox("bob")) == 3

    site = Site()
    site.run(CONFIG, story)
    panics = [record.text for _, record in site.world.records if isinstance(record, Panic)]
    assert [text for text in panics if "recording" in text] == [
        "recording /var/record/sessions: no more sessions: No space left on device"
    ]
