"""However a conversation is cut, the same is told of it, in printable lines, and nothing that answers a challenge."""

from __future__ import annotations

from typing import Final

from hypothesis import strategies as st

from momentum_trio.protocol.smtp.transcript import LINE_OCTETS_MAX, Transcript

SECRET: Final = b"aHVudGVyMg"
SAID: Final = (
    b">EHLO a\r\n",
    b"<250-b\r\n250 AUTH LOGIN\r\n",
    b">AUTH LOGIN\r\n",
    b"<334 \r\n",
    b"<235 in\r\n",
    b">DATA\r\n",
    b"<354 go\r\n",
    b">.\r\n",
    b">BDAT 5 LAST\r\nabcde",
    b">AUTH PLAIN x\r\n",
)


def strategy() -> st.SearchStrategy[bytes]:
    """Turns, each begun by ``>`` or ``<``, one after the other with a NUL between."""
    turns = st.sampled_from(SAID) | st.binary(max_size=40).map(lambda octets: b">" + octets)
    return st.lists(turns, max_size=12).map(b"\0".join)


def run(octets: bytes) -> None:
    """Raise AssertionError if *octets* break the invariant."""
    turns = [turn for turn in octets.split(b"\0") if turn]
    whole, pieces = _told(turns, cut=False), _told(turns, cut=True)
    assert whole == pieces
    for line in whole:
        assert line.isprintable()
        assert len(line) <= 4 * LINE_OCTETS_MAX + 2
    transcript, said = Transcript(), b"".join(turn[1:] for turn in turns if turn[:1] == b"<")
    transcript.received(said + b"\r\n")  # a line that is whole only later would be the reply to AUTH
    transcript.sent(b"EHLO a\r\nAUTH LOGIN\r\n")
    transcript.received(b"334 \r\n" + said)
    lines = [*transcript.sent(SECRET + b"\r\n"), *transcript.rest()]
    assert not [text for direction, text in lines if direction == ">" and SECRET.decode() in text]


def _told(turns: list[bytes], *, cut: bool) -> list[str]:
    transcript, lines = Transcript(), []
    for turn in turns:
        take = transcript.received if turn[:1] == b"<" else transcript.sent
        for part in [turn[at : at + 1] for at in range(1, len(turn))] if cut else [turn[1:]]:
            lines += take(part)
    return [f"{direction} {text}" for direction, text in [*lines, *transcript.rest()]]
