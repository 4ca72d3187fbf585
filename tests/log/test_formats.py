r"""Laws of the log formats: one record is one line, and its fields can be read back (spec/logs.md sections 1 and 3)."""

from __future__ import annotations

import json
from enum import Enum

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from momentum_trio.log import bouncelog, escaping, mainlog, paniclog, rejectlog
from momentum_trio.log.jsonlines import json_line
from momentum_trio.log.parse import READERS
from momentum_trio.log.said import said, said_in_bouncelog
from momentum_trio.log.strategies import failures, records, written
from momentum_trio.mail.record import (
    Authenticated,
    Authorized,
    Delivered,
    Failed,
    Imported,
    ImportResult,
    Level,
    Panic,
    Received,
    Record,
    Rejected,
    Transferred,
)

SAMPLE = ("10/00-00481-001F3556", "10/00-00481-001F3556", "00/00-00481-001F3556")
BOB = "bob@example.com"
INFO = "info@example.net"
REJECTION_SAMPLE = (
    '1700000000: R="192.0.2.7:42601" L="192.0.2.1:25" C="10/00-07149-001F3556" PATH="default" PATH_GRP="default" '
    'P="awaiting mailfrom" E=550 M=scriptlet CTXCONN=[pathway=default,ehlo_string="EHLO x",ehlo_domain=x] '
    'CTXMESS=[mailfrom_domain=,mailfrom_string="MAIL FROM:<>",mailfrom_localpart=] relaying denied'
)


@pytest.mark.parametrize(
    ("record", "line"),
    [
        (
            Received(1700000000.9, *SAMPLE, BOB, INFO, "default", "default", "192.0.2.1", 201, "esmtp"),
            f"1700000000@{'@'.join(SAMPLE)}@R@bob@example.com@info@example.net@192.0.2.1@201@esmtp@default@default",
        ),
        (
            Received(1700000000, "m", "b", "c", '"a@b\nc"@example.com', "", "g", "b", "192.0.2.1", 1, "esmtp"),
            r'1700000000@m@b@c@R@"a\@b\x0Ac"@example.com@@@192.0.2.1@1@esmtp@g@b',
        ),
        (
            Received(1700000000, "m", "b", "c", '"a@b"', INFO, "g", "b", "192.0.2.1", 1, "esmtp"),
            r'1700000000@m@b@c@R@"a\@b"@@info@example.net@192.0.2.1@1@esmtp@g@b',
        ),
        (
            Received(1700000000, "m", "b", "c", "a@[tag:b@x]", INFO, "g", "b", "192.0.2.1", 1, "esmtp"),
            r"1700000000@m@b@c@R@a@[tag:b\@x]@info@example.net@192.0.2.1@1@esmtp@g@b",
        ),
        (
            Delivered(1700000000, "m", "b", "c", BOB, INFO, "default", "default", "example.com", 201, 0, 0.3926, ""),
            "1700000000@m@b@c@D@example.com@201@default@default@0@0.393@",
        ),
        (
            Transferred(1700000000, "m", "b", "c", BOB, INFO, "g", "b", "example.com", 201, 1, 2, "192.0.2.2"),
            "1700000000@m@b@c@X@example.com@201@g@b@1@2.000@192.0.2.2",
        ),
        (
            Failed(
                1, "m", "b", "c", BOB, INFO, "g", "b", False, "example.com", 0, 4, 2, 7.126, "192.0.2.9", "450 <a@b> no"
            ),
            "1@m@b@c@T@example.com@0@g@b@4@2@7.13@192.0.2.9@450 <a@b> no",
        ),
        (
            Rejected(
                1700000000,
                "192.0.2.7:42601",
                "192.0.2.1:25",
                "10/00-07149-001F3556",
                "default",
                "default",
                "awaiting mailfrom",
                550,
                "scriptlet",
                "relaying denied",
                (("pathway", "default"), ("ehlo_string", "EHLO x"), ("ehlo_domain", "x")),
                (("mailfrom_domain", ""), ("mailfrom_string", "MAIL FROM:<>"), ("mailfrom_localpart", "")),
            ),
            REJECTION_SAMPLE,
        ),
        (Imported(5, "o", "n", ImportResult.NOT_WRITTEN, "/a@b"), "5@o@I@n@4@/a@b"),
        (Panic(1251465322, Level.ERROR, "scriptlet: no\nusable"), r"1251465322:scriptlet: no\x0Ausable"),
        (Authenticated(5, "*:2025", "192.0.2.1:4711", "ann", True), "5@N@*:2025@192.0.2.1:4711@ann@1"),
        (Authorized(5, "/tmp/2025", "", "ann", True, "shutdown", "admin"), "5@Z@/tmp/2025@@ann@1@shutdown@admin"),
        (Authorized(5, "/tmp/2025", "", "ann", False, "config set a@b"), r"5@Z@/tmp/2025@@ann@0@config set a\@b"),
    ],
)
def test_lines_of_the_documentation(record: Record, line: str) -> None:
    assert written(record)[1] == line


def test_heartbeats() -> None:
    assert mainlog.heartbeat(1700000060.7) == "1700000060@@@@M1"
    assert rejectlog.heartbeat(1700000060.7) == "1700000060: Marker 1"


@given(records)
def test_a_record_is_one_line_of_printable_text(record: Record) -> None:
    for line in (written(record)[1], json_line(record)):
        assert line.isprintable()  # no CR, LF, other control characters or line separators
        assert len(line.splitlines()) == 1
        assert line.encode("utf-8").decode("utf-8") == line


@given(records)
def test_a_line_is_read_back_as_what_happened(record: Record) -> None:
    log, line = written(record)
    assert READERS[log](line) == said(record)


def paired(value: object) -> object:
    """*value* with lone surrogates that happen to stand together made the one character that JSON takes them for."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return {paired(k): paired(v) for k, v in value.items()} if isinstance(value, dict) else value


@given(records)
def test_json_is_read_back(record: Record) -> None:
    read = json.loads(json_line(record))
    assert read.pop("time") == record.at
    assert read.pop("type") in {"R", "D", "X", "T", "P", "N", "Z", "I", "reject", "panic", "request"}
    for name, value in read.items():
        known = getattr(record, name)
        expected = known.value if isinstance(known, Enum) else dict(known) if isinstance(known, tuple) else known
        assert paired(value) == paired(expected)


@given(st.text())
def test_any_line_can_be_taken_apart(line: str) -> None:
    assert escaping.fields(line)
    assert len(escaping.fields(line, 3)) <= 3
    escaping.unescaped(line)


def test_panics_stay_readable_on_a_terminal() -> None:
    record = Panic(1, Level.ERROR, "one\ntwo\x1b[31m")
    assert paniclog.readable(record) == "ERROR: one\n    two\\x1B[31m"


BOUNCE = Failed(
    at=1064868700,
    message_id="91/6D-07914-E67BC044",
    batch_id="00/00-03736-F4101B54",
    connection_id="00/00-04532-A3456B54",
    forward_path="johndoe@example.fict",
    reverse_path="info@postalengine.com",
    binding_group="group-a",
    binding="binding-a",
    permanent=True,
    routing_domain="example.fict",
    octets=0,
    stage=21,
    retries=3,
    age_seconds=44.0,
    peer_address="10.0.0.1",
    reason="554 5.4.7 [internal] exceeded max time without delivery",
    message_octets=1223,
    received_at=1064868656.9,
)


def test_the_manuals_bounce() -> None:
    assert bouncelog.failed(BOUNCE) == (
        "1064868656@91/6D-07914-E67BC044@00/00-03736-F4101B54@00/00-04532-A3456B54@B@johndoe@example.fict@info"
        "@postalengine.com@group-a@binding-a@21@24@1223@10.0.0.1"
        "@554 5.4.7 [internal] exceeded max time without delivery"
    )


def test_a_transient_failure_of_the_null_sender() -> None:
    record = replace(BOUNCE, permanent=False, reverse_path="", peer_address="", reason="452 4.2.2 full@home")
    assert bouncelog.failed(record).split("@", 4)[4] == (
        "T@johndoe@example.fict@@@group-a@binding-a@21@22@1223@@452 4.2.2 full@home"
    )


@given(failures)
def test_a_bounce_is_one_line_that_reads_back(record: Failed) -> None:
    line = bouncelog.failed(record)
    assert line.isprintable()
    assert READERS["bouncelog"](line) == said_in_bouncelog(record)


@given(failures)
def test_a_bounce_as_json(record: Failed) -> None:
    found = json.loads(bouncelog.json_line(record))
    assert found["type"] == ("B" if record.permanent else "T")
    assert isinstance(found["classification"], int)
    assert found["reason"] == record.reason
