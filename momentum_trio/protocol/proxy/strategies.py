"""Headers of the PROXY protocol, well-formed and hostile. For tests and fuzzing only: this file imports hypothesis."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

from hypothesis import strategies as st

from momentum_trio.protocol.proxy.header import SIGNATURE, End, Header, Malformed, Reader

ports = st.integers(0, 65535)
pairs_of_addresses = st.tuples(st.ip_addresses(v=4), st.ip_addresses(v=4)) | st.tuples(
    st.ip_addresses(v=6), st.ip_addresses(v=6)
)
tlvs = st.lists(
    st.tuples(st.integers(0, 255), st.binary(max_size=20)).map(
        lambda tlv: bytes([tlv[0]]) + len(tlv[1]).to_bytes(2) + tlv[1]
    ),
    max_size=3,
).map(b"".join)


def version_1(client: IPv4Address | IPv6Address, local: IPv4Address | IPv6Address, ports: tuple[int, int]) -> bytes:
    """A line of version 1."""
    return f"PROXY TCP{client.version} {client} {local} {ports[0]} {ports[1]}\r\n".encode()


def version_2(rest: bytes, *, command: int = 0x21, family: int = 0x11) -> bytes:
    """A header of version 2 with *rest* behind its fixed part."""
    return SIGNATURE + bytes([command, family]) + len(rest).to_bytes(2) + rest


def _unmapped(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    return getattr(address, "ipv4_mapped", None) or address


@st.composite
def _headers(draw: st.DrawFn) -> tuple[bytes, Header]:
    """A header, and what it says."""
    client, local = draw(pairs_of_addresses)
    numbers = draw(st.tuples(ports, ports))
    said = Header(End(_unmapped(client), numbers[0]), End(_unmapped(local), numbers[1]))
    rest = client.packed + local.packed + b"".join(number.to_bytes(2) for number in numbers) + draw(tlvs)
    family = 0x11 if client.version == 4 else 0x21
    return draw(
        st.sampled_from(
            [
                (version_1(client, local, numbers), said),
                (version_2(rest, family=family), said),
                (version_2(rest, command=0x20, family=family), Header()),
                (version_2(draw(tlvs), family=0), Header()),
                (version_2(bytes(216), family=0x31), Header()),
                (b"PROXY UNKNOWN\r\n", Header()),
                (b"PROXY UNKNOWN ffff::1 x y\r\n", Header()),
            ]
        )
    )


headers = _headers()
hostile = (
    st.binary(max_size=60)
    | st.tuples(
        st.sampled_from([b"PROXY ", SIGNATURE, b"PROXY TCP4 ", b"PROXY UNKNOWN "]), st.binary(max_size=120)
    ).map(b"".join)
    | st.builds(version_2, st.binary(max_size=60), command=st.integers(0, 255), family=st.integers(0, 255))
)


def read(octets: bytes, sizes: list[int]) -> tuple[Header | Malformed | None, int]:
    """What becomes of *octets*, which come in pieces of *sizes*, and how many of them were taken."""
    reader, at = Reader(), 0
    left = iter(sizes)
    while reader.wanted:
        size = max(1, min(next(left, reader.wanted), reader.wanted))
        piece = octets[at : at + size]
        at += len(piece)
        reader.receive(piece)
    return reader.outcome, at
