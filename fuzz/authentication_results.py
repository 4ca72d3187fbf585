"""Of Authentication-Results fields that a message brings those by our name go, and ours is one that is read as ours."""

from __future__ import annotations

from hypothesis import strategies as st

from momentum_trio.mail.authentication_results import NAME, Method, claims, results_field
from momentum_trio.mail.strategies import results_values
from momentum_trio.protocol.dkim.signature import header_fields
from momentum_trio.reception.policy.evidence import Evidence

OURS = "mx.example"


def strategy() -> st.SearchStrategy[bytes]:
    """Octets worth trying: header sections full of such fields."""
    fields = st.builds("{}{}\r\n".format, st.sampled_from(["Authentication-Results:", "A:", " ", ""]), results_values)
    return st.lists(fields, max_size=6).map(lambda drawn: "".join(drawn).encode("utf-8"))


def run(octets: bytes) -> None:
    """Raise AssertionError if *octets* break the invariant."""
    cleared = Evidence(authserv_id=OURS, removes=True).without_ours(octets)
    kept = [field for name, field in header_fields(cleared) if name == NAME]
    assert not any(claims(field, OURS) for field in kept)
    assert len(cleared) <= len(octets)
    text = octets.decode("utf-8", "surrogateescape")
    method = Method("spf", "pass", text, (("smtp.mailfrom", text),))
    written = results_field(OURS, [method]).encode("ascii")
    ((name, field),) = header_fields(written)
    assert (name, field) == (NAME, written)
    assert claims(written, OURS)
    assert max(map(len, written.split(b"\r\n"))) <= 998
