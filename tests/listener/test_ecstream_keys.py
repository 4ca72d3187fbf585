"""ECStream's idempotency keys: WELCOME tells of them, and who sends again is answered with the first id."""

from __future__ import annotations

from pathlib import Path

from ecstream_talk import CONTENT, listening, message, talk_to
from msgspec.structs import replace

from momentum_trio.machine.os_machine import os_machine
from momentum_trio.protocol.ecstream.batch import Following
from momentum_trio.protocol.ecstream.results import Result
from momentum_trio.protocol.smtp import replies
from momentum_trio.spool.spool import SpoolTerms, open_spool


async def test_a_batch_that_is_sent_again_makes_no_second_message(tmp_path: Path) -> None:
    machine, terms = os_machine(), SpoolTerms(str(tmp_path / "spool"), key_seconds=77)
    keyed = replace(message("c@d.example", "no path"), key=b"\xff\0key")
    batches = ((CONTENT,), (Following(len(CONTENT)),))
    async with open_spool(machine, terms) as spool, listening(real=spool, machine=machine) as at:
        told = list[Result]()
        for contents in (*batches, *batches):
            async with talk_to(at) as talk:
                assert (await talk.welcome()).key_seconds == 77
                if contents is batches[0]:
                    told += await talk.ask(keyed, contents=contents)
                else:
                    await talk.batch(keyed, contents=contents)
                    talk.core.chunk(CONTENT)
                    await talk.send()
                    told += await talk.results()
        assert told[0].id
        assert told == [told[0]] * 4
        assert [reply.code for reply in told[0].recipients] == [250, 501]
        assert spool.batches_in_custody == 1
        async with talk_to(at) as talk:
            await talk.welcome()
            [other] = await talk.ask(keyed, contents=(CONTENT + b"more\r\n",))
        assert (other.id, other.reply) == (b"", replies.KEY_OF_OTHER)
