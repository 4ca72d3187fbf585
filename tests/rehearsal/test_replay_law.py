"""A recording played under the configuration it was made with gets the replies it got; its masks change none."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from recorded_host import configuration, recorded_host, recordings, said, tree_of

from momentum_trio.protocol.rehearsal.comparison import differences
from momentum_trio.protocol.rehearsal.recording import Recording, Said
from momentum_trio.protocol.rehearsal.strategies import content_octets, headers
from momentum_trio.protocol.rehearsal.turn import turns
from momentum_trio.protocol.smtp.strategies import cut, cuts, dialogues
from momentum_trio.rehearsal.stage import Played, Stage, rehearsed, steps_of

top_options = st.lists(
    st.sampled_from(
        [
            'Relay_Domains = ( "d.example" "*.org" )',
            "Require_EHLO = true",
            "RFC2822_Date_Header = pedantic",
            "RFC2822_Missing_Headers = allow",
            "RFC2822_Lone_LF_In_Body = ignore",
            'Relay_Hosts = ( "192.0.2.0/24" )',
            "RFC2821_Pedantic_Address_Rules = false",
            "Allow_Trailing_Whitespace_In_Commands = true",
            'Blackhole = "inline"',
        ]
    ),
    unique=True,
).map("\n".join)
session_options = st.lists(
    st.sampled_from(
        [
            "Max_Message_Size = 1000",
            "Open_Relay = true",
            "Max_Bad_Commands = 2",
            "Max_Recipients_Per_Message = 1",
            "Max_Receptions_Per_Connection = 1",
            'SMTP_Extensions = ( "DSN" "ENHANCEDSTATUSCODES" )',
            'Static_Banner = "220 here"',
            'Domain_For_Unqualified_Sender_Address = "s.example"',
        ]
    ),
    unique=True,
).map("\n".join)
keeping = st.sampled_from(["", "Record_Content = true\n"])
good = st.builds(
    lambda content: b"MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nRCPT TO:<e@f.org>\r\nDATA\r\n" + content,
    content_octets,
)
sessions = st.lists(
    good | good | dialogues | st.sampled_from([b"EHLO a\r\n", b"RSET\r\n", b"AUTH PLAIN AGEAYg==\r\n", b"QUIT\r\n"]),
    max_size=5,
).map(b"".join)


def recorded(text: str, pieces: Sequence[bytes], folder: str) -> tuple[Recording, bytes]:
    """A session that says *pieces* to a host with the configuration *text*: its recording, and what it was told."""
    heard = b""

    async def record() -> None:
        nonlocal heard
        async with recorded_host(text) as host:
            heard = await said(host.port, pieces)

    trio.run(record)
    (recording,) = recordings(Path(folder, "sessions"))
    return recording, heard


def played(text: str, recording: Recording) -> Played:
    """The recording under the configuration *text*."""
    tree = tree_of(text)

    async def play() -> Played:
        return await Stage(tree).play(recording, steps_of(recording))

    return rehearsed(play)


@settings(max_examples=40, deadline=None)
@given(top_options, session_options, keeping, sessions, cuts)
def test_the_same_configuration_gives_the_same_replies(
    top: str, session: str, keep: str, octets: bytes, sizes: list[int]
) -> None:
    with TemporaryDirectory() as folder:
        text = configuration(f"{folder}/sessions", keep + session, top)
        recording, heard = recorded(text, cut(octets, sizes), folder)
        told = [entry for entry in recording.entries if isinstance(entry, Said)]
        kept = "".join(reply.text.replace("\n", "\r\n") + "\r\n" for reply in told).encode()
        assert heard.startswith(kept) if recording.cut else heard == kept
        again = played(text, recording)
        assert differences(turns(recording.entries), again.turns) == []


@settings(max_examples=10, deadline=None)
@given(headers, st.sampled_from([65_000, 131_072, 300_000, 1_000_000]), st.sampled_from([b"", b"\n", b"\0", b".\r\n"]))
def test_large_contents_too(head: bytes, octets: int, fault: bytes) -> None:
    body = b"x" * (octets // 2) + fault + b"y" * 100 + b"\r\n" + b"z" * (octets // 2)
    content = b"MAIL FROM:<>\r\nRCPT TO:<c@d.example>\r\nDATA\r\n" + head + b"\r\n" + body + b"\r\n.\r\nQUIT\r\n"
    with TemporaryDirectory() as folder:
        text = configuration(f"{folder}/sessions", "Max_Message_Size = 500000\n", 'Relay_Domains = ( "d.example" )')
        recording, _ = recorded(text, [content], folder)
        assert differences(turns(recording.entries), played(text, recording).turns) == []


def test_a_line_without_end_ends_the_same(tmp_path: Path) -> None:
    text = configuration(tmp_path / "sessions")
    for octets in (b"x" * 1_200_000, b"GET / HTTP/1.1 " + b"x" * 5000 + b"\r\n", b"y" * 3000 + b"\r\nNOOP\r\n"):
        (tmp_path / "sessions").unlink(missing_ok=True)
        recording, _ = recorded(text, [octets], str(tmp_path))
        assert len(recording.entries) > 2
        assert differences(turns(recording.entries), played(text, recording).turns) == []
