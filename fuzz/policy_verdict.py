"""Whatever a module says in a verdict, what is told and recorded of it is one line of printable ASCII or is refused."""

from __future__ import annotations

import re

from hypothesis import strategies as st

from momentum_trio.mail.reply import Reply
from momentum_trio.reception.policy.verdict import Continue, Defer, Discard, Disconnect, Reject
from momentum_trio.reception.screening_options import Zone

_LINE = re.compile(rb"[45][0-5][0-9] [ -~]+\r\n")
_FIELD = re.compile(r"[!-9;-~]+: [ -~]*")


def strategy() -> st.SearchStrategy[bytes]:
    """Octets worth trying: text with what ends lines in it."""
    return st.text(st.sampled_from("45.127/=,aZ -:\r\n\t\0\x7fé\u2028"), max_size=450).map(str.encode)


def run(octets: bytes) -> None:
    """Raise AssertionError if *octets* break the invariant."""
    text = octets.decode("utf-8", "surrogateescape")
    _told(text)
    _added(text)
    _listed(text)


def _told(text: str) -> None:
    code = int(text[:3]) if text[:3].isascii() and text[:3].isdigit() else 550
    for kind in (Reject, Defer):
        try:
            made = kind(text[3:], code=code, enhanced=text[3:8] if text[4:5] == "." else "")
        except ValueError:
            continue
        sent = Reply(made.code, made.enhanced, (made.text,)).octets()
        assert _LINE.fullmatch(sent)
        assert len(sent) <= 512
    for reason in (Disconnect, Discard):
        try:
            reason(text)
        except ValueError:
            continue
        assert text.isascii()
        assert text.isprintable()


def _added(text: str) -> None:
    name, _, value = text.partition("=")
    try:
        Continue(fields=[(name, value)], message={name: value})
    except ValueError:
        return
    assert _FIELD.fullmatch(f"{name}: {value}")


def _listed(text: str) -> None:
    try:
        zone = Zone.parse(text)
    except ValueError:
        return
    assert Zone.parse(str(zone)) == zone
