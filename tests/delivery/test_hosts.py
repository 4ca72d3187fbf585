"""From a domain to places: MX, Routes, literals, and DNS that fails (RFC 5321 section 5.1, RFC 7505)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from functools import partial
from itertools import pairwise

import dns.rcode
import dns.rrset
import pytest
import trio
from hosts_world import NS, SECOND_NS, Search

from momentum_trio.delivery.destination import LOOKUP_FAILED, LOOP, NO_ADDRESS, NULL_MX
from momentum_trio.delivery.hosts import PROHIBITED, UNREACHABLE, Found
from momentum_trio.delivery.outcome import Bounced, Deferred
from sim.nameserver import Treatment

ZONE = """
$ORIGIN example.
$TTL 300
@         SOA ns.example. admin.example. 1 3600 600 86400 60
@         MX  10 mx1
@         MX  20 mx2
equal     MX  10 mx1
equal     MX  10 mx2
equal     MX  10 mx3
mx1       A   10.1.0.1
mx2       A   10.1.0.2
mx3       A   10.1.0.3
both      A   10.1.0.4
both      AAAA fd00::4
six       AAAA fd00::6
null      MX  0 .
nulls     MX  0 .
nulls     MX  10 mx1
alone     A   10.1.0.9
empty     TXT "nothing"
alias     CNAME equal
dangling  CNAME nowhere
hostless  MX  10 gone
hostless  MX  20 empty
hostless  A   10.1.0.8
half      MX  10 gone
half      MX  20 mx2
numeric   MX  10 10.1.0.1.
backup    MX  10 mx1
backup    MX  20 mx
backup    MX  20 mx2
backup    MX  30 mx3
first     MX  10 mx
first     MX  20 mx2
trick     MX  10 mx1
trick     MX  20 loopback
loopback  A   127.0.0.1
short     30 MX 10 mx1
*.wild    MX  10 mx1
"""
OUR_NAME = {"Hostname": "mx.example"}


@pytest.mark.parametrize(
    ("domain", "options", "hosts"),
    [
        ("example", {}, ["mx1.example", "mx2.example"]),
        ("alone.example", {}, ["alone.example"]),  # the implicit MX
        ("nulls.example", {}, ["mx1.example"]),  # RFC 7505 section 3: no other MX beside it; there is one
        ("alias.example", {}, {"mx1.example", "mx2.example", "mx3.example"}),
        ("half.example", {}, ["mx2.example"]),
        ("a.wild.example", {}, ["mx1.example"]),
        ("backup.example", OUR_NAME, ["mx1.example"]),  # as bad as ours, or worse: dropped
        ("[10.9.8.7]", {}, ["10.9.8.7"]),
        ("[ipv6:2001:db8::1]", {}, ["2001:db8::1"]),
        ("example", {"Relay_Domains": "example"}, ["mx1.example"]),  # Only_Use_Best_MX_For_Relay_Domains
        ("example", {"Bounce_Domains": "example"}, ["mx1.example"]),
        (
            "example",
            {"Relay_Domains": "example", "Only_Use_Best_MX_For_Relay_Domains": "false"},
            ["mx1.example", "mx2.example"],
        ),
        ("example", {"Skip_Hosts": "10.1.0.1"}, ["mx2.example"]),
        ("trick.example", {"Skip_Hosts": "127.0.0.0/8"}, ["mx1.example"]),
        ("both.example", {}, ["both.example"]),
    ],
)
def test_the_hosts_of_a_domain(domain: str, options: Mapping[str, str], hosts: list[str] | set[str]) -> None:
    search = Search((ZONE,), options)
    found = search.run(lambda: search.names(domain))
    assert found == hosts if isinstance(hosts, list) else set(found) == hosts


@pytest.mark.parametrize(
    ("domain", "options", "outcome"),
    [
        ("null.example", {}, Bounced(NULL_MX)),
        ("nowhere.example", {}, Bounced(LOOKUP_FAILED)),
        ("dangling.example", {}, Bounced(LOOKUP_FAILED)),
        ("empty.example", {}, Deferred(NO_ADDRESS)),
        ("hostless.example", {}, Deferred(NO_ADDRESS)),
        ("numeric.example", {}, Deferred(f"{NO_ADDRESS} (REFUSED)")),
        ("six.example", {}, Deferred(NO_ADDRESS)),  # AAAA records are ignored without Use_IPv6
        ("first.example", OUR_NAME, Bounced(LOOP)),
        ("trick.example", {"Prohibited_Hosts": "127.0.0.0/8"}, Bounced(PROHIBITED)),
        ("[127.0.0.1]", {"Prohibited_Hosts": "127.0.0.0/8"}, Bounced(PROHIBITED)),
        ("alone.example", {"Skip_Hosts": "10.1.0.9"}, Deferred(UNREACHABLE)),
        ("other.test", {}, Deferred(f"{NO_ADDRESS} (REFUSED)")),
        ("a" * 64 + ".example", {}, Deferred(f"{NO_ADDRESS} (LabelTooLong)")),
    ],
)
def test_what_a_domain_without_hosts_comes_to(
    domain: str, options: Mapping[str, str], outcome: Bounced | Deferred
) -> None:
    search = Search((ZONE,), options)
    assert search.run(lambda: search.find(domain)) == outcome


def test_both_families_take_turns_where_ipv6_is_used() -> None:
    search = Search(
        (ZONE + "".join(f"many A 10.2.0.{n}\nmany AAAA fd01::{n}\n" for n in range(1, 9)),), {"Use_IPv6": "on"}
    )
    found = search.run(lambda: search.find("many.example"))
    assert isinstance(found, Found)
    families = [place.family for place in found.places]
    assert len(families) == 10
    assert all(first != second for first, second in pairwise(families))


def test_equal_preferences_share_the_load() -> None:
    search = Search((ZONE,))

    async def many() -> Counter[tuple[str, ...]]:
        return Counter([tuple(await search.names("equal.example")) for _ in range(600)])

    counted = search.run(many)
    assert len(counted) == 6  # every order comes
    assert min(counted.values()) > 60
    assert len(search.asked()) == 4  # an MX, three A: the rest came from memory


@pytest.mark.parametrize(
    ("routes", "hosts"),
    [
        (("relay1",), ["relay1"]),
        (("relay1", "relay2"), ["relay1", "relay2"]),
        (("relay2", "__mx__"), ["relay2", "mx1.example", "mx2.example"]),
        (("smtp://relay1?pref=15", "__mx__"), ["mx1.example", "relay1", "mx2.example"]),
        (("smtp://relay1?pref=1", "__mx__"), ["relay1", "mx1.example", "mx2.example"]),
        (("smtp://relay1?pref=20", "smtp://relay2?pref=10"), ["relay2", "relay1"]),
        (("smtp://example?type=mx", "relay1"), ["mx1.example", "mx2.example", "relay1"]),
        (("10.9.8.7",), ["10.9.8.7"]),
        (("[fd00::7]",), ["fd00::7"]),
        (("missing", "relay1"), ["relay1"]),
    ],
)
def test_routes(routes: tuple[str, ...], hosts: list[str]) -> None:
    search = Search((ZONE,), {"Routes": routes})
    search.world.host("relay1", "10.3.0.1")
    search.world.host("relay2", "10.3.0.2")
    assert search.run(lambda: search.names("example")) == hosts


def test_routes_name_ports_and_times_to_live() -> None:
    search = Search((ZONE,), {"Routes": ("smtp://relay1?port=2525&ttl=5",)})
    relay = search.world.host("relay1", "10.3.0.1")

    async def story() -> list[tuple[str, int]]:
        seen = []
        for _ in range(2):
            found = await search.find("example")
            assert isinstance(found, Found)
            seen += [(place.address_text, place.port) for place in found.places]
            if len(seen) == 1:
                relay.add_address("10.3.0.7")
                relay.remove_address("10.3.0.1")
            await trio.sleep(6)
        return seen

    assert search.run(story) == [("10.3.0.1", 2525), ("10.3.0.7", 2525)]


def test_a_gateway_comes_before_all_and_no_question_is_asked() -> None:
    search = Search((ZONE,), {"Routes": ("relay1",)})
    search.world.host("smarthost", "10.3.0.9")
    found = search.run(lambda: search.find("smarthost", gateway="smarthost:2525"))
    assert isinstance(found, Found)
    assert [(place.host, place.address_text, place.port) for place in found.places] == [("smarthost", "10.3.0.9", 2525)]
    assert search.asked() == []


def test_static_routes_take_what_nothing_else_does() -> None:
    search = Search((ZONE,), static_target="10.3.0.9:1234")
    found = search.run(lambda: search.find("example"))
    assert isinstance(found, Found)
    assert [(place.address_text, place.port) for place in found.places] == [("10.3.0.9", 1234)]


def test_static_routes_that_are_not_enabled_take_nothing() -> None:
    search = Search((ZONE,), static_target="10.3.0.9:1234", static_enabled="false")
    found = search.run(lambda: search.find("example"))
    assert isinstance(found, Found)
    assert "10.3.0.9" not in [place.address_text for place in found.places]


# -- DNS that fails


@pytest.mark.parametrize(
    ("treatment", "word"),
    [
        (Treatment(rcode=dns.rcode.SERVFAIL), "SERVFAIL"),
        (Treatment(rcode=dns.rcode.REFUSED), "REFUSED"),
        (Treatment(drop_share=1.0), "timed out"),
    ],
)
def test_a_look_up_that_fails_defers_and_is_not_made_again_at_once(treatment: Treatment, word: str) -> None:
    search = Search((ZONE,))

    async def story() -> tuple[str, int, str]:
        reasons = [await search.reason("example") for _ in range(5)]
        assert len(set(reasons)) == 1
        asked = len(search.asked("MX"))
        search.nameserver.treat("example", Treatment())
        await trio.sleep(150)
        return reasons[0], asked, " ".join(await search.names("example"))

    assert search.run(story, {"example": treatment}) == (
        f"{NO_ADDRESS} ({word})",
        2 if "timed" in word else 1,  # attempts:2
        "mx1.example mx2.example",
    )


def test_failures_count_once_each_retry_interval_and_end_in_a_bounce_and_a_new_beginning() -> None:
    search = Search((ZONE,), {"Retry_Interval": "100", "MX_Failures_Fallback_To_A": "0", "DNS_Failures_To_Purge": "3"})

    async def story() -> list[str]:
        reasons = []
        for _ in range(90):  # every 10 seconds, 900 in all
            reasons.append((await search.reason("example"))[:3])
            await trio.sleep(10)
        return reasons

    reasons = search.run(story, {"example": Treatment(rcode=dns.rcode.SERVFAIL)})
    bounced = [place for place, code in enumerate(reasons) if code == "554"]
    assert len(bounced) == 3
    assert 20 <= bounced[0] <= 24
    assert all(25 <= later - earlier <= 34 for earlier, later in pairwise(bounced))


def test_while_our_own_nameservers_are_silent_nothing_counts() -> None:
    search = Search((ZONE,), {"Retry_Interval": "10", "DNS_Failures_To_Purge": "2", "MX_Failures_Fallback_To_A": "0"})

    async def story() -> set[str]:
        reasons = set()
        for _ in range(20):
            reasons.add(await search.reason("example"))
            await trio.sleep(300)
        return reasons

    assert search.run(story, {".": Treatment(drop_share=1.0)}) == {f"{NO_ADDRESS} (timed out)"}


def test_mx_look_ups_that_keep_failing_give_way_to_the_address() -> None:
    zone = ZONE + "broken A 10.1.0.30\n"
    search = Search((zone,), {"Retry_Interval": "100", "MX_Failures_Fallback_To_A": "3"})

    async def story() -> list[str]:
        answers = []
        for _ in range(4):
            found = await search.find("broken.example")
            answers.append(found.places[0].address_text if isinstance(found, Found) else found.reason[:3])
            await trio.sleep(101)
        return answers

    def refuse_mx() -> None:
        original = search.nameserver.answer

        def answer(query):  # type: ignore[no-untyped-def]
            response = original(query)
            if query.question[0].rdtype.name == "MX":
                response.answer.clear()
                response.set_rcode(dns.rcode.SERVFAIL)
            return response

        search.nameserver.answer = answer  # type: ignore[method-assign]

    async def with_mx_refused() -> list[str]:
        refuse_mx()
        return await story()

    assert search.run(with_mx_refused) == ["454", "454", "454", "10.1.0.30"]


def test_a_truncated_answer_comes_over_tcp_or_not_at_all() -> None:
    for setting, expected in (("true", True), ("false", False)):
        search = Search((ZONE,), {"DNS_Fallback_To_TCP": setting})
        found = search.run(partial(search.find, "example"), {"example": Treatment(truncated=True)})
        assert isinstance(found, Found) is expected
        if not expected:
            assert found == Deferred(f"{NO_ADDRESS} (truncated)")


def test_answers_with_false_ids_are_nobodys() -> None:
    search = Search((ZONE,))
    assert search.run(lambda: search.names("example"), {".": Treatment(wrong_ids=3)}) == ["mx1.example", "mx2.example"]


def test_a_nameserver_that_is_dead_for_hours_costs_one_wait_a_minute() -> None:
    search = Search((ZONE,), nameservers=(SECOND_NS, NS))  # nobody has the first address

    async def story() -> list[float]:
        waits = []
        for number in range(120):  # two hours
            began = trio.current_time()
            assert await search.names(f"a{number}.wild.example") == ["mx1.example"]
            waits.append(trio.current_time() - began)
            await trio.sleep(60 if number % 2 else 10)
        return waits

    waits = search.run(story)
    assert max(waits) < 11
    assert sum(wait > 1 for wait in waits) <= 61


def test_records_are_asked_for_again_when_their_time_is_over() -> None:
    search = Search((ZONE,))

    async def story() -> list[int]:
        counts = []
        for _ in range(3):
            await search.names("short.example")
            counts.append(len(search.asked("MX")))
            await trio.sleep(20)
        return counts

    assert search.run(story) == [1, 1, 2]


@pytest.mark.parametrize(
    ("options", "mx_questions"),
    [
        ({}, 2),  # after 30 and 60 seconds
        ({"Min_DNS_TTL": "50"}, 1),
        ({"Max_DNS_TTL": "10"}, 6),
        ({"Min_DNS_TTL": "1000"}, 0),
    ],
)
def test_times_to_live_have_limits(options: Mapping[str, str], mx_questions: int) -> None:
    search = Search((ZONE,), options)

    async def story() -> int:
        await search.names("short.example")
        first = len(search.asked("MX"))
        for _ in range(62):
            await trio.sleep(1)
            await search.names("short.example")
        return len(search.asked("MX")) - first

    assert search.run(story) == mx_questions


def test_an_answer_does_not_bring_other_names_along() -> None:
    """What a nameserver says of hosts it was not asked about is not remembered (RFC 2181 section 5.4.1)."""
    search = Search((ZONE,))

    async def story() -> list[str]:
        original = search.nameserver.answer

        def answer(query):  # type: ignore[no-untyped-def]
            response = original(query)
            poison = dns.rrset.from_text("mx2.example.", 300, "IN", "A", "10.66.66.66")
            response.additional.append(poison)
            if query.question[0].rdtype.name == "MX":
                response.answer.append(poison)
            return response

        search.nameserver.answer = answer  # type: ignore[method-assign]
        found = await search.find("example")
        assert isinstance(found, Found)
        return [place.address_text for place in found.places]

    assert search.run(story) == ["10.1.0.1", "10.1.0.2"]


# -- hosts that fail


def test_an_address_that_failed_rests_by_binding() -> None:
    search = Search((ZONE,), {"Host_Failure_Retry": "60"})

    async def story() -> None:
        found = await search.find("example")
        assert isinstance(found, Found)
        first, second = found.places
        search.hosts.failed(first, "default")
        assert await search.names("example") == ["mx2.example"]
        search.hosts.failed(second, "default")
        assert await search.find("example") == Deferred(UNREACHABLE)
        other = await search.find("example", binding="other")
        assert isinstance(other, Found)
        assert len(other.places) == 2
        await trio.sleep(30)
        search.hosts.worked(second, "default", 0.1)
        assert await search.names("example") == ["mx2.example"]
        await trio.sleep(31)
        assert await search.names("example") == ["mx1.example", "mx2.example"]

    search.run(story)


def test_quick_hosts_get_more_but_not_all() -> None:
    search = Search((ZONE,), {"Address_Metrics_Lifetime": "1000"})

    async def story() -> list[Counter[bool]]:
        found = await search.find("equal.example")
        assert isinstance(found, Found)
        slow = found.places[0]
        search.hosts.worked(slow, "default", 5.0)
        shares = []
        for _ in range(2):
            shares.append(Counter([(await search.names("equal.example"))[0] == slow.host for _ in range(600)]))
            await trio.sleep(1001)
        return shares

    early, late = search.run(story)
    assert 10 < early[True] < 80  # one in seventeen
    assert 140 < late[True] < 260  # one in three


def test_refresh_forgets_and_dig_looks_up() -> None:
    search = Search((ZONE,))

    async def story() -> None:
        found = await search.find("example")
        assert isinstance(found, Found)
        search.hosts.failed(found.places[0], "default")
        search.nameserver.add(ZONE.replace("10.1.0.1\n", "10.1.0.77\n"))
        assert search.hosts.refresh("example") == 1
        assert search.hosts.refresh("example") == 0
        assert search.hosts.report("example", "default") is None
        await search.hosts.dig("example", search.chain())
        report = search.hosts.report("example", "default")
        assert report is not None
        assert [host.addresses[0].address for host in report.hosts] == ["10.1.0.77", "10.1.0.2"]
        await search.names("example")
        assert search.hosts.refresh() == 1

    search.run(story)


def test_the_report_of_a_domain_reads_as_the_manual_has_it() -> None:
    search = Search((ZONE,))

    async def story() -> list[str]:
        found = await search.find("example")
        assert isinstance(found, Found)
        await search.find("backup.example")
        search.hosts.worked(found.places[1], "default", 0.0125)
        search.hosts.failed(found.places[0], "default")
        await trio.sleep(31)
        report = search.hosts.report("example", "default")
        assert report is not None
        return list(report.lines())

    assert search.run(story) == [
        "Domain 'example' has 2 MXs and a TTL of 268 seconds",
        "  [10 mx1.example TTL:268]",
        " *      [10.1.0.1] IPv4 (0.00ms con 0.00ms dlv) 31.00s since failure",
        "                (also used by backup.example pref 10)",
        "  [20 mx2.example TTL:268]",
        " =>     [10.1.0.2] IPv4 (12.50ms con 0.00ms dlv)",
        "                (also used by backup.example pref 20)",
    ]


RESOLV_CONF = f"search example\nnameserver {NS}\noptions timeout:1 attempts:1\n".encode()


def test_resolv_conf_says_whom_to_ask() -> None:
    search = Search(
        (ZONE,),
        {"Resolv_Conf": "/etc/ecelerity/resolv.conf"},
        nameservers=("10.0.0.99",),
        files={"/etc/ecelerity/resolv.conf": RESOLV_CONF},
    )

    async def story() -> float:
        assert await search.names("example") == ["mx1.example", "mx2.example"]
        assert await search.reason("alone") == f"{NO_ADDRESS} (REFUSED)"  # RFC 5321 section 5.1: not alone.example
        search.nameserver.treat("silent.example", Treatment(drop_share=1.0))
        began = trio.current_time()
        assert await search.reason("silent.example") == f"{NO_ADDRESS} (timed out)"
        return trio.current_time() - began

    assert 0.9 < search.run(story) < 2.1


def test_some_hosts_are_enough_to_begin_with_where_the_options_say_so() -> None:
    search = Search((ZONE,), {"Fully_Resolve_Before_SMTP": "false"})

    async def story() -> float:
        began = trio.current_time()
        assert await search.names("example") == ["mx2.example"]
        waited = trio.current_time() - began
        await trio.sleep(10)
        assert await search.names("example") == ["mx1.example", "mx2.example"]
        return waited

    assert search.run(story, {"mx1.example": Treatment(delay_seconds=3.0)}) < 1


def test_identical_questions_in_flight_are_asked_once() -> None:
    search = Search((ZONE,))

    async def story() -> None:
        async with trio.open_nursery() as nursery:
            for _ in range(50):
                nursery.start_soon(search.names, "example")
            await trio.sleep(0.5)
            nursery.start_soon(_cancelled_soon, search)

    search.run(story, {"example": Treatment(delay_seconds=1.0)})
    assert Counter(search.asked()) == {"example": 1, "mx1.example": 1, "mx2.example": 1}


async def _cancelled_soon(search: Search) -> None:
    with trio.move_on_after(0.1):
        await search.names("example")


def test_who_asked_is_cancelled_and_others_that_waited_still_hear() -> None:
    search = Search((ZONE,))

    async def story() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_cancelled_soon, search)
            await trio.sleep(0.05)
            for _ in range(5):
                nursery.start_soon(search.names, "example")

    search.run(story, {"example": Treatment(delay_seconds=1.0)})
    assert search.asked("MX") == ["example", "example"]
