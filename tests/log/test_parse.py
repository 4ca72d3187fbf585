"""Reading log lines: forms of the documentation and older ones, and what is refused with a reason."""

from __future__ import annotations

import pytest

from momentum_trio.log.parse import READERS, Entry
from momentum_trio.log.parse_acctlog import Authentication, Authorization
from momentum_trio.log.parse_bouncelog import Bounce
from momentum_trio.log.parse_mainlog import Delivery, Failure, Heartbeat, Reception
from momentum_trio.log.parse_paniclog import Fault
from momentum_trio.log.reading import LINE_CHARACTERS_MAX, Unreadable

IDS = ("10/00-00481-001F3556", "10/00-00481-001F3556", "00/00-00481-001F3556")
ID = "@".join(IDS)


@pytest.mark.parametrize(
    ("log", "line", "entry"),
    [
        # spec/logs.md section 3
        (
            "mainlog",
            f"1700000000@{ID}@R@bob@example.com@info@example.net@192.0.2.1@201@esmtp@default@default",
            Reception(
                1700000000, *IDS, "bob@example.com", "info@example.net", "192.0.2.1", 201, "esmtp", "default", "default"
            ),
        ),
        (
            "mainlog",
            f"1700000000@{ID}@X@example.com@201@default@default@0@0.393@192.0.2.2",
            Delivery(1700000000, *IDS, True, "example.com", 201, "default", "default", 0, 0.393, "192.0.2.2"),
        ),
        (  # the reason is the rest of the line, an @ needs no escape
            "mainlog",
            f"1700000000@{ID}@T@example.com@0@default@default@4@2@7.13@@450 <a@b> no",
            Failure(1700000000, *IDS, False, "example.com", 0, "default", "default", 4, 2, 7.13, "", "450 <a@b> no"),
        ),
        ("mainlog", "1700000060@@@@M", Heartbeat(1700000060)),
        ("mainlog", "1700000060@@@@M1", Heartbeat(1700000060)),
        # section 4
        (
            "bouncelog",
            f"1700000000@{ID}@B@bob@example.com@@@default@default@21@10@4711@192.0.2.9@550 <bob@example.com> unknown",
            Bounce(
                *(1700000000, *IDS, False, "bob@example.com", "", "default", "default"),
                *(21, 10, 4711, "192.0.2.9", "550 <bob@example.com> unknown"),
            ),
        ),
        ("bouncelog", "1700000060@@@@M1", Heartbeat(1700000060)),
        # section 5
        ("rejectlog", "1700000060: Marker 1", Heartbeat(1700000060)),
        # section 6
        ("acctlog", "5@T@*:2025@192.0.2.1:4711@@0", Authentication(5, "T", "*:2025", "192.0.2.1:4711", "", 0)),
        ("acctlog", "5@Z@/tmp/2025@@ann@-1@shutdown", Authorization(5, "/tmp/2025", "", "ann", -1, "shutdown", "")),
        # section 7
        ("paniclog", "1251465322:scriptlet: no usable", Fault(1251465322, "scriptlet: no usable")),
    ],
)
def test_lines_of_the_documentation(log: str, line: str, entry: Entry) -> None:
    assert READERS[log](line) == entry


@pytest.mark.parametrize(
    ("log", "line", "reason"),
    [
        ("mainlog", "", "no record of the mainlog: '' where its type stands"),
        ("mainlog", "1@m@b@c@Q@x", "no record of the mainlog: 'Q' where its type stands"),
        ("mainlog", "1@m@b@c@R@bob@example.com", "7 fields in a record of type R, which has 14"),
        ("mainlog", "1@m@b@c@R@l@d@l@d@1.1.1.1@1@esmtp@g@b@more", "15 fields in a record of type R, which has 14"),
        (
            "mainlog",
            r"1@m@b@c@R@l@d@l@d@1.1.1.1@1@esmtp@g\@@b@more",
            "15 fields in a record of type R, which has 14",
        ),
        ("mainlog", "-1@m@b@c@D@d@1@g@b@0@0.1@", "the time is no number: '-1'"),
        ("mainlog", "1@m@b@c@D@d@1_0@g@b@0@0.1@", "the size is no number: '1_0'"),
        ("mainlog", "1@m@b@c@D@d@\u0661@g@b@0@0.1@", "the size is no number: '\u0661'"),  # a digit, but not ours
        ("mainlog", "1@m@b@c@D@d@1@g@b@0@nan@", "the age is no number of seconds: 'nan'"),
        ("mainlog", "1@m@b@c@P@d@1@g@b@0@0@0.1@1.1.1.1", "13 fields in a record of type P, which has 14"),
        ("mainlog", "1@@@@M1@more", "6 fields in a record of type M1, which has 5"),
        ("mainlog", "9" * (LINE_CHARACTERS_MAX + 1), f"more than {LINE_CHARACTERS_MAX} characters"),
        ("bouncelog", "1@m@b@c@B@l@d", "7 fields in a record of type B, which has 16"),
        ("rejectlog", '1: R="a" L="b"', "no record of the rejectlog"),
        (
            "rejectlog",
            '1: R="" L="" C="" PATH="" PATH_GRP="" P="" E=550 M= CTXCONN=[a] CTXMESS=[] no',
            "a context is no list of key=value",
        ),
        (
            "rejectlog",
            '1: R="" L="" C="" PATH="" PATH_GRP="" P="" E=550 M= CTXCONN=[] CTXMESS=[a=b,] no',
            "a context is no list of key=value",
        ),
        ("acctlog", "5@N@*:2025@@ann@2", "no result: '2'"),
        ("acctlog", "5@Z@*:2025@@ann@1", "no record of the acctlog: type 'Z', 6 fields"),
        ("importlog", "5@o@I@n@5@/a", "no result: 5"),
        ("importlog", "5@o@R@n@1@/a", "no record of the importlog"),
        ("paniclog", "text", "no time before a colon"),
    ],
)
def test_what_is_no_line_of_a_log_is_told_with_the_reason(log: str, line: str, reason: str) -> None:
    assert READERS[log](line) == Unreadable(reason, line[:80])
