"""A whole node that records: wired where sessions are, ended in order, at peace with a disk that will not have it."""

from __future__ import annotations

import errno

import pytest
from simulated_host import Site, read_folder

from momentum_trio.machine.disk import Append, Open, Step
from momentum_trio.mail.record import Panic
from momentum_trio.protocol.rehearsal.recording import decode
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
