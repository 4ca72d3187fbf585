"""Whatever octets nameservers answer with, looking for the hosts of a domain gives a value and raises nothing."""

from __future__ import annotations

import io
import socket
import struct
from typing import Any, Final

import dns.flags
import dns.rrset
import trio
from hypothesis import strategies as st

from momentum_trio.config.chain import Chain
from momentum_trio.config.value import Position, Setting, Word
from momentum_trio.delivery.hosts import Found, Hosts
from momentum_trio.delivery.outcome import Bounced, Deferred
from momentum_trio.machine import Machine
from sim.nameserver import HEADER_OCTETS, LENGTH, PORT
from sim.world import World

DOMAIN: Final = "example"
SERVER: Final = "10.0.0.53"
OPTIONS: Final = {"TLS": "ifavailable", "Trusted_Nameservers": SERVER, "Use_IPv6": "on", "Relay_Domains": DOMAIN}
RECORDS: Final = (
    ("MX", "10 mx.example."),
    ("MX", "10 example."),
    ("MX", "0 ."),
    ("MX", "5 \\000\\255.\\@.example."),
    ("MX", "10 client."),
    ("CNAME", "example."),
    ("CNAME", "other."),
    ("A", "10.1.0.1"),
    ("A", "127.0.0.1"),
    ("AAAA", "::1"),
    ("AAAA", "::ffff:10.0.0.1"),
    ("TXT", '"v=STSv1; id=1;"'),
    ("TXT", '"\\255" "" "x"'),
    ("TLSA", "3 1 1 " + "00" * 32),
    ("TLSA", "2 0 0 00"),
    ("SOA", "a. b. 1 1 1 1 1"),
)
GOOD: Final = (
    ("example.", 300, ("MX", "10 mx.example.")),
    ("mx.example.", 300, ("A", "10.1.0.1")),
    ("mx.example.", 300, ("AAAA", "fd00::1")),
)
NAMES: Final = ("example.", "mx.example.", "_25._tcp.mx.example.", "_mta-sts.example.", "mta-sts.example.")


def _message(records: list[tuple[str, int, tuple[str, str]]], rcode: int, flags: int) -> bytes:
    """Flags, the counts of three sections, and the records of an answer."""
    octets = io.BytesIO()
    for name, ttl, (kind, text) in records:
        dns.rrset.from_text(name, ttl, "IN", kind, text).to_wire(octets, None)
    head = struct.pack("!HHHH", dns.flags.QR | dns.flags.RD | flags | rcode, len(records), 0, 0)
    return head + octets.getvalue()


def strategy() -> st.SearchStrategy[bytes]:
    """Octets worth trying: an answer without its id and its question."""
    record = st.tuples(st.sampled_from(NAMES), st.sampled_from((0, 300, 2**31 - 1)), st.sampled_from(RECORDS))
    flags = st.sampled_from((0, dns.flags.AD, dns.flags.TC, dns.flags.AA))
    good = st.sampled_from(([], list(GOOD)))
    records = st.builds(lambda first, others: first + others, good, st.lists(record, max_size=5))
    answers = st.builds(_message, records, st.sampled_from((0, 0, 0, 2, 3, 5, 6)), flags)
    return answers | answers | answers | st.binary(max_size=80)


def _answer(question: bytes, octets: bytes) -> bytes:
    """*octets* as the answer to *question*: its id and its question are those of a nameserver that heard it."""
    end = question.index(b"\0", HEADER_OCTETS) + 5
    head, rest = octets[:8].ljust(8, b"\0"), octets[8:]
    return question[:2] + head[:2] + b"\0\1" + head[2:] + question[HEADER_OCTETS:end] + rest


async def _serve(
    machine: Machine, octets: bytes, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
) -> None:
    datagrams = trio.socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    await datagrams.bind((SERVER, PORT))
    listening = trio.socket.socket()
    await listening.bind((SERVER, PORT))
    listening.listen()

    async def over_udp() -> None:
        while True:
            question, asker = await datagrams.recvfrom(4096)
            await datagrams.sendto(_answer(question, octets), asker)

    async def over_tcp() -> None:
        while True:
            connection, _ = await listening.accept()
            with connection:
                question = await connection.recv(4096)
                answer = _answer(question[LENGTH.size :].ljust(32, b"\0"), octets)
                await connection.send(LENGTH.pack(len(answer)) + answer)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(over_udp)
        nursery.start_soon(over_tcp)
        task_status.started()


class _Feed:
    domain, binding, binding_group, gateway = DOMAIN, "default", "default", None

    def __init__(self, chain: Chain) -> None:
        self.chain = chain


class _Scope:
    kind, instance = "global", ""
    at = Position("fuzz.conf", 1, 1)

    def __init__(self) -> None:
        self.settings = {name.lower(): Setting(name, Word(text), self.at) for name, text in OPTIONS.items()}


def run(octets: bytes) -> None:
    """Raise AssertionError, or whatever was raised, if *octets* break the invariant."""
    world = World(1)
    server, client = world.host("ns", SERVER), world.host("client", "10.0.0.2", "fd00::2")
    client.nameservers = [SERVER]

    async def find(machine: Machine) -> object:
        feed: Any = _Feed(Chain([_Scope()]))
        return await Hosts(machine).find(feed, 25)

    async def drive() -> object:
        await server.start(_serve, octets)
        return await client.call(find)

    found = world.run(drive)
    assert isinstance(found, Found | Deferred | Bounced)
    if isinstance(found, Found):
        assert found.places
        assert all(place.host.isprintable() for place in found.places)
    else:
        assert found.reason.isascii()
        assert found.reason.isprintable()
