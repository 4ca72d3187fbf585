"""Whatever DMARC records and suffix lists say, a check ends with a finding, within its bound of questions."""

from __future__ import annotations

from hypothesis import strategies as st

from momentum_trio.net.dns_records import Records, is_name
from momentum_trio.protocol.dmarc.evaluation import QUESTIONS_MAX, DmarcFinding, DmarcResult, Passed, evaluate
from momentum_trio.protocol.dmarc.public_suffix import PublicSuffixes
from momentum_trio.protocol.dmarc.record import DmarcPolicy, record_among
from momentum_trio.protocol.dmarc.strategies import records, suffix_lists

AUTHOR = "a.b.co.example"
PASSED = Passed("b.example", ("x.b.co.example", "co.example"))


def strategy() -> st.SearchStrategy[bytes]:
    """Octets worth trying: two records and a list, with NUL between them."""
    texts = st.tuples(records, records, suffix_lists)
    return texts.map(lambda drawn: "\0".join(drawn).encode("utf-8"))


def run(octets: bytes) -> None:
    """Raise AssertionError if *octets* break the invariant."""
    first, _, rest = octets.decode("latin-1").partition("\0")
    second, _, text = rest.partition("\0")
    try:
        suffixes: PublicSuffixes | None = PublicSuffixes.parse(text)
    except ValueError:
        suffixes = None
    finding = _checked((first, second), suffixes)
    assert (finding.result is DmarcResult.NONE) <= (finding.policy is DmarcPolicy.NONE)
    if record_among([first]) is None and record_among([second]) is None:
        assert finding.result is DmarcResult.NONE
    if suffixes is not None:
        assert f".{AUTHOR}".endswith(f".{suffixes.organizational(AUTHOR)}")


def _checked(texts: tuple[str, str], suffixes: PublicSuffixes | None) -> DmarcFinding:
    asking, asked = evaluate(AUTHOR, PASSED, suffixes, 0.5), 0
    try:
        question = next(asking)
        while True:
            asked += 1
            assert asked <= QUESTIONS_MAX
            assert is_name(question.name)
            question = asking.send(Records((texts[len(question.name) % 2],)))
    except StopIteration as end:
        finding: DmarcFinding = end.value
        return finding
