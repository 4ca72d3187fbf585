"""SMTP sessions over the real spool: what was answered 250 is there when the spool is opened again."""

from __future__ import annotations

import smtplib
from pathlib import Path

import pytest
import trio
from esmtp_host import BASIC, MESSAGE, host, talk_to

from momentum_trio.machine.os_machine import os_machine
from momentum_trio.mail.header import HEADER_OCTETS_MAX
from momentum_trio.spool.spool import Spool, SpoolTerms, open_spool


def terms(at: Path) -> SpoolTerms:
    return SpoolTerms(str(at / "spool"), large_message_octets=32 * 1024)


async def contents(spool: Spool) -> dict[str, bytes]:
    """What a spool just opened has in custody, by batch."""
    batches = [(await spool.held(owed.ticket)).batch for owed in spool.owed()]
    return {batch.batch_id: await spool.content(batch.batch_id) for batch in batches}


def message(octets: int) -> bytes:
    return MESSAGE + b"x" * 62 + b"\r\n" + (b"0123456789" * 7 + b"\r\n") * (octets // 72)


@pytest.mark.parametrize("octets", [0, 1000, 31_000, 40_000, 200_000, 2_000_000])
async def test_what_was_answered_250_is_there_after_a_restart(tmp_path: Path, octets: int) -> None:
    async with open_spool(os_machine(), terms(tmp_path)) as spool, host(real=spool) as at, talk_to(at) as talk:
        final = await talk.message(message(octets))
        assert final.startswith("250 2.0.0 OK ")
        batch_id = final.rpartition(" ")[2]
        now = await spool.content(batch_id)
        assert now.endswith(message(octets))
    async with open_spool(os_machine(), terms(tmp_path)) as spool:
        assert await contents(spool) == {batch_id: now}


async def test_smtplib_many_messages_on_many_connections(tmp_path: Path) -> None:
    def send(port: int, name: str) -> None:
        with smtplib.SMTP("127.0.0.1", port, timeout=10) as client:
            for n in range(5):
                refused = client.sendmail("a@b.example", [f"{name}.{n}@d.example", "e@d.example"], message(n * 20_000))
                assert refused == {}

    async with open_spool(os_machine(), terms(tmp_path)) as spool, host(real=spool) as at:
        async with trio.open_nursery() as nursery:
            for name in ("ann", "ben", "cat"):
                nursery.start_soon(trio.to_thread.run_sync, send, at.port, name)
        assert sorted(batch.messages[0].forward_path for batch in at.accepted) == sorted(
            f"{name}.{n}@d.example" for name in ("ann", "ben", "cat") for n in range(5)
        )
    async with open_spool(os_machine(), terms(tmp_path)) as spool:
        assert len(await contents(spool)) == 15


@pytest.mark.parametrize("end", ["RSET is data here", "header", "leave"])
async def test_what_was_not_taken_leaves_no_file(tmp_path: Path, end: str) -> None:
    """Large content goes to a file as it comes; a refusal, or a client that leaves, takes it away again."""
    text = BASIC.replace("  Listen", "  Max_Message_Size = 300000\n  Listen", 1)
    async with open_spool(os_machine(), terms(tmp_path)) as spool:
        async with host(text, real=spool) as at:
            async with talk_to(at) as talk:
                ended = at.ended
                await talk.envelope()
                await talk.ask("DATA")
                if end == "leave":
                    await talk.say(message(200_000))
                elif end == "header":
                    await talk.say(b"X: y\r\n" + b" z\r\n" * (HEADER_OCTETS_MAX // 4) + b"\r\n.\r\n")
                    assert (await talk.reply())[:3] == "552"
                else:
                    await talk.say(message(400_000) + b".\r\n")
                    assert await talk.reply() == "552 5.3.4 message size limit exceeded"
            with trio.fail_after(5):
                await ended.wait()
        assert [path for path in (tmp_path / "spool" / "content").iterdir() if path.is_file()] == []
    async with open_spool(os_machine(), terms(tmp_path)) as spool:
        assert await contents(spool) == {}
