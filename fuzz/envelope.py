"""An envelope that comes without lines is understood as the same lines of SMTP would be; nothing ends a path early."""

from __future__ import annotations

from typing import Final

from hypothesis import strategies as st

from momentum_trio.mail.reply import Reply
from momentum_trio.protocol.smtp.command import COMMANDS, mail_of, rcpt_of
from momentum_trio.protocol.smtp.strategies import forward_paths, international_paths, nearly_paths, reverse_paths
from momentum_trio.protocol.smtp.terms import Terms

TERMS: Final = Terms(
    "mx.example", Reply(220, "", ("",)), ("8BITMIME", "SIZE", "DSN", "SMTPUTF8", "CHUNKING", "BINARYMIME"), 1000
)
PARAMETERS: Final = ("", "SIZE=9", "BODY=BINARYMIME SMTPUTF8", "RET=HDRS", "NOTIFY=NEVER", "X", "SIZE=9 ", "\r\nDATA")


def strategy() -> st.SearchStrategy[bytes]:
    """Octets worth trying: a path without its brackets, sometimes with another's behind it, and parameters."""
    paths = (reverse_paths | forward_paths | nearly_paths | international_paths).map(lambda path: path[1:-1])
    ends = st.sampled_from(["", "", "> SIZE=9", "><a@b.example", ">", "\r", "\0", " "])
    said = st.sampled_from(PARAMETERS) | st.text(max_size=10)
    return st.builds("{}{}\n{}".format, paths, ends, said).map(lambda text: text.encode(errors="replace"))


def run(octets: bytes) -> None:
    """Raise AssertionError if *octets* break the invariant."""
    path, _, parameters = octets.decode(errors="surrogateescape").partition("\n")
    smtputf8 = "SMTPUTF8" in parameters.split(" ")
    _same("MAIL FROM:", path, parameters, mail_of(path, parameters, TERMS))
    _same("RCPT TO:", path, parameters, rcpt_of(path, parameters, TERMS, smtputf8=smtputf8))


def _same(verb: str, path: str, parameters: str, found: object) -> None:
    line = f"{verb}<{path}>{' ' if parameters else ''}{parameters}"
    if not line.isprintable():
        assert isinstance(found, Reply)
        return
    said = COMMANDS[verb[:4]].parse(line, line[5:], TERMS)
    if not isinstance(found, Reply):
        assert found == said
    elif not isinstance(said, Reply):
        assert ">" in path or (verb == "RCPT TO:" and not line.isascii())  # whether MAIL permits that a line cannot say
