"""MTA-STS: records, policies, their fetching, and what they mean for hosts (RFC 8461); DANE beside them (RFC 7672)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import dns.rcode
import pytest
import trio
from hosts_world import Search
from hypothesis import given
from hypothesis import strategies as st
from tls_servers import PolicyServer, equip, http, shake_hands

from momentum_trio.delivery.hosts import Found
from momentum_trio.delivery.mta_sts import FETCH_AGAIN_SECONDS
from momentum_trio.delivery.mta_sts_policy import AGE_MAX, POLICY_OCTETS_MAX, Policy, policy, policy_id
from momentum_trio.delivery.outcome import Bounced, Deferred
from momentum_trio.delivery.tls import Proof
from momentum_trio.delivery.tls_policies import NOT_PERMITTED, UNDECIDED
from sim.nameserver import Treatment

# -- text


@pytest.mark.parametrize(
    ("records", "identifier"),
    [
        (["v=STSv1; id=20160831085700Z;"], "20160831085700Z"),
        (["v=STSv1;id=a"], "a"),
        (["v=spf1 -all", "v=STSv1; id=a;"], "a"),
        (["v=STSv1; id=a; x=y;"], "a"),
        (["v=STSv1; x=y; id=a;"], "a"),
        (["v=STSv1; id=a;", "v=STSv1; id=b;"], None),  # section 3.1: not just one
        (["v=STSv1"], None),
        (["v=STSv2; id=a;"], None),
        ([" v=STSv1; id=a;"], None),
        (["v=STSv1; id=" + "a" * 33], None),
        (["v=STSv1; id=a-b;"], None),
        ([], None),
    ],
)
def test_records(records: list[str], identifier: str | None) -> None:
    assert policy_id(records) == identifier


GOOD = b"""version: STSv1
mode: enforce
mx: mail.example.com
mx: *.example.net
mx: backupmx.example.com
max_age: 604800
"""


@pytest.mark.parametrize(
    ("octets", "expected"),
    [
        (GOOD, Policy("enforce", ("mail.example.com", "*.example.net", "backupmx.example.com"), 604800)),
        (GOOD.replace(b"\n", b"\r\n"), policy(GOOD)),
        (GOOD.rstrip(b"\n"), policy(GOOD)),
        (GOOD.replace(b"enforce", b"testing  "), Policy("testing", policy(GOOD).mx, 604800)),
        (b"version: STSv1\nmode: none\nmax_age: 86400", Policy("none", (), 86400)),
        (GOOD + b"mode: none\n", policy(GOOD)),  # of what may not be repeated the first counts
        (GOOD + b"extra: what ever\n", policy(GOOD)),
        (b"max_age: 9999999999\nmode: none\nversion: STSv1\n", Policy("none", (), AGE_MAX)),
    ],
)
def test_policies(octets: bytes, expected: Policy) -> None:
    assert policy(octets) == expected


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"mode: enforce\nmx: a\nmax_age: 1\n",
        b"version: STSv2\nmode: none\nmax_age: 1\n",
        b"version: STSv1\nmode: never\nmx: a\nmax_age: 1\n",
        b"version: STSv1\nmode: enforce\nmax_age: 1\n",
        b"version: STSv1\nmode: enforce\nmx: a\nmax_age: -1\n",
        b"version: STSv1\nmode: enforce\nmx: *\nmax_age: 1\n",
        b"version: STSv1\nmode: enforce\nmx: a.*.b\nmax_age: 1\n",
        b"version: STSv1\nmode: enforce\nmx: \xc3\xa9\nmax_age: 1\n",
        b"version: STSv1\nmode: none\nmax_age: 1\n\xff",
        b"<html>\n",
        GOOD + b"a: b\n" * 1000,
        GOOD + b"a: " + b"b" * POLICY_OCTETS_MAX,
    ],
)
def test_what_is_no_policy(octets: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  whatever it says
        policy(octets)


@given(st.binary(max_size=200) | st.lists(st.sampled_from(GOOD.splitlines(keepends=True))).map(b"".join))
def test_any_octets_are_a_policy_or_a_value_error(octets: bytes) -> None:
    try:
        found = policy(octets)
    except ValueError:
        return
    assert found.mode == "none" or found.mx
    assert 0 <= found.max_age <= AGE_MAX


@pytest.mark.parametrize(
    ("host", "permitted"),
    [
        ("mail.example.com", True),
        ("a.example.net", True),
        ("A.Example.NET.", True),
        ("example.net", False),
        ("a.b.example.net", False),
        ("mail.example.com.evil.test", False),
    ],
)
def test_hosts_of_a_policy(host: str, permitted: bool) -> None:
    assert policy(GOOD).permits(host) is permitted


# -- stories. The test certificates are for *.mx.example.com: the domain is mx.example.com.

DOMAIN = "mx.example.com"
ZONE = """
$ORIGIN mx.example.com.
$TTL 300
@         MX  10 one
@         MX  20 two
one       A   10.1.0.1
two       A   10.1.0.2
mta-sts   A   10.1.0.80
_mta-sts  TXT "v=STSv1; id=1;"
"""
ENFORCED = b"version: STSv1\nmode: enforce\nmx: one.mx.example.com\nmax_age: 86400\n"
OPTIONS = {"TLS": "ifavailable"}
TLSA = "_25._tcp.one TLSA 3 1 1 " + "ab" * 32 + "\n"


@dataclass
class Told:
    """What was found, in words: hosts with what they have to prove, or why there is none."""

    hosts: dict[str, Proof]
    required: bool = False
    reason: str = ""


def told(found: Found | Deferred | Bounced) -> Told:
    if not isinstance(found, Found):
        return Told({}, reason=found.reason)
    proofs = {place.host: found.demand.proof(place) for place in found.places}
    return Told(proofs, any(found.demand.required(place) for place in found.places))


class Story:
    """A search with a server of policies beside it."""

    def __init__(
        self,
        response: bytes,
        zone: str = ZONE,
        options: Mapping[str, str] = OPTIONS,
        treat: Mapping[str, Treatment] = {},
    ) -> None:
        self.search = Search((zone,), dict(options))
        self.web = self.search.world.host("web", "10.1.0.80")
        self.server = PolicyServer(response)
        equip(self.web)
        equip(self.search.mx)
        self._treat = treat

    async def told(self) -> Told:
        return told(await self.search.find(DOMAIN))

    def run(self, story: Callable[[], Any]) -> Any:
        async def with_server() -> Any:
            return await story()

        async def drive() -> Any:
            await self.web.start(self.server.serve)
            self.search.nameserver = await self.search.world.nameserver(self.search.ns, *self.search.zones)
            for name, treatment in self._treat.items():
                self.search.nameserver.treat(name, treatment)
            return await self.search.mx.call(self.search._run, with_server)

        return self.search.world.run(drive)


BOTH = {"one.mx.example.com": Proof.NOTHING, "two.mx.example.com": Proof.NOTHING}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (ENFORCED, Told({"one.mx.example.com": Proof.POLICY}, required=True)),
        (
            ENFORCED.replace(b"one", b"*"),
            Told({"one.mx.example.com": Proof.POLICY, "two.mx.example.com": Proof.POLICY}, required=True),
        ),
        (ENFORCED.replace(b"enforce", b"testing"), Told(BOTH)),
        (ENFORCED.replace(b"enforce", b"none"), Told(BOTH)),
        (ENFORCED.replace(b"one", b"three"), Told({}, reason=NOT_PERMITTED)),
        (b"nonsense", Told(BOTH)),
    ],
)
def test_modes(body: bytes, expected: Told) -> None:
    story = Story(http(body))
    assert story.run(story.told) == expected
    assert story.server.asked[0].startswith(
        b"GET /.well-known/mta-sts.txt HTTP/1.1\r\nHost: mta-sts.mx.example.com\r\n"
    )


@pytest.mark.parametrize("options", [{}, {"TLS": "no"}, {"TLS": "required", "MTA_STS": "false"}])
def test_without_tls_or_with_mta_sts_off_nobody_is_asked(options: Mapping[str, str]) -> None:
    story = Story(http(ENFORCED), options=options)
    assert set(story.run(story.told).hosts) == set(BOTH)
    assert story.server.asked == []
    assert not [name for name in story.search.asked() if name.startswith("_mta-sts")]


@pytest.mark.parametrize(
    "response",
    [
        http(ENFORCED, status="404 Not Found"),
        http(ENFORCED, status="301 Moved Permanently", headers=[b"Location: https://mta-sts.mx.example.com/"]),
        http(ENFORCED, headers=[b"Content-Type: text/html"]),
        http(ENFORCED, headers=[]),
        http(ENFORCED)[:-10],  # cut short
        http(ENFORCED + b"x: " + b"y" * POLICY_OCTETS_MAX),
        b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 10_000,
        b"220 mx.example.com ESMTP\r\n",
        b"",
    ],
)
def test_a_policy_that_cannot_be_had_is_none_and_is_not_fetched_again_soon(response: bytes) -> None:
    story = Story(response)

    async def twice() -> tuple[Told, Told]:
        first = await story.told()
        story.server.response = http(ENFORCED)
        await trio.sleep(FETCH_AGAIN_SECONDS - 10)
        assert await story.told() == first
        await trio.sleep(20)
        return first, await story.told()

    first, second = story.run(twice)
    assert first == Told(BOTH)
    assert list(second.hosts) == ["one.mx.example.com"]
    assert len(story.server.asked) == 2


@pytest.mark.parametrize(
    ("domain", "hosts"),
    [
        ("example.com", 1),  # mta-sts.example.com is not a name of the certificate
        ("nowhere.mx.example.com", 1),
    ],
)
def test_a_policy_of_another_name_is_none(domain: str, hosts: int) -> None:
    zone = f"$ORIGIN {domain}.\n$TTL 300\n@ A 10.1.0.1\nmta-sts A 10.1.0.80\n" + '_mta-sts TXT "v=STSv1; id=1;"\n'
    story = Story(http(ENFORCED), zone)

    async def find() -> Told:
        return told(await story.search.find(domain))

    found = story.run(find)
    assert (len(found.hosts), found.required) == (hosts, False)


def test_a_policy_holds_while_nothing_newer_can_be_had_and_no_longer() -> None:
    """RFC 8461 section 3.3 and 5: neither a record that is gone nor a server that is dead undoes it."""
    story = Story(http(ENFORCED))

    async def long() -> list[int]:
        seen = []
        seen.append(len((await story.told()).hosts))
        story.server.response = b""
        story.search.nameserver.add(ZONE.replace("id=1", "id=2"))
        await trio.sleep(3600)
        seen.append(len((await story.told()).hosts))
        story.search.nameserver.add(ZONE.replace("_mta-sts", "other"))
        await trio.sleep(3600)
        seen.append(len((await story.told()).hosts))
        story.search.nameserver.treat("_mta-sts.mx.example.com", Treatment(rcode=dns.rcode.SERVFAIL))
        await trio.sleep(3600)
        seen.append(len((await story.told()).hosts))
        await trio.sleep(86400)
        seen.append(len((await story.told()).hosts))
        return seen

    assert story.run(long) == [1, 1, 1, 1, 2]


def test_another_id_brings_another_policy_and_the_same_id_is_fetched_once_a_day() -> None:
    story = Story(http(ENFORCED))

    async def long() -> list[tuple[list[str], int]]:
        seen = []
        for _ in range(3):
            seen.append((list((await story.told()).hosts), len(story.server.asked)))
            await trio.sleep(7200)
        story.server.response = http(ENFORCED.replace(b"one", b"two"))
        story.search.nameserver.add(ZONE.replace("id=1", "id=2"))
        await trio.sleep(301)
        seen.append((list((await story.told()).hosts), len(story.server.asked)))
        await trio.sleep(86_200)
        seen.append((list((await story.told()).hosts), len(story.server.asked)))
        return seen

    one, two = ["one.mx.example.com"], ["two.mx.example.com"]
    assert story.run(long) == [(one, 1), (one, 1), (one, 1), (two, 2), (two, 3)]


def test_a_server_of_policies_that_is_silent_holds_mail_up_for_seconds_and_once() -> None:
    search = Search((ZONE,), OPTIONS)
    equip(search.mx)
    web = search.world.host("web", "10.1.0.80")

    async def story() -> list[int]:
        await web.start(shake_hands, None, 443)
        waits = []
        for _ in range(3):
            began = trio.current_time()
            assert told(await search.find(DOMAIN)) == Told(BOTH)
            waits.append(round(trio.current_time() - began))
        return waits

    assert search.run(story) == [20, 0, 0]


# -- DANE

PROVED = {DOMAIN: Treatment(proved=True)}
TRUSTED = {**OPTIONS, "Trusted_Nameservers": "10.0.0.53", "MTA_STS": "false"}


@pytest.mark.parametrize(
    ("options", "treat", "proof"),
    [
        (TRUSTED, PROVED, Proof.TLSA),
        ({**TRUSTED, "DANE": "false"}, PROVED, Proof.NOTHING),
        ({**TRUSTED, "TLS": "no"}, PROVED, Proof.NOTHING),
        ({**TRUSTED, "Trusted_Nameservers": "10.0.0.54"}, PROVED, Proof.NOTHING),
        (TRUSTED, {}, Proof.NOTHING),  # DNSSEC proved nothing
        (TRUSTED, {**PROVED, "one.mx.example.com": Treatment()}, Proof.NOTHING),  # the addresses are not proved
        (TRUSTED, {**PROVED, "_25._tcp.one.mx.example.com": Treatment()}, Proof.NOTHING),
    ],
)
def test_tlsa_records_count_where_dnssec_proved_all(
    options: Mapping[str, str], treat: Mapping[str, Treatment], proof: Proof
) -> None:
    story = Story(b"", ZONE + TLSA, options, treat)
    found = story.run(story.told)
    assert found.hosts == {"one.mx.example.com": proof, "two.mx.example.com": Proof.NOTHING}
    assert found.required is (proof is Proof.TLSA)


def test_no_tlsa_question_is_asked_where_it_could_not_count() -> None:
    """RFC 7672 section 2.2.2: servers of unsigned zones often fail at such questions."""
    story = Story(b"", ZONE + TLSA, {**TRUSTED, "Trusted_Nameservers": "10.0.0.54"}, PROVED)
    story.run(story.told)
    assert story.search.asked("TLSA") == []


@pytest.mark.parametrize("treatment", [Treatment(rcode=dns.rcode.SERVFAIL), Treatment(drop_share=1.0)])
def test_a_host_whose_tlsa_records_nobody_tells_is_not_gone_to(treatment: Treatment) -> None:
    """RFC 7672 section 2.1.2: otherwise who can drop a question can take DANE away."""
    story = Story(b"", ZONE + TLSA, TRUSTED, {**PROVED, "_25._tcp.one.mx.example.com": treatment})
    assert list(story.run(story.told).hosts) == ["two.mx.example.com"]


def test_where_no_host_tells_the_mail_waits() -> None:
    treat = {**PROVED, "_tcp.one.mx.example.com": Treatment(rcode=dns.rcode.SERVFAIL)}
    zone = ZONE.replace("@         MX  20 two\n", "") + TLSA
    story = Story(b"", zone, TRUSTED, treat)
    assert story.run(story.told).reason == f"{UNDECIDED} (SERVFAIL)"


def test_dane_goes_before_a_policy_host_by_host() -> None:
    """RFC 8461 section 2: a policy does not undo what DANE asks, and DANE needs no policy's leave."""
    options = {**TRUSTED, "MTA_STS": "true"}
    zone = ZONE + TLSA.replace("one", "two")
    story = Story(http(ENFORCED), zone, options, PROVED)
    assert story.run(story.told).hosts == {"one.mx.example.com": Proof.POLICY, "two.mx.example.com": Proof.TLSA}


@pytest.mark.parametrize("gateway", [True, False])
def test_what_a_domain_publishes_is_not_for_hosts_that_the_configuration_names(gateway: bool) -> None:
    options = TRUSTED if gateway else {**TRUSTED, "Routes": "one.mx.example.com"}
    story = Story(http(ENFORCED), ZONE + TLSA, {**options, "MTA_STS": "true"}, PROVED)
    story.search.world.host("one.mx.example.com", "10.1.0.1")

    async def find() -> Told:
        return told(await story.search.find(DOMAIN, gateway="one.mx.example.com" if gateway else ""))

    assert story.run(find) == Told({"one.mx.example.com": Proof.NOTHING})
    assert story.server.asked == []
