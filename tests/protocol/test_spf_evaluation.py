"""check_host() (RFC 7208 sections 4 to 6, appendix A): tables of records, clients and results; the limits."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from dns_table import Dns, Zone
from hypothesis import given, settings
from hypothesis import strategies as st

from momentum_trio.net.dns_records import DnsAnswer, NoRecords, Question, Records, RecordType
from momentum_trio.protocol.spf.evaluation import (
    EXCHANGES_MAX,
    POINTERS_MAX,
    QUESTIONS_MAX,
    SpfFinding,
    SpfIdentity,
    check_host,
)
from momentum_trio.protocol.spf.record import SpfResult
from momentum_trio.protocol.spf.strategies import answers, hosts

# RFC 7208 appendix A
EXAMPLE: Zone = {
    ("example.com", "A"): ["192.0.2.10", "192.0.2.11"],
    ("example.com", "MX"): ["mail-a.example.com", "mail-b.example.com"],
    ("amy.example.com", "A"): ["192.0.2.65"],
    ("bob.example.com", "A"): ["192.0.2.66"],
    ("mail-a.example.com", "A"): ["192.0.2.129"],
    ("mail-b.example.com", "A"): ["192.0.2.130"],
    ("example.org", "MX"): ["mail-c.example.org"],
    ("mail-c.example.org", "A"): ["192.0.2.140"],
    ("10.2.0.192.in-addr.arpa", "PTR"): ["example.com"],
    ("11.2.0.192.in-addr.arpa", "PTR"): ["example.com"],
    ("65.2.0.192.in-addr.arpa", "PTR"): ["amy.example.com"],
    ("66.2.0.192.in-addr.arpa", "PTR"): ["bob.example.com"],
    ("129.2.0.192.in-addr.arpa", "PTR"): ["mail-a.example.com"],
    ("130.2.0.192.in-addr.arpa", "PTR"): ["mail-b.example.com"],
    ("140.2.0.192.in-addr.arpa", "PTR"): ["mail-c.example.org"],
    ("4.0.0.10.in-addr.arpa", "PTR"): ["bob.example.com"],
    ("mary.mobile-users._spf.example.com", "A"): ["127.0.0.2"],
    ("fred.mobile-users._spf.example.com", "A"): ["127.0.0.2"],
    ("15.15.168.192.joel.remote-users._spf.example.com", "A"): ["127.0.0.2"],
}


def judged(
    record: str, address: str = "192.0.2.1", sender: str = "ann@example.com", zone: Zone = EXAMPLE, silent: str = ""
) -> SpfFinding:
    domain = sender.rpartition("@")[2]
    with_record = {**zone, (domain, "TXT"): [record]} if record else zone
    return Dns(with_record, silent.split()).run(check_host(SpfIdentity(ip_address(address), sender, "h.example")))


@pytest.mark.parametrize(
    ("record", "passes", "fails"),
    [
        # RFC 7208 appendix A.1
        ("v=spf1 +all", ["192.0.2.1", "2001:db8::1"], []),
        ("v=spf1 a -all", ["192.0.2.10", "192.0.2.11"], ["192.0.2.65"]),
        ("v=spf1 a:example.org -all", [], ["192.0.2.10"]),
        ("v=spf1 mx -all", ["192.0.2.129", "192.0.2.130"], ["192.0.2.10"]),
        ("v=spf1 mx:example.org -all", ["192.0.2.140"], ["192.0.2.129"]),
        ("v=spf1 mx mx:example.org -all", ["192.0.2.129", "192.0.2.130", "192.0.2.140"], ["192.0.2.66"]),
        ("v=spf1 mx/30 mx:example.org/30 -all", ["192.0.2.131", "192.0.2.143"], ["192.0.2.132", "192.0.2.144"]),
        ("v=spf1 ptr -all", ["192.0.2.10", "192.0.2.65"], ["192.0.2.140", "10.0.0.4"]),
        ("v=spf1 ip4:192.0.2.128/28 -all", ["192.0.2.129", "192.0.2.140"], ["192.0.2.65"]),
    ],
)
def test_the_simple_examples(record: str, passes: list[str], fails: list[str]) -> None:
    for address in passes:
        assert judged(record, address).result is SpfResult.PASS, address
    for address in fails:
        assert judged(record, address).result is SpfResult.FAIL, address


@pytest.mark.parametrize(
    ("sender", "address", "result"),
    [
        # RFC 7208 appendix A.4: policies by the local-part
        ("mary@example.com", "10.9.9.9", SpfResult.PASS),
        ("fred@example.com", "10.9.9.9", SpfResult.PASS),
        ("joel@example.com", "192.168.15.15", SpfResult.PASS),
        ("joel@example.com", "192.168.15.16", SpfResult.FAIL),
        ("paul@example.com", "10.9.9.9", SpfResult.FAIL),
        ("paul@example.com", "192.0.2.129", SpfResult.PASS),
    ],
)
def test_the_example_of_mobile_users(sender: str, address: str, result: SpfResult) -> None:
    zone: Zone = {
        **EXAMPLE,
        ("mobile-users._spf.example.com", "TXT"): ["v=spf1 exists:%{l1r+}.%{d}"],
        ("remote-users._spf.example.com", "TXT"): ["v=spf1 exists:%{ir}.%{l1r+}.%{d}"],
    }
    record = "v=spf1 mx include:mobile-users._spf.%{d} include:remote-users._spf.%{d} -all"
    assert judged(record, address, sender, zone).result is result


@pytest.mark.parametrize(
    ("record", "result"),
    [
        ("", SpfResult.NONE),  # section 4.5
        ("v=spf1", SpfResult.NEUTRAL),  # section 4.7
        ("v=spf1 a", SpfResult.NEUTRAL),
        ("v=spf1 ?all", SpfResult.NEUTRAL),
        ("v=spf1 ~all", SpfResult.SOFTFAIL),
        ("v=spf1 -all redirect=pass.example", SpfResult.FAIL),  # section 6.1: all wins
        ("v=spf1 redirect=pass.example", SpfResult.PASS),
        ("v=spf1 redirect=neutral.example", SpfResult.NEUTRAL),
        ("v=spf1 redirect=none.example", SpfResult.PERMERROR),
        ("v=spf1 +all unknown", SpfResult.PERMERROR),  # section 4.6: the whole record is read first
        # section 5.2
        ("v=spf1 include:pass.example -all", SpfResult.PASS),
        ("v=spf1 include:fail.example ~all", SpfResult.SOFTFAIL),
        ("v=spf1 include:soft.example -all", SpfResult.FAIL),
        ("v=spf1 include:neutral.example -all", SpfResult.FAIL),
        ("v=spf1 include:none.example +all", SpfResult.PERMERROR),
        ("v=spf1 include:wrong.example +all", SpfResult.PERMERROR),
        ("v=spf1 include:two.example +all", SpfResult.PERMERROR),
        ("v=spf1 include:silent.example +all", SpfResult.TEMPERROR),
        ("v=spf1 a:silent.example +all", SpfResult.TEMPERROR),
        ("v=spf1 ptr:silent.example +all", SpfResult.PASS),  # section 5.5: an error is no match
        ("v=spf1 include:loop.example +all", SpfResult.PERMERROR),
        ("v=spf1 a:%{l}..example.com +all", SpfResult.PASS),  # what is no name is not there
    ],
)
def test_results(record: str, result: SpfResult) -> None:
    zone: Zone = {
        ("pass.example", "TXT"): ["v=spf1 +all"],
        ("fail.example", "TXT"): ["v=spf1 -all"],
        ("soft.example", "TXT"): ["v=spf1 ~all"],
        ("neutral.example", "TXT"): ["v=spf1 ?all", "something else"],
        ("none.example", "TXT"): ["something else"],
        ("wrong.example", "TXT"): ["v=spf1 a:"],
        ("two.example", "TXT"): ["v=spf1 -all", "v=spf1 +all"],
        ("loop.example", "TXT"): ["v=spf1 include:loop.example"],
    }
    assert judged(record, zone=zone, silent="silent.example 1.2.0.192.in-addr.arpa").result is result


@pytest.mark.parametrize(
    "sender", ["ann@example", "ann@" + "a" * 64 + ".example", "ann@a..example", "postmaster@[192.0.2.1]"]
)
def test_a_domain_that_can_have_no_record_is_not_asked_about(sender: str) -> None:
    dns = Dns({})
    assert dns.run(check_host(SpfIdentity(ip_address("192.0.2.1"), sender, "h"))).result is SpfResult.NONE
    assert dns.asked == []


def test_what_is_known_of_a_domain_without_record() -> None:
    assert judged("", zone={}).is_absent
    assert not judged("", zone={("example.com", "A"): ["192.0.2.1"]}).is_absent
    asking = check_host(SpfIdentity(ip_address("192.0.2.10"), "ann@example.com", "h"), "a ~all")
    assert Dns(EXAMPLE).run(asking) == SpfFinding(SpfResult.PASS, "example.com", "a")
    assert judged("", silent="example.com").result is SpfResult.TEMPERROR


# the limits of section 4.6.4


@pytest.mark.parametrize(
    ("record", "result"),
    [
        ("v=spf1 " + "a " * 10 + "-all", SpfResult.FAIL),
        ("v=spf1 " + "a " * 11 + "-all", SpfResult.PERMERROR),
        ("v=spf1 " + "ip4:10.0.0.1 " * 100 + "-all", SpfResult.FAIL),
        ("v=spf1 " + "ptr " * 11 + "-all", SpfResult.PERMERROR),
        ("v=spf1 " + "exists:example.com.%{d} " * 2 + "-all", SpfResult.FAIL),
        ("v=spf1 " + "exists:example.com.%{d} " * 3 + "-all", SpfResult.PERMERROR),
        ("v=spf1 mx:many.example -all", SpfResult.PERMERROR),
    ],
)
def test_limits(record: str, result: SpfResult) -> None:
    zone = {**EXAMPLE, ("many.example", "MX"): ["mail-a.example.com"] * (EXCHANGES_MAX + 1)}
    assert judged(record, zone=zone).result is result


def test_names_of_an_address_beyond_the_tenth_are_not_looked_at() -> None:
    names = [f"n{number}.example.com" for number in range(POINTERS_MAX)]
    zone: dict[tuple[str, str], list[str]] = {("1.2.0.192.in-addr.arpa", "PTR"): [*names, "good.example.com"]}
    zone |= {("good.example.com", "A"): ["192.0.2.1"]}
    assert judged("v=spf1 ptr -all", zone=zone).result is SpfResult.FAIL
    zone[("1.2.0.192.in-addr.arpa", "PTR")].pop(0)
    assert judged("v=spf1 ptr -all", zone=zone).result is SpfResult.PASS


# section 6.2


@pytest.mark.parametrize(
    ("explanation", "said"),
    [
        (
            "%{i} is not one of %{d}'s designated mail servers.",
            "192.0.2.1 is not one of example.com's designated mail servers.",
        ),
        (
            "See http://%{d}/why.html?s=%{S}&i=%{I}&r=%{r}",
            "See http://example.com/why.html?s=ann%40example.com&i=192.0.2.1&r=unknown",
        ),
        ("100%", ""),
        ("caf\xe9", ""),
        ("a\r\nb", ""),
        ("x" * 300, "x" * 255),
    ],
)
def test_explanations(explanation: str, said: str) -> None:
    zone: Zone = {("explain._spf.example.com", "TXT"): [explanation]}
    assert judged("v=spf1 -all exp=explain._spf.%{d}", zone=zone).explanation == said
    assert judged("v=spf1 ?all exp=explain._spf.%{d}", zone=zone).explanation == ""


def test_the_explanation_is_that_of_the_record_redirected_to_and_never_of_one_included() -> None:
    zone: Zone = {
        ("other.example", "TXT"): ["v=spf1 -all exp=why.other.example"],
        ("why.other.example", "TXT"): ["it was %{d}"],
    }
    assert judged("v=spf1 redirect=other.example exp=no.example", zone=zone).explanation == "it was other.example"
    assert judged("v=spf1 include:other.example -all", zone=zone).explanation == ""
    assert judged("v=spf1 -all exp=gone.example", zone=zone).explanation == ""
    assert judged("v=spf1 -all exp=why.other.example", zone=zone, silent="why.other.example").explanation == ""


def test_the_validated_name_is_the_nearest_one() -> None:
    zone: Zone = {
        ("1.2.0.192.in-addr.arpa", "PTR"): ["a.example.org", "sub.example.com", "example.com", "forged.example"],
        **{(name, "A"): ["192.0.2.1"] for name in ("a.example.org", "sub.example.com", "example.com")},
        ("why.example", "TXT"): ["%{p}"],
    }
    record = "v=spf1 -all exp=why.example"
    assert judged(record, zone=zone).explanation == "example.com"
    assert (
        judged(
            record, zone={**zone, ("1.2.0.192.in-addr.arpa", "PTR"): ["a.example.org", "sub.example.com"]}
        ).explanation
        == "sub.example.com"
    )
    assert judged(record, sender="x@b.example", zone=zone).explanation == "a.example.org"
    assert judged(record, address="192.0.2.2", zone=zone).explanation == "unknown"


@settings(max_examples=50)
@given(st.data(), st.sampled_from(["192.0.2.1", "2001:db8::1"]))
def test_whatever_dns_answers_the_check_ends_within_its_bound(data: st.DataObject, address: str) -> None:
    asking = check_host(SpfIdentity(ip_address(address), "a-b+c@sub.example.com", "h.example"))
    asked, question = 1, next(asking)
    while True:
        try:
            question = asking.send(drawn_answer(data, question))
        except StopIteration as end:
            finding: SpfFinding = end.value
            break
        asked += 1
        assert asked <= QUESTIONS_MAX
    assert finding.explanation == "" or finding.result is SpfResult.FAIL
    assert bool(finding.problem) == (finding.result in (SpfResult.NONE, SpfResult.TEMPERROR, SpfResult.PERMERROR))


def drawn_answer(data: st.DataObject, question: Question) -> DnsAnswer:
    if question.kind is RecordType.TXT:
        return data.draw(answers)
    if question.kind in (RecordType.MX, RecordType.PTR):
        names = data.draw(st.lists(st.sampled_from(["mx.example.com", "", "x" * 64, "b.example"]), max_size=12))
        return Records(tuple(names)) if names else NoRecords(exists=True)
    address = data.draw(hosts.filter(lambda text: (":" in text) is (question.kind is RecordType.AAAA)))
    found: tuple[DnsAnswer, ...] = (Records((address,)), NoRecords(exists=False))
    return data.draw(st.sampled_from(found))
