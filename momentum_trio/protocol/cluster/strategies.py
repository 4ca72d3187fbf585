"""What nodes of a cluster say to one another, and what looks like it. For tests and fuzzing only."""

from __future__ import annotations

import msgspec
from hypothesis import strategies as st
from msgspec.structs import replace

from momentum_trio.protocol.cluster import (
    duravip_message,
    eccluster,
    envelope,
    heartbeat,
    lease_message,
    membership,
    moved_message,
    relay,
    share,
)

topics = st.from_regex(r"[a-z0-9_:]{1,32}", fullmatch=True)
envelopes = st.builds(envelope.pack, topics, st.binary(max_size=200))
keys = st.text(min_size=1, max_size=12)
tables = st.dictionaries(keys, st.integers(0, 5), max_size=8)
shares = (
    st.builds(share.Update, tables)
    | st.builds(share.Snapshot, st.booleans(), st.booleans(), tables)
    | st.just(share.Ask())
)
numbers = st.integers(0, 2**53)
lines = st.text(max_size=20)
relayed = (
    st.builds(
        relay.Command,
        numbers,
        lines,
        st.sampled_from(["text", "json"]),
        lines,
        lines,
        lines,
        st.lists(lines, max_size=3).map(tuple),
        lines,
    )
    | st.builds(relay.Answer, numbers, st.booleans(), st.booleans(), st.binary(max_size=20))
    | st.builds(relay.Declined, numbers)
)
names = st.from_regex(r"[a-z0-9.-]{1,12}", fullmatch=True)
announcements = st.builds(
    membership.Announcement,
    names | st.just(""),
    names,
    st.sampled_from(membership.NodeType),
    names.map("#ec0-1#{}".format),
    names,
    st.ip_addresses().map(str) | st.just(""),
    st.integers(0, 65535),
    st.lists(names, max_size=4).map(tuple),
)
beats = st.just(heartbeat.Beat()) | st.builds(heartbeat.Accusation, st.lists(names, max_size=3).map(tuple))
_keys = st.lists(names, min_size=1, max_size=3).map(tuple)
_seats = st.integers(0, lease_message.SEATS_MAX)
_rounds = st.tuples(numbers, names, numbers)
_rates = st.floats(0.001, 1e6)
leases = (
    st.builds(
        lease_message.Report,
        _rounds,
        st.lists(st.tuples(_keys, _seats, _seats), max_size=3).map(tuple),
        st.lists(st.tuples(names, _keys, _seats, _seats), max_size=3).map(tuple),
        st.booleans(),
        st.booleans(),
    )
    | st.builds(lease_message.Asked, numbers, _keys, _seats, _seats, _seats, _seats)
    | st.builds(lease_message.Renew, numbers)
    | st.builds(lease_message.Lapsed, _rounds, names)
    | st.builds(lease_message.Open, _rounds)
    | st.builds(lease_message.TokensAsked, numbers, _keys, _rates, _rates, _rates, _rates)
    | st.builds(lease_message.TokensGranted, numbers, _keys, _rates, _rates)
    | st.builds(lease_message.Gauges, st.lists(st.tuples(_keys, names, _seats), max_size=3).map(tuple), st.booleans())
    | st.builds(lease_message.Broadcast, names, st.binary(max_size=20))
)

floating = st.sampled_from(("10.0.0.1", "10.0.0.2", "fd00::1"))
_few = st.lists(floating, max_size=3, unique=True).map(tuple)
views = st.builds(duravip_message.Key, st.integers(0, 2), st.sampled_from("ab"), st.integers(0, 2))
claims = st.builds(
    duravip_message.Claim,
    floating,
    st.lists(st.sampled_from(("multivip", "ESMTP:25")), max_size=2).map(tuple),
    st.lists(names, max_size=2).map(tuple),
    st.sampled_from(("", "a", "b")),
    st.just("") | floating,
)
ownership = (
    st.builds(
        duravip_message.Announced, views, st.lists(claims, max_size=3).map(tuple), _few, st.booleans(), st.booleans()
    )
    | st.builds(duravip_message.Released, views, _few)
    | st.builds(duravip_message.Elect, views, st.booleans(), st.integers(0, 3))
    | st.builds(duravip_message.Move, views, _few, st.sampled_from(("", "a")), st.sampled_from("abc"))
)

_words = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text(max_size=8) | st.binary(max_size=8)
hostile = st.binary(max_size=200) | st.recursive(
    _words, lambda inner: st.lists(inner, max_size=6) | st.dictionaries(st.text(max_size=4), inner, max_size=4)
).map(msgspec.msgpack.encode)

# ECCluster

words = st.from_regex(r"[a-z0-9]{1,8}", fullmatch=True)
places = st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))
asked_of_nodes = (
    st.builds(eccluster.Begin, st.sampled_from(["log", "mmove2", "other"]), st.sampled_from([1, 1, 1, 2]))
    | st.just(eccluster.ListLogs())
    | st.builds(
        lambda log, name, at: eccluster.Replay(log, name, b"12345678", at[0], at[1], 1000), words, words, places
    )
    | st.builds(lambda log, name, at: eccluster.Checkpoint(log, name, b"12345678", at[0], at[1]), words, words, places)
    | st.builds(eccluster.Mail, st.binary(max_size=20))
)
METADATA = moved_message.Metadata(
    message_id="10/00-00481-001F3556",
    batch_id="11/00-00481-001F3556",
    connection_id="12/00-00481-001F3556",
    received_at=1_700_000_000.0,
    reverse_path="ann@client.example",
    forward_path="bob@example.com",
    peer_address="192.0.2.1",
    protocol="esmtp",
    binding_group="default",
    binding="mail",
    octets=4,
    digest="0" * 64,
)
moved_messages = st.builds(
    lambda path, octets: replace(METADATA, forward_path=path, octets=octets),
    st.text("ab@.\u00fc\n", min_size=1, max_size=12),
    st.integers(0, 30),
)
_commands = st.sampled_from(
    [b"EHLO a", b"XCLUSTERMETADATA 1", b"XCLUSTERMETADATA 2", b"KEY k1", b"BDAT 5", b"BDAT 0 LAST", b"BDAT x", b"QUIT"]
).map(lambda line: line + b"\r\n")
_counted = st.sampled_from([b"METADATA", b"METADATADICTS", b"BDAT"]).flatmap(
    lambda verb: st.binary(max_size=12).map(lambda octets: b"%s %d\r\n%s" % (verb, len(octets), octets))
)


def handed_over(metadata: moved_message.Metadata) -> bytes:
    """What is said to hand over a message."""
    parts = [b"XCLUSTERMETADATA 1\r\nKEY k1\r\n"]
    for verb, part in ((b"METADATA", metadata), (b"METADATADICTS", moved_message.Dictionaries())):
        octets = moved_message.encode(part)
        parts.append(b"%s %d\r\n%s" % (verb, len(octets), octets))
    return b"".join((*parts, b"BDAT %d\r\n%s" % (metadata.octets, bytes(metadata.octets)), b"BDAT 0 LAST\r\n"))


_whole = moved_messages.map(handed_over)
takings = st.lists(
    st.just(b"EHLO a\r\n") | _whole | _whole | _commands | _counted | st.binary(max_size=8), max_size=6
).map(b"".join)
_replies = st.sampled_from(
    [
        b"220 b ECmmove2",
        b"250-b",
        b"250 XCLUSTERMETADATA 1",
        b"250 XCLUSTERMETADATA 2",
        b"354 go ahead",
        b"250 METADATA",
        b"251 10/00-00481-001F3556",
        b"250 10/00-00481-001F3556",
        b"450 4.3.2 later",
        b"221 bye",
        b"250 ",
    ]
).map(lambda line: line + b"\r\n")
handings = st.lists(_replies | _replies | st.binary(max_size=8), max_size=12).map(b"".join)
