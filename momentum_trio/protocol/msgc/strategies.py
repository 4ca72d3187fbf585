"""What ends of the bus say, for tests and fuzzing: hellos, frames, streams right and wrong."""

from __future__ import annotations

from hypothesis import strategies as st

from momentum_trio.net.group import GroupView, Service, Told, ViewId
from momentum_trio.protocol.msgc.frame import PREFACE, Code, Kind, Sealer, encode_refused, joined
from momentum_trio.protocol.msgc.handshake import NAME, NONCE_OCTETS, Hello, Role, encode_hello
from momentum_trio.protocol.msgc.link import Event, Knocked, Link
from momentum_trio.protocol.msgc.message import (
    Ack,
    Act,
    Entry,
    Expelled,
    Groups,
    Heartbeat,
    Install,
    Life,
    Message,
    Ordered,
    Plan,
    Propose,
    Reach,
    Ready,
    Recovered,
    Sending,
    Standing,
    Submit,
    Unordered,
    ViewKey,
)
from momentum_trio.protocol.msgc.payload import Asked, Join, Leave, Publish, Tell, encode, encode_event

names = st.from_regex(NAME, fullmatch=True)
groups = st.sampled_from(("ec_console", "ec_cluster", "ec_sc_default", "g" * 64))
members = st.sampled_from(("#ec0-1#a", "#ec1-22787#labrat-1", "#barca#barca"))
nonces = st.binary(min_size=NONCE_OCTETS, max_size=NONCE_OCTETS)
incarnations = st.integers(0, 2**64 - 1)
hellos = st.builds(
    lambda role, name, incarnation, nonce, has_secret, called, versions: Hello(
        role, name, incarnation, nonce, has_secret, called, *versions
    ),
    st.sampled_from(Role),
    names,
    incarnations,
    nonces,
    st.booleans(),
    st.just("") | names,
    st.tuples(st.integers(0, 3), st.integers(0, 3)),
)
asked: st.SearchStrategy[Asked] = st.one_of(
    st.builds(Join, groups),
    st.builds(Leave, groups),
    st.builds(Publish, groups, st.binary(max_size=200), st.sampled_from(Service)),
    st.builds(Tell, members, st.binary(max_size=200)),
)
view_ids = st.builds(ViewId, st.integers(0, 2**63 - 1), names)
_member_lists = st.lists(members, max_size=3, unique=True).map(tuple)
events: st.SearchStrategy[Told | GroupView] = st.one_of(
    st.builds(Told, groups | st.just(""), members, st.binary(max_size=200), st.sampled_from(Service), view_ids),
    st.builds(
        GroupView, groups, view_ids, st.integers(0, 9), _member_lists, st.booleans(), st.booleans(), _member_lists
    ),
)

_refusals = st.builds(encode_refused, st.sampled_from(Code), st.text(max_size=40))
_batches = st.lists(asked.map(encode) | events.map(encode_event), min_size=1, max_size=4).map(joined)
_payloads = st.one_of(
    st.tuples(st.just(Kind.HELLO), hellos.map(encode_hello)),
    st.tuples(st.just(Kind.PROOF), st.just(b"\0") | st.binary(max_size=70)),
    st.tuples(st.just(Kind.WELCOME), st.just(bytes(32) + b"#c#a") | st.binary(max_size=70)),
    st.tuples(st.just(Kind.REFUSED), _refusals),
    st.tuples(st.just(Kind.NOOP), st.just(b"")),
    st.tuples(st.just(Kind.MESSAGES), _batches),
    st.tuples(st.sampled_from(Kind), st.binary(max_size=70)),
)
_plain = st.builds(
    lambda name, incarnation, nonce: encode_hello(Hello(Role.SERVER, name, incarnation, nonce, has_secret=False)),
    names,
    incarnations,
    nonces,
)
_opening = st.builds(lambda hello: [(Kind.HELLO, hello), (Kind.PROOF, b"\0")], _plain)
_answer = st.builds(lambda hello: [(Kind.HELLO, hello), (Kind.WELCOME, bytes(32) + b"#c#a")], _plain)
_rest = st.lists(_payloads, max_size=6)


def sealed(frames: list[tuple[Kind, bytes]]) -> bytes:
    """*frames* as they are sent one after the other, without a secret."""
    sealer = Sealer()
    return b"".join(sealer.seal(kind, payload) for kind, payload in frames)


def _broken(whole: bytes) -> st.SearchStrategy[bytes]:
    """*whole* with one octet changed, or its tail missing."""
    place = st.integers(0, max(0, len(whole) - 1))
    changed = st.builds(lambda at, by: whole[:at] + bytes([by]) + whole[at + 1 :], place, st.integers(0, 255))
    return changed | place.map(lambda at: whole[:at])


caller_streams = (_opening.flatmap(lambda first: _rest.map(lambda rest: sealed(first + rest))) | _rest.map(sealed)).map(
    PREFACE.__add__
)
called_streams = _answer.flatmap(lambda first: _rest.map(lambda rest: sealed(first + rest))) | _rest.map(sealed)
streams = caller_streams | called_streams
streams |= streams.flatmap(_broken)


def feed(link: Link, stream: bytes, step: int) -> list[Event]:
    """The events of *link* when *stream* comes in steps of at most *step* octets; who knocks is let in."""
    events: list[Event] = []
    for at in range(0, len(stream), step):
        link.receive(stream[at : at + step])
        while (event := link.next_event()) is not None:
            events.append(event)
            if isinstance(event, Knocked):
                link.welcome("#ec0-1#b")
    return events


def server_messages(key: ViewKey, lives: tuple[Life, ...]) -> st.SearchStrategy[Message]:
    """What a server among *lives*, which are in the view *key*, may say to another: right, nearly right, and wrong."""
    following = ViewKey.after(key.epoch, lives[0])
    keys = st.sampled_from(
        [key, following, ViewKey.after(following.epoch, lives[0]), ViewKey.after(key.epoch, lives[-1])]
    )
    epochs = keys.map(lambda one: one.epoch) | st.sampled_from([0, key.epoch + 1])
    numbers = st.integers(0, 4) | st.just(2**53 - 1)
    some_lives = st.just(lives) | st.lists(st.sampled_from([*lives, Life("a", 7)]), max_size=4).map(tuple)
    some_names = st.just(tuple(names_of(lives))) | st.lists(st.sampled_from([*names_of(lives), "z"]), max_size=4).map(
        tuple
    )
    counts = st.lists(numbers, max_size=4).map(tuple) | st.just((0,) * len(lives))
    sendings = st.lists(
        st.builds(
            Sending,
            st.sampled_from(Act),
            st.sampled_from(Service),
            members,
            groups | members,
            st.binary(max_size=20),
        ),
        max_size=3,
    ).map(tuple)
    origins = st.lists(st.integers(0, 3), max_size=3).map(bytes)
    standings = st.builds(
        Standing, epochs, st.sampled_from([*names_of(lives), "z"]), keys, numbers, numbers, counts, counts, some_names
    )
    entries = st.lists(st.builds(Entry, groups, members, st.sampled_from(names_of(lives))), max_size=3).map(tuple)
    incarnations = st.sampled_from([life.incarnation for life in lives] + [0])
    return st.one_of(
        st.just(Heartbeat()),
        st.builds(
            Reach,
            incarnations,
            some_lives,
            st.sampled_from(names_of(lives)),
            numbers,
            some_names,
            keys,
            st.booleans(),
            epochs,
        ),
        st.builds(Propose, keys, some_lives),
        standings,
        st.builds(Plan, epochs, st.lists(standings, max_size=3).map(tuple)),
        st.builds(Recovered, epochs, numbers, origins, sendings),
        st.builds(Unordered, epochs, st.integers(0, 3), numbers, sendings),
        st.builds(Groups, epochs, st.booleans(), entries),
        st.builds(Ready, epochs),
        st.builds(Install, epochs),
        st.builds(Expelled, st.sampled_from(lives), keys, keys),
        st.builds(Submit, epochs, numbers, sendings),
        st.builds(Ack, epochs, numbers),
        st.builds(Ordered, epochs, numbers, numbers, origins, sendings)
        | sendings.map(lambda some: Ordered(key.epoch, 1, 0, bytes(len(some)), some)),
    )


def names_of(lives: tuple[Life, ...]) -> list[str]:
    """Their names."""
    return [life.name for life in lives]
