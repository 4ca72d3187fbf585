"""DMARC: records, organizational domains, alignment, and what becomes of mail that fails."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from dns_table import Dns, Zone
from hypothesis import given, settings
from hypothesis import strategies as st

from momentum_trio.net.dns_records import DnsAnswer, NoRecords, Records, Unanswered
from momentum_trio.protocol.dmarc.evaluation import (
    IDENTIFIERS_MAX,
    QUESTIONS_MAX,
    WALK_MAX,
    DmarcFinding,
    DmarcResult,
    Passed,
    evaluate,
    walk_names,
)
from momentum_trio.protocol.dmarc.public_suffix import PublicSuffixes
from momentum_trio.protocol.dmarc.record import DmarcPolicy, DmarcRecord, Psd, is_record, record_among
from momentum_trio.protocol.dmarc.strategies import names, records, suffix_lists

NONE, QUARANTINE, REJECT = DmarcPolicy
NOTHING: Mapping[str, str] = {}

SUFFIXES = PublicSuffixes.parse(
    """\
// ===BEGIN ICANN DOMAINS===
com
example  and what stands behind a blank is no rule
uk
co.uk
*.ck
!www.ck
公司.cn
"""
)


@pytest.mark.parametrize(
    ("text", "record"),
    [
        ("v=DMARC1; p=none", DmarcRecord(NONE, NONE)),
        ("v=DMARC1;p=reject;", DmarcRecord(REJECT, REJECT)),
        ("v=DMARC1; p=Reject; sp=none; adkim=s; aspf=s; pct=50", DmarcRecord(REJECT, NONE, True, True, 50)),
        ("v=DMARC1; p=quarantine; adkim=x; aspf=; pct=no; foo=bar", DmarcRecord(QUARANTINE, QUARANTINE)),
        ("v=DMARC1; p=reject; pct=999", DmarcRecord(REJECT, REJECT, percent=100)),
        ("v=DMARC1; p=reject; psd=y; t=y", DmarcRecord(REJECT, REJECT, psd=Psd.YES, tests=True)),
        # RFC 7489 section 6.6.3: no policy that can be used
        ("v=DMARC1; p=bad; rua=mailto:a@b.example", DmarcRecord(NONE, NONE)),
        ("v=DMARC1; p=reject; sp=bad; rua=mailto:a@b.example", DmarcRecord(NONE, NONE)),
        ("v=DMARC1; rua=mailto:a@b.example", DmarcRecord(NONE, NONE)),
        ("v=DMARC1; p=bad", None),
        ("v=DMARC1", None),
        ("v=DMARC1; p=none; p=none", None),
        ("v=DMARC1; p=none;;", None),
    ],
)
def test_records(text: str, record: DmarcRecord | None) -> None:
    assert is_record(text)
    assert record_among(["v=spf1 -all", text]) == record
    assert record_among([text, text]) is None


@pytest.mark.parametrize("text", ["", "v=DMARC2; p=none", "v=DMARC10; p=none", "p=none; v=DMARC1", "v=dmarc1; p=none"])
def test_what_is_no_record(text: str) -> None:
    assert not is_record(text)


@pytest.mark.parametrize(
    ("domain", "organizational"),
    [
        ("example.com", "example.com"),
        ("a.b.example.com", "example.com"),
        ("com", "com"),
        ("a.b.co.uk", "b.co.uk"),
        ("co.uk", "co.uk"),
        ("other.uk", "other.uk"),
        ("a.b.c.ck", "b.c.ck"),
        ("c.ck", "c.ck"),
        ("a.www.ck", "www.ck"),
        ("a.b.unknown", "b.unknown"),
        ("a.b.xn--55qx5d.cn", "b.xn--55qx5d.cn"),
    ],
)
def test_organizational_domains_by_a_list(domain: str, organizational: str) -> None:
    assert SUFFIXES.organizational(domain) == organizational


@settings(max_examples=40)
@given(suffix_lists, names)
def test_an_organizational_domain_is_the_domain_or_above_it(text: str, name: str) -> None:
    try:
        suffixes = PublicSuffixes.parse(text)
    except ValueError:
        return
    found = suffixes.organizational(name)
    assert f".{name}".endswith(f".{found}")
    assert suffixes.organizational(found) == found


@pytest.mark.parametrize(
    ("domain", "asked"),
    [
        # DMARCbis, section 4.10
        ("example.com", ["example.com", "com"]),
        ("com", ["com"]),
        ("a.b.c.d.e.f.g.com", ["a.b.c.d.e.f.g.com", "b.c.d.e.f.g.com", "c.d.e.f.g.com", "d.e.f.g.com", "e.f.g.com",
                               "f.g.com", "g.com", "com"]),
        ("a.b.c.d.e.f.g.h.i.j.mail.example.com",
         ["a.b.c.d.e.f.g.h.i.j.mail.example.com", "g.h.i.j.mail.example.com", "h.i.j.mail.example.com",
          "i.j.mail.example.com", "j.mail.example.com", "mail.example.com", "example.com", "com"]),
    ],
)  # fmt: skip
def test_the_names_of_a_walk(domain: str, asked: list[str]) -> None:
    assert list(walk_names(domain)) == asked
    assert len(asked) <= WALK_MAX


def judged(
    author: str,
    spf: str = "",
    dkim: str = "",
    records: Mapping[str, str] = NOTHING,
    *,
    listed: bool = True,
    sample: float = 0.0,
    uncertain: bool = False,
    silent: str = "",
) -> DmarcFinding:
    """records: by name, ``_`` for a dot, of DMARC without its version."""
    zone: Zone = {(f"_dmarc.{name.replace('_', '.')}", "TXT"): [f"v=DMARC1; {text}"] for name, text in records.items()}
    asking = evaluate(
        author, Passed(spf, tuple(dkim.split())), SUFFIXES if listed else None, sample, is_uncertain=uncertain
    )
    return Dns(zone, silent.split()).run(asking)


@pytest.mark.parametrize("listed", [True, False])
@pytest.mark.parametrize(
    ("author", "spf", "dkim", "record", "result"),
    [
        # RFC 7489 appendix B.1
        ("example.com", "example.com", "", "p=reject", DmarcResult.PASS),
        ("example.com", "child.example.com", "", "p=reject", DmarcResult.PASS),
        ("child.example.com", "example.com", "", "p=reject", DmarcResult.PASS),
        ("example.com", "example.net", "", "p=reject", DmarcResult.FAIL),
        ("example.com", "", "example.com", "p=reject", DmarcResult.PASS),
        ("child.example.com", "", "example.com", "p=reject", DmarcResult.PASS),
        ("example.com", "", "sample.net", "p=reject", DmarcResult.FAIL),
        ("example.com", "", "sample.net child.example.com", "p=reject", DmarcResult.PASS),
        # section 3.1: strict
        ("example.com", "child.example.com", "", "p=reject; aspf=s", DmarcResult.FAIL),
        ("example.com", "child.example.com", "", "p=reject; adkim=s", DmarcResult.PASS),
        ("example.com", "", "child.example.com", "p=reject; adkim=s", DmarcResult.FAIL),
        ("example.com", "", "child.example.com", "p=reject; aspf=s", DmarcResult.PASS),
        ("example.com", "example.com", "", "p=reject; aspf=s; adkim=s", DmarcResult.PASS),
        ("example.com", "", "com", "p=reject", DmarcResult.FAIL),
        ("example.com", "", "", "p=none", DmarcResult.FAIL),
    ],
)
def test_alignment(listed: bool, author: str, spf: str, dkim: str, record: str, result: DmarcResult) -> None:
    assert judged(author, spf, dkim, {"example.com": record}, listed=listed).result is result


@pytest.mark.parametrize(
    ("author", "records", "by_list", "by_walk"),
    [
        ("example.com", {}, None, None),
        ("a.example.com", {"example.com": "p=reject; sp=quarantine"}, QUARANTINE, QUARANTINE),
        ("a.example.com", {"a.example.com": "p=none", "example.com": "p=reject"}, NONE, NONE),
        ("a.b.example.com", {"example.com": "p=reject"}, REJECT, REJECT),
        # what a domain between says is the organization's only where nobody says more above it
        ("a.b.example.com", {"b.example.com": "p=reject"}, None, REJECT),
        ("a.b.example.com", {"b.example.com": "p=reject", "example.com": "p=none"}, NONE, NONE),
        ("a.b.example.com", {"b.example.com": "p=reject; psd=n", "example.com": "p=none"}, NONE, REJECT),
        # a registry's word on all that is registered below it
        ("bank.co.uk", {"co.uk": "p=reject; psd=y"}, None, REJECT),
    ],
)
def test_which_record_holds(
    author: str, records: dict[str, str], by_list: DmarcPolicy | None, by_walk: DmarcPolicy | None
) -> None:
    for listed, policy in ((True, by_list), (False, by_walk)):
        finding = judged(author, records=records, listed=listed)
        assert (finding.result is DmarcResult.NONE) == (policy is None)
        assert policy is None or finding.policy is policy


def test_below_a_registry_two_organizations_are_not_one() -> None:
    records = {"bank.co.uk": "p=reject", "co.uk": "p=none; psd=y", "thief.co.uk": "p=none"}
    assert judged("bank.co.uk", dkim="thief.co.uk", records=records, listed=False).result is DmarcResult.FAIL
    assert judged("bank.co.uk", dkim="www.bank.co.uk", records=records, listed=False).result is DmarcResult.PASS


@pytest.mark.parametrize(
    ("record", "sample", "disposition"),
    [
        # RFC 7489 section 6.6.4
        ("p=reject", 0.99, REJECT),
        ("p=reject; pct=50", 0.49, REJECT),
        ("p=reject; pct=50", 0.5, QUARANTINE),
        ("p=quarantine; pct=50", 0.5, NONE),
        ("p=quarantine; pct=0", 0.0, NONE),
        ("p=none; pct=0", 0.0, NONE),
        ("p=reject; t=y", 0.0, QUARANTINE),
    ],
)
def test_what_is_left_of_a_policy(record: str, sample: float, disposition: DmarcPolicy) -> None:
    assert judged("example.com", records={"example.com": record}, sample=sample).disposition is disposition
    assert judged("example.com", "example.com", records={"example.com": record}, sample=sample).disposition is NONE


def test_what_nobody_can_say() -> None:
    rejects = {"example.com": "p=reject"}
    silent = judged("example.com", silent="_dmarc.example.com")
    assert (silent.result, silent.problem) == (DmarcResult.TEMPERROR, "_dmarc.example.com: SERVFAIL")
    assert judged("example.com", records=rejects, uncertain=True).result is DmarcResult.TEMPERROR
    assert judged("example.com", "example.com", records=rejects, uncertain=True).result is DmarcResult.PASS
    assert judged("example.com", uncertain=True).result is DmarcResult.NONE
    assert judged("a..b").result is DmarcResult.PERMERROR


@settings(max_examples=40)
@given(st.data())
def test_whatever_dns_answers_the_check_ends_within_its_bound(data: st.DataObject) -> None:
    domain = st.lists(st.sampled_from(["a", "b", "example"]), min_size=1, max_size=12).map(".".join)
    passed = Passed(data.draw(domain), tuple(data.draw(st.lists(domain, max_size=IDENTIFIERS_MAX + 4))))
    suffixes = data.draw(st.sampled_from([None, None, SUFFIXES]))
    answers: st.SearchStrategy[DnsAnswer] = st.one_of(
        st.lists(records, min_size=1, max_size=2).map(lambda drawn: Records(tuple(drawn))),
        st.sampled_from([NoRecords(exists=True), Unanswered("SERVFAIL")]),
    )
    asking = evaluate(data.draw(domain), passed, suffixes, 0.5)
    asked = 1
    try:
        next(asking)
        while True:
            asking.send(data.draw(answers))
            asked += 1
            assert asked <= QUESTIONS_MAX
    except StopIteration as end:
        finding: DmarcFinding = end.value
    assert finding.disposition is NONE or finding.result is DmarcResult.FAIL


@settings(max_examples=40)
@given(records)
def test_a_record_is_read_or_there_is_none(text: str) -> None:
    record = record_among([text])
    assert record is None or (is_record(text) and 0 <= record.percent <= 100)
