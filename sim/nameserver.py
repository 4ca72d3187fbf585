"""A nameserver of the simulated world: authoritative for zones given as text, unruly about chosen names.

It speaks DNS's wire format over UDP and TCP, port 53, on every address of its host (RFC 1035, 2308, 4592, 6891, 7766).
It refers nobody to another server: what is delegated in a zone is not answered from elsewhere.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING, Any, TypeVar

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import dns.zone
import trio

from .host import current_life
from .sockets.address import LOOPBACK_4, LOOPBACK_6, IPAddress

if TYPE_CHECKING:
    import dns.node
    import dns.rdataset

    from momentum_trio.machine import Machine

T = TypeVar("T")

PORT = 53
UDP_OCTETS_MIN, UDP_OCTETS_MAX = 512, 1232  # without EDNS (RFC 1035 2.3.4); what this server sends at most with it
QUESTION_OCTETS_MAX = 65_535
QUESTIONS_MAX = 1_000  # answered at the same time; more are dropped
TCP_IDLE_SECONDS = 10.0
TCP_BACKLOG = 128
ALIASES_MAX = 8
ASKED_MAX = 100_000
HEADER_OCTETS = 12
LENGTH = struct.Struct("!H")


@dataclass(frozen=True, slots=True)
class Treatment:
    """How questions about a name are answered, where not as the zone says.

    rcode: the answer is this and nothing else. delay_seconds: before each answer. drop_share: of questions, for ever
    unanswered. wrong_ids: so many answers with an id nobody asked with come first. truncated: over UDP nothing but TC.
    ttl: of all records, in seconds, instead of their own. proved: AD is set, as by a resolver that validates DNSSEC.
    """

    rcode: dns.rcode.Rcode | None = None
    delay_seconds: float = 0.0
    drop_share: float = 0.0
    wrong_ids: int = 0
    truncated: bool = False
    ttl: int | None = None
    proved: bool = False


AS_IT_IS = Treatment()


@dataclass(frozen=True, slots=True)
class Asked:
    """A question that came."""

    name: str
    type: str
    transport: str


@dataclass(frozen=True, slots=True)
class Authority:
    """A zone that is served. existing: its names, those included that only have others below them (RFC 8020)."""

    zone: dns.zone.Zone
    origin: dns.name.Name
    existing: frozenset[dns.name.Name]

    def node(self, name: dns.name.Name) -> dns.node.Node | None:
        """The records of *name*, or of the wildcard below its closest encloser (RFC 4592 3.3)."""
        if name in self.existing:
            return self.zone.get_node(name)
        while name not in self.existing:
            name = name.parent()
        return self.zone.get_node(dns.name.Name((b"*", *name.labels)))


class Nameserver:
    """A program for simulated hosts. zones: master files (RFC 1035 5) with ``$ORIGIN``; they may lack SOA and NS.

    asked: the questions it understood, also those it dropped; the first ``ASKED_MAX``.
    """

    def __init__(self, *zones: str) -> None:
        self.asked: list[Asked] = []
        self._zones: dict[dns.name.Name, Authority] = {}
        self._treatments: dict[dns.name.Name, Treatment] = {}
        self._all: list[Treatment] = []
        for text in zones:
            self.add(text)

    def add(self, text: str) -> None:
        """Serve one zone more, or another version of one. Raises dns.exception.DNSException where it makes no sense."""
        zone = dns.zone.from_text(text, relativize=False, check_origin=False)
        assert zone.origin is not None
        existing = {zone.origin}
        for name in zone.nodes:
            while name not in existing:
                existing.add(name)
                name = name.parent()
        self._zones[zone.origin] = Authority(zone, zone.origin, frozenset(existing))

    def treat(self, name: str, treatment: Treatment) -> None:
        """From now on questions about *name* and all names below it are answered so; the closest name counts."""
        self._treatments[dns.name.from_text(name)] = treatment

    def treat_all(self, treatment: Treatment) -> Callable[[], None]:
        """From now on every question is treated so, beside what else is; but for names that are treated by themselves.

        Returns what ends it.
        """
        self._all.append(treatment)
        return lambda: self._all.remove(treatment)

    def _treatment(self, name: dns.name.Name) -> Treatment:
        own = _closest(self._treatments, name)
        return reduce(_both, self._all, AS_IT_IS) if own is None else own

    # -- answers

    def answer(self, query: dns.message.Message) -> dns.message.Message:
        """What is answered to *query* if nothing delays, drops or cuts it."""
        response = dns.message.make_response(query, our_payload=UDP_OCTETS_MAX)
        assert isinstance(response, dns.message.QueryMessage)
        if query.opcode() != dns.opcode.QUERY:
            response.set_rcode(dns.rcode.NOTIMP)
        elif len(query.question) != 1:
            response.set_rcode(dns.rcode.FORMERR)
        else:
            self._answer_question(response, query.question[0].name, query.question[0].rdtype)
        return response

    def _answer_question(
        self, response: dns.message.QueryMessage, name: dns.name.Name, rdtype: dns.rdatatype.RdataType
    ) -> None:
        treatment = self._treatment(name)
        zone = _closest(self._zones, name)
        if treatment.rcode is not None or zone is None:
            response.set_rcode(dns.rcode.REFUSED if treatment.rcode is None else treatment.rcode)
            return
        response.flags |= dns.flags.AA | (dns.flags.AD if treatment.proved else 0)
        for _ in range(ALIASES_MAX):
            node = zone.node(name)
            if node is None and name not in zone.existing:
                response.set_rcode(dns.rcode.NXDOMAIN)
            found = None if node is None else node.get_rdataset(dns.rdataclass.IN, rdtype)
            alias = None if node is None else node.get_rdataset(dns.rdataclass.IN, dns.rdatatype.CNAME)
            if found is None and alias is None:
                _say_soa(response, zone, treatment)
                return
            rdataset = found or alias
            assert rdataset is not None
            response.answer.append(_rrset(name, rdataset, treatment))
            if found is not None:
                return
            name = rdataset[0].target
            zone = _closest(self._zones, name)
            if zone is None:
                return

    def _answers(self, octets: bytes, transport: str) -> tuple[list[bytes], Treatment]:
        """What is sent back for *octets*, in order, and how its question is treated."""
        try:
            query = dns.message.from_wire(octets)
        except dns.exception.DNSException:
            return [_form_error(octets)] if len(octets) >= HEADER_OCTETS else [], AS_IT_IS
        if query.flags & dns.flags.QR:
            return [], AS_IT_IS
        treatment = AS_IT_IS
        if query.question:
            asked = query.question[0]
            if len(self.asked) < ASKED_MAX:
                self.asked.append(Asked(asked.name.to_text(), dns.rdatatype.to_text(asked.rdtype), transport))
            treatment = self._treatment(asked.name)
        response = self.answer(query)
        wire = _wire(query, response, transport, treatment)
        false_ids = [(query.id + step) % 65_536 for step in range(treatment.wrong_ids, 0, -1)]
        return [*(LENGTH.pack(false_id) + wire[LENGTH.size :] for false_id in false_ids), wire], treatment

    # -- the program

    async def serve(self, machine: Machine, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Answer for ever; started when every address of the host is bound."""
        host = current_life().host
        loopbacks = [LOOPBACK_4, LOOPBACK_6] if host.ipv6 else [LOOPBACK_4]
        async with trio.open_nursery() as nursery:
            for ip in (*host.addresses, *loopbacks):
                nursery.start_soon(self._serve_udp, machine, await _bound(socket.SOCK_DGRAM, ip))
                listener = await _bound(socket.SOCK_STREAM, ip)
                listener.listen(TCP_BACKLOG)
                nursery.start_soon(self._serve_tcp, machine, listener, nursery)
            task_status.started()

    async def _serve_udp(self, machine: Machine, bound: trio.socket.SocketType) -> None:
        async def answer(octets: bytes, address: Any) -> None:
            for wire in await self._in_time(machine, octets, "udp"):
                await bound.sendto(wire, address)

        async with trio.open_nursery() as nursery:
            while True:
                octets, address = await bound.recvfrom(QUESTION_OCTETS_MAX)
                if len(nursery.child_tasks) < QUESTIONS_MAX:
                    nursery.start_soon(answer, octets, address)

    async def _serve_tcp(self, machine: Machine, listener: trio.socket.SocketType, nursery: trio.Nursery) -> None:
        while True:
            connection, _ = await listener.accept()
            nursery.start_soon(self._converse, machine, trio.SocketStream(connection))

    async def _converse(self, machine: Machine, stream: trio.SocketStream) -> None:
        """One question after the other, until the client is gone or silent."""
        async with stream:
            try:
                while octets := await _framed(stream):
                    for wire in await self._in_time(machine, octets, "tcp"):
                        await stream.send_all(LENGTH.pack(len(wire)) + wire)
            except trio.BrokenResourceError:
                pass

    async def _in_time(self, machine: Machine, octets: bytes, transport: str) -> list[bytes]:
        """``_answers`` when they are due; none if the question is dropped."""
        wires, treatment = self._answers(octets, transport)
        if treatment.drop_share and machine.entropy.fraction() < treatment.drop_share:
            return []
        if treatment.delay_seconds:
            await trio.sleep(treatment.delay_seconds)
        return wires


def _both(one: Treatment, other: Treatment) -> Treatment:
    return Treatment(
        other.rcode if one.rcode is None else one.rcode,
        one.delay_seconds + other.delay_seconds,
        max(one.drop_share, other.drop_share),
        max(one.wrong_ids, other.wrong_ids),
        one.truncated or other.truncated,
        other.ttl if one.ttl is None else one.ttl,
    )


async def _bound(kind: socket.SocketKind, ip: IPAddress) -> trio.socket.SocketType:
    bound = trio.socket.socket(socket.AF_INET if ip.version == 4 else socket.AF_INET6, kind)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    await bound.bind((str(ip), PORT))
    return bound


async def _framed(stream: trio.SocketStream) -> bytes:
    """The next message with a length before it (RFC 1035 4.2.2); nothing at the end, early or not, or after silence."""
    with trio.move_on_after(TCP_IDLE_SECONDS):
        if length := await _exactly(stream, LENGTH.size):
            return await _exactly(stream, LENGTH.unpack(length)[0])
    return b""


async def _exactly(stream: trio.SocketStream, count: int) -> bytes:
    octets = bytearray()
    while len(octets) < count:
        part = await stream.receive_some(count - len(octets))
        if not part:
            return b""
        octets += part
    return bytes(octets)


def _closest(table: dict[dns.name.Name, T], name: dns.name.Name) -> T | None:
    """What is there for *name*, or for the closest name above it."""
    while name not in table:
        if name == dns.name.root:
            return None
        name = name.parent()
    return table[name]


def _say_soa(response: dns.message.QueryMessage, served: Authority, treatment: Treatment) -> None:
    """How long that there is nothing may be remembered (RFC 2308 3): as the zone's SOA says, if it has one."""
    soa = served.zone.get_rdataset(served.origin, dns.rdatatype.SOA)
    if soa is not None:
        rrset = _rrset(served.origin, soa, treatment)
        rrset.ttl = min(rrset.ttl, soa[0].minimum)
        response.authority.append(rrset)


def _rrset(name: dns.name.Name, rdataset: dns.rdataset.Rdataset, treatment: Treatment) -> dns.rrset.RRset:
    return dns.rrset.from_rdata_list(name, rdataset.ttl if treatment.ttl is None else treatment.ttl, list(rdataset))


def _wire(query: dns.message.Message, response: dns.message.Message, transport: str, treatment: Treatment) -> bytes:
    if transport == "tcp":
        return response.to_wire(max_size=QUESTION_OCTETS_MAX)
    if treatment.truncated:
        response.answer.clear()
        response.authority.clear()
        response.flags |= dns.flags.TC
    asked_octets = query.payload if query.edns >= 0 else UDP_OCTETS_MIN
    limit = min(max(asked_octets, UDP_OCTETS_MIN), UDP_OCTETS_MAX)
    return response.to_wire(max_size=limit, prefer_truncation=True)


def _form_error(octets: bytes) -> bytes:
    """The header of something that is no message, sent back."""
    return octets[:2] + struct.pack("!H", dns.flags.QR | dns.rcode.FORMERR) + bytes(8)
