"""dnspython's asynchronous resolver, unmodified, over simulated nameservers."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import dns.message
import dns.rcode
import dns.resolver
import pytest
import trio
from dns_story import MANY, REVERSE, ZONE, asked, build, resolver

from momentum_trio.machine import Machine
from sim import Host, World
from sim.host import current_life
from sim.nameserver import UDP_OCTETS_MAX, Nameserver, Treatment

T = TypeVar("T")

STORY = Path(__file__).with_name("dns_story.py")
HASH_SEEDS = ("0", "1", "4711")
FIRST, SECOND = "10.0.0.53", "10.0.0.54"
DEAD = "10.0.0.66"  # nobody's


def ask(
    question: Callable[..., Awaitable[T]],
    *args: object,
    treat: dict[str, Treatment] | None = None,
    short: float = 0.0,
    arrange: Callable[[World, Host, Host], object] | None = None,
    seed: int = 1,
) -> tuple[T, Nameserver, World]:
    """What *question* returned on a client's host, with a nameserver on another."""
    world = World(seed, short=short)
    server, client = world.host("ns", FIRST, "fd00::53"), world.host("client", "10.0.0.2", "fd00::2")
    made: list[Nameserver] = []

    async def run(machine: Machine) -> T:
        result = await question(*args)
        assert current_life().descriptors() == []  # no socket is left behind
        return result

    async def drive() -> T:
        nameserver = await world.nameserver(server, ZONE, REVERSE)
        made.append(nameserver)
        for name, treatment in (treat or {}).items():
            nameserver.treat(name, treatment)
        if arrange is not None:
            arrange(world, server, client)
        return await client.call(run)

    return world.run(drive), made[0], world


async def one(name: str, rdtype: str, *nameservers: str, **seconds: float) -> tuple[object, float]:
    """The outcome, and when it came."""
    made = resolver(*(nameservers or (FIRST,)), **seconds)
    return await asked(made, name, rdtype), round(trio.current_time(), 1)


@pytest.mark.parametrize(
    ("name", "rdtype", "expected"),
    [
        ("example", "MX", ["10 mx1.example.", "20 mx2.example."]),
        ("MX1.Example", "A", ["10.0.0.25"]),
        ("mx1.example", "AAAA", ["fd00::25"]),
        ("example", "NS", ["ns.example."]),
        ("example", "SOA", ["ns.example. admin.example. 1 3600 600 86400 60"]),
        ("text.example", "TXT", ['"v=spf1 -all" "second"']),
        ("25.0.0.10.in-addr.arpa", "PTR", ["mx1.example."]),
        ("_25._tcp.mx1.example", "TLSA", ["3 1 1 d2abde240d7cd3ee6b4b28c54df034b97983a1d16e8a410e4561cb106618e971"]),
        ("alias.example", "A", ["10.0.0.25"]),
        ("alias.example", "CNAME", ["mx1.example."]),
        ("anything.at.wild.example", "A", ["10.0.0.99"]),
        ("wild.example", "A", "NoAnswer"),
        ("deep.example", "A", "NoAnswer"),  # it has only others below it
        ("none.deep.example", "A", "NXDOMAIN"),
        ("mx2.example", "AAAA", "NoAnswer"),
        ("none.example", "A", "NXDOMAIN"),
        ("elsewhere.test", "A", "NoNameservers"),
        ("loop.example", "A", "NoNameservers"),
    ],
)
def test_records(name: str, rdtype: str, expected: object) -> None:
    assert ask(one, name, rdtype)[0][0] == expected


@pytest.mark.parametrize("nameserver", [FIRST, "fd00::53"])
def test_truncation_then_tcp_under_short_reads(nameserver: str) -> None:
    (outcome, _), server, _ = ask(one, "many.example", "A", nameserver, short=0.9)
    assert isinstance(outcome, list)
    assert len(outcome) == MANY
    assert [question.transport for question in server.asked] == ["udp", "tcp"]


def test_tcp_answers_questions_one_after_the_other() -> None:
    async def converse() -> list[int]:
        stream = await trio.open_tcp_stream(FIRST, 53)
        counts: list[int] = []
        async with stream:
            octets = b""
            for name in ("many.example", "example"):
                wire = dns.message.make_query(name, "A").to_wire()
                octets += len(wire).to_bytes(2, "big") + wire
            await stream.send_all(octets)
            buffer = b""
            while len(counts) < 2:
                buffer += await stream.receive_some()
                while len(buffer) >= 2 and len(buffer) >= 2 + int.from_bytes(buffer[:2], "big"):
                    length = 2 + int.from_bytes(buffer[:2], "big")
                    counts.append(len(dns.message.from_wire(buffer[2:length]).answer))
                    buffer = buffer[length:]
            assert await stream.receive_some() == b""  # silence ends it
        return counts

    assert ask(converse, short=0.5)[0] == [1, 0]


def test_the_size_of_an_answer_follows_edns() -> None:
    async def sizes() -> list[tuple[int, bool]]:
        seen = []
        with trio.socket.socket(type=trio.socket.SOCK_DGRAM) as client:
            for payload in (None, 700, 4096):
                query = dns.message.make_query("many.example", "A", use_edns=payload is not None, payload=payload or 0)
                await client.sendto(query.to_wire(), (FIRST, 53))
                octets = await client.recv(65_535)
                seen.append((len(octets), bool(dns.message.from_wire(octets).flags & dns.flags.TC)))
        return seen

    (plain, small, large), _, _ = ask(sizes)
    assert [truncated for _, truncated in (plain, small, large)] == [True, True, False]
    assert max(plain[0], small[0]) <= 512 < 700 < large[0] <= UDP_OCTETS_MAX


@pytest.mark.parametrize(
    ("octets", "expected"),
    [
        (b"\x12\x34" + bytes(3), None),
        (b"\x12\x34" + b"\x00\x00\x00\x01" + bytes(6) + b"\xff", b"\x12\x34\x80\x01" + bytes(8)),
        (dns.message.make_response(dns.message.make_query("example", "A")).to_wire(), None),
    ],
    ids=["short", "malformed", "a response"],
)
def test_what_is_no_question(octets: bytes, expected: bytes | None) -> None:
    async def send() -> bytes | None:
        with trio.socket.socket(type=trio.socket.SOCK_DGRAM) as client:
            await client.sendto(octets, (FIRST, 53))
            with trio.move_on_after(5):
                return await client.recv(512)
        return None

    assert ask(send)[0] == expected


@pytest.mark.parametrize(
    ("treatment", "expected"),
    [
        (Treatment(rcode=dns.rcode.SERVFAIL), ("NoNameservers", 0.0)),
        (Treatment(rcode=dns.rcode.NXDOMAIN), ("NXDOMAIN", 0.0)),
        (Treatment(delay_seconds=1.5), (["10.0.0.25"], 1.5)),
        (Treatment(delay_seconds=60), ("LifetimeTimeout", 6.0)),
        (Treatment(drop_share=1.0), ("LifetimeTimeout", 6.0)),
        (Treatment(wrong_ids=3), (["10.0.0.25"], 0.0)),
        (Treatment(truncated=True), (["10.0.0.25"], 0.0)),
    ],
    ids=["servfail", "nxdomain", "slow", "too slow", "dropped", "wrong id first", "truncated"],
)
def test_treatments(treatment: Treatment, expected: tuple[object, float]) -> None:
    (outcome, seconds), server, _ = ask(one, "mx1.example", "A", treat={"mx1.example": treatment})
    assert outcome == expected[0]
    assert expected[1] <= seconds <= expected[1] + 0.5
    assert {question.name for question in server.asked} == {"mx1.example."}


def test_the_closest_treatment_counts() -> None:
    treat = {"example": Treatment(rcode=dns.rcode.REFUSED), "mx1.example": Treatment()}

    async def both() -> list[object]:
        return [(await one(name, "A"))[0] for name in ("mx1.example", "mx2.example")]

    assert ask(both, treat=treat)[0] == [["10.0.0.25"], "NoNameservers"]


def test_first_nameserver_dead() -> None:
    outcome, seconds = ask(one, "example", "MX", DEAD, FIRST)[0]
    assert (len(outcome), seconds) == (2, 2.0)  # type: ignore[arg-type]


def test_first_nameserver_powered_but_nobody_serves() -> None:
    """Nobody is at the port, which a socket that is not connected does not hear: it takes the whole time-out."""

    def arrange(world: World, server: Host, client: Host) -> None:
        world.host("idle", SECOND)

    assert ask(one, "example", "MX", SECOND, FIRST, arrange=arrange)[0][1] == 2.0


def test_all_nameservers_dead() -> None:
    outcome, seconds = ask(one, "example", "MX", DEAD, "10.0.0.67")[0]
    assert outcome == "LifetimeTimeout"
    assert 6.0 <= seconds <= 6.5


def test_a_partition_from_the_nameserver() -> None:
    def arrange(world: World, server: Host, client: Host) -> None:
        world.partition(server, client, one_way=True)  # questions arrive, answers do not
        world.kernel.at(3.0, world.heal_all)

    (outcome, seconds), server, _ = ask(one, "example", "MX", arrange=arrange)
    assert isinstance(outcome, list)
    assert 3.0 < seconds < 6.0
    assert len(server.asked) > 1


def test_loss_and_duplicates() -> None:
    def arrange(world: World, server: Host, client: Host) -> None:
        for path in world.link(server, client):
            path.loss_share, path.duplicate_share, path.reorder_seconds = 0.3, 0.5, 0.2

    async def many() -> int:
        made = resolver(FIRST, timeout=0.5, lifetime=60)
        return sum([len(await asked(made, "example", "MX")) == 2 for _ in range(50)])

    answered, server, _ = ask(many, arrange=arrange)
    assert answered == 50
    assert len(server.asked) > 75


def test_the_cache_expires() -> None:
    async def again() -> list[float]:
        made = resolver(FIRST)
        made.cache = dns.resolver.Cache()
        seconds = []
        for pause in (0, 200, 90, 20):  # the TTL is 300
            await trio.sleep(pause)
            began = trio.current_time()
            await made.resolve("example", "MX")
            seconds.append(trio.current_time() - began)
        return seconds

    seconds, server, _ = ask(again)
    assert [taken > 0 for taken in seconds] == [True, False, False, True]
    assert len(server.asked) == 2


def test_the_ttl_may_be_another() -> None:
    async def ttl() -> int:
        answer = await resolver(FIRST).resolve("example", "MX")
        assert answer.rrset is not None
        return int(answer.rrset.ttl)

    assert ask(ttl)[0] == 300
    assert ask(ttl, treat={"example": Treatment(ttl=7)})[0] == 7


def test_cancellation_leaves_no_socket() -> None:
    async def give_up() -> bool:
        with trio.move_on_after(1) as scope:
            await resolver(DEAD).resolve("example", "MX")
        return scope.cancelled_caught

    assert ask(give_up)[0]  # ``ask`` looks at the descriptors


def test_another_version_of_a_zone() -> None:
    world = World(1)
    ns, client = world.host("ns", FIRST), world.host("client", "10.0.0.2")

    async def drive() -> list[object]:
        nameserver = await world.nameserver(ns, ZONE)
        seen = [await client.call(lambda machine: one("mx1.example", "A"))]
        nameserver.add("$ORIGIN example.\n$TTL 5\nmx1 A 10.0.0.77\n")
        seen.append(await client.call(lambda machine: one("mx1.example", "A")))
        seen.append(await client.call(lambda machine: one("mx2.example", "A")))
        return [outcome for outcome, _ in seen]

    assert world.run(drive) == [["10.0.0.25"], ["10.0.0.77"], "NXDOMAIN"]


def test_hash_seeds_change_nothing() -> None:
    def run(hash_seed: str) -> str:
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
        ran = subprocess.run([sys.executable, STORY, "3"], env=environment, capture_output=True, text=True, check=True)
        return ran.stdout

    outputs = [run(hash_seed) for hash_seed in HASH_SEEDS]
    assert len(set(outputs)) == 1
    assert "10 mx1.example." in outputs[0]


def test_seeds_differ() -> None:
    assert len({build(seed)[0].digest() for seed in range(5)}) == 5
