"""Whatever an SPF record says, it is read or refused with a ValueError, and a check asks no more than its bound."""

from __future__ import annotations

from ipaddress import ip_address

from hypothesis import strategies as st

from momentum_trio.net.dns_records import NoRecords, Question, Records, RecordType, is_name
from momentum_trio.protocol.spf.evaluation import QUESTIONS_MAX, SpfFinding, SpfIdentity, check_host
from momentum_trio.protocol.spf.record import SpfRecord, SpfResult, is_record
from momentum_trio.protocol.spf.strategies import texts

IDENTITIES = tuple(
    SpfIdentity(ip_address(address), "strong-bad+x@email.example.com", "h.example", now=1)
    for address in ("192.0.2.1", "2001:db8::1")
)
ANSWERS = {
    RecordType.A: Records(("192.0.2.77",)),
    RecordType.AAAA: Records(("2001:db8::77",)),
    RecordType.MX: Records(("mx.example.com", "", "b.example")),
    RecordType.PTR: Records(("email.example.com", "x" * 64)),
}


def strategy() -> st.SearchStrategy[bytes]:
    """Octets worth trying: records, good and nearly good."""
    return texts.map(lambda text: text.encode("latin-1", "replace"))


def run(octets: bytes) -> None:
    """Raise AssertionError if *octets* break the invariant: every domain has them as its record."""
    text = octets.decode("latin-1")
    for identity in IDENTITIES:
        finding = _checked(identity, text)
        assert finding.explanation.isascii()
        assert finding.explanation.isprintable()
        if not is_record(text):
            assert finding.result is SpfResult.NONE
            continue
        try:
            SpfRecord.parse(text)
        except ValueError:
            assert finding.result is SpfResult.PERMERROR


def _checked(identity: SpfIdentity, text: str) -> SpfFinding:
    asking, asked = check_host(identity), 0
    try:
        question = next(asking)
        while True:
            asked += 1
            assert asked <= QUESTIONS_MAX
            question = asking.send(_answer(question, text))
    except StopIteration as end:
        finding: SpfFinding = end.value
        return finding


def _answer(question: Question, text: str) -> Records | NoRecords:
    assert is_name(question.name)
    if question.kind is RecordType.TXT:
        return Records((text,))
    return ANSWERS[question.kind] if len(question.name) % 3 else NoRecords(exists=False)
