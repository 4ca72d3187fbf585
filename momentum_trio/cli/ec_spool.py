"""``ec_spool check [DIR]`` and ``ec_spool dump ID|--all|--keys [-d DIR]``: a spool, read without changing it.

``check`` reads all of it, tells of each segment what it holds, and what is damaged. Exit status 0 sound, 1 damaged, 2
not to be read. It may be run beside a running host; what that has not finished writing is told as such.

``dump`` writes a message: its envelope as a line of JSON, an empty line, the content. With ``--all`` each is one line
of JSON that has the content too, in base64. With ``--keys`` each idempotency key in its time is one: not the key, which
the spool does not know, but the name it has there.
"""

from __future__ import annotations

import argparse
import base64
import json
import sys
from collections.abc import Sequence
from functools import partial
from typing import Any

from momentum_trio.cli.configuration import default_file
from momentum_trio.cli.ec_show import spool_of
from momentum_trio.cli.output import for_operators
from momentum_trio.cli.queued import as_json
from momentum_trio.cli.spool_files import SegmentFacts, SpoolFiles
from momentum_trio.spool.frame import NotOurs
from momentum_trio.spool.wire import Keyed, earlier_of

SOUND, DAMAGED = 0, 1


def main(arguments: Sequence[str] | None = None) -> int:
    """The program. arguments: in place of the command line's. Returns its exit status."""
    parser = argparse.ArgumentParser(prog="ec_spool", description="Look at a spool without changing it.")
    parser.add_argument("-c", dest="file", metavar="FILE", default=default_file(), help="default: %(default)s")
    commands = parser.add_subparsers(required=True)
    check = commands.add_parser("check", help="read all of it, say what is there and what is damaged")
    check.add_argument("base", metavar="DIR", nargs="?", help="instead of the configuration's")
    check.set_defaults(command=_check)
    dump = commands.add_parser("dump", help="write messages with their envelopes")
    dump.add_argument("identifier", metavar="ID", nargs="?", help="of a message, or of a batch")
    dump.add_argument("--all", action="store_true", help="every message, a line of JSON each")
    dump.add_argument("--keys", action="store_true", help="every idempotency key in its time, a line of JSON each")
    dump.add_argument("-d", dest="base", metavar="DIR", help="instead of the configuration's")
    dump.set_defaults(command=_dump)
    asked = parser.parse_args(arguments)
    if asked.command is _dump and bool(asked.identifier) + asked.all + asked.keys != 1:
        parser.error("dump takes an ID, --all or --keys")
    return for_operators("ec_spool", partial(_run, asked), OSError, NotOurs)


def _run(asked: argparse.Namespace) -> int:
    files = SpoolFiles(asked.base or spool_of(asked.file))
    files.read()
    status: int = asked.command(files, asked)
    return status


# -- check -------------------------------------------------------------------------------------------------------------


def _check(files: SpoolFiles, _asked: argparse.Namespace) -> int:
    for facts in files.segments:
        print(_line(facts))
        for damage in facts.damages:
            print(f"  damaged: {damage.after - damage.first} octets at {damage.first}")
    contents = files.contents()
    print(f"content: {contents.files} files, {contents.octets:,} octets")
    for slot in contents.missing:
        print(f"  missing: {slot.file} of batch {slot.batch_id}")
    for slot in contents.odd:
        print(f"  not of {slot.content_octets} octets: {slot.file} of batch {slot.batch_id}")
    ledger = files.ledger
    messages = sum(ledger.batches.open[row] for facts in files.segments for row in ledger.rows(facts.segment))
    print(f"log: {ledger.log_octets:,} octets, {ledger.live_octets:,} of them live")
    print(f"in custody: {len(ledger)} batches, {messages} messages")
    if files.keys:
        print(f"in their time: {len(files.keys)} idempotency keys")
    damaged = any(facts.damages for facts in files.segments) or contents.missing or contents.odd
    print("damaged" if damaged else "sound")
    return DAMAGED if damaged else SOUND


def _line(facts: SegmentFacts) -> str:
    records = ", ".join(f"{count} {kind.name.lower()}" for kind, count in sorted(facts.records.items()))
    unfinished = f"; {facts.unfinished} octets not finished" if facts.unfinished else ""
    return (
        f"{facts.segment.path.rpartition('/')[2]}: version {facts.version or '?'}, {facts.segment.length:,} octets, "
        f"{facts.segment.live_octets:,} live, {facts.groups} groups ({records or 'no records'}){unfinished}"
    )


# -- dump --------------------------------------------------------------------------------------------------------------


def _dump(files: SpoolFiles, asked: argparse.Namespace) -> int:
    if asked.all:
        for queued in files.queued():
            content = base64.b64encode(files.content(queued.slot)).decode()
            print(json.dumps(as_json(queued) | {"content": content}))
        return SOUND
    if asked.keys:
        for keyed in files.keyed():
            print(json.dumps(_key_as_json(keyed)))
        return SOUND
    found = files.one(asked.identifier)
    if not found:
        print(f"ec_spool: {asked.identifier} is not in the spool", file=sys.stderr)
        return DAMAGED
    for queued in found:
        print(json.dumps(as_json(queued)))
    print(flush=True)
    sys.stdout.buffer.write(files.content(found[0].slot))
    return SOUND


def _key_as_json(keyed: Keyed) -> dict[str, Any]:
    earlier = earlier_of(keyed)
    return {
        "name": keyed.name.hex(),
        "digest": keyed.digest.hex(),
        "given_at": keyed.given_at,
        "seconds": keyed.seconds,
        "batch_id": earlier.batch_id,
        "reply": str(earlier.answer.reply),
        "recipients": [str(reply) for reply in earlier.answer.recipients],
    }


if __name__ == "__main__":
    sys.exit(main())
