"""Whatever a DKIM-Signature or a key record says, it comes to one finding, and nothing passes that is not signed."""

from __future__ import annotations

from hypothesis import strategies as st

from momentum_trio.net.dns_records import Records, is_name
from momentum_trio.protocol.dkim.finding import DkimResult
from momentum_trio.protocol.dkim.signature import header_fields
from momentum_trio.protocol.dkim.strategies import signature_lists, tag_lists
from momentum_trio.protocol.dkim.verification import Verification

# RFC 6376 appendix A.2: the strategy has its hash
BODY = b"Hi.\r\n\r\nWe lost the game. Are you hungry yet?\r\n\r\nJoe.\r\n"
KEYS = (
    "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=",  # RFC 8463 appendix A.2
    "v=DKIM1; p=",
)


def strategy() -> st.SearchStrategy[bytes]:
    """Octets worth trying: a field, and behind NUL a key record."""
    fields = (signature_lists | tag_lists).map(lambda text: text.encode("utf-8"))
    keys = st.just(b"") | tag_lists.map(lambda text: b"\0" + text.encode("utf-8"))
    return st.tuples(fields, keys).map(b"".join)


def run(octets: bytes) -> None:
    """Raise AssertionError if *octets* break the invariant."""
    value, _, key = octets.partition(b"\0")
    folded = value.replace(b"\r\n", b" ").replace(b"\n", b" ")
    section = b"DKIM-Signature: " + folded + b"\r\nFrom: joe@example.com\r\nTo: x\r\n"
    for takes_partial in (False, True):
        verification = Verification(header_fields(section), 1_600_000_000, takes_partial=takes_partial)
        verification.body(BODY)
        questions = verification.questions()
        assert all(is_name(question.name) for question in questions)
        records = Records((key.decode("latin-1"), *KEYS))
        (finding,) = verification.findings(dict.fromkeys(questions, records))
        assert finding.result not in (DkimResult.PASS, DkimResult.NONE, DkimResult.TEMPERROR)
        assert finding.reason
