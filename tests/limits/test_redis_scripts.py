"""What the functions beside the scripts do is what a real Redis does by the scripts: answers, and what is kept."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis_process import RedisProcess

from fuzz.resp import command
from momentum_trio.limits.redis_scripts import GAUGE, LAST, LATE_MS, RENEW, SAY, SCRIPTS, SEATS, TOKENS, Script, Store

ENGINE, MEMBERS, SAID = b"engine", b"members", b"said"


class Wire:
    """A real engine, over a plain socket."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(str(path))
        self._file = self._socket.makefile("rb")

    def say(self, *words: bytes) -> Any:
        self._socket.sendall(command(list(words)))
        return self._answer()

    def _answer(self) -> Any:
        line = self._file.readline()
        kind, rest = line[:1], line[1:-2]
        match kind:
            case b":":
                return int(rest)
            case b"$":
                return None if rest == b"-1" else self._file.read(int(rest) + 2)[:-2]
            case b"*":
                return [self._answer() for _ in range(int(rest))]
            case b"-":
                raise AssertionError(rest.decode())
        return rest

    def run(self, script: Script, keys: list[bytes], args: list[bytes]) -> Any:
        return self.say(b"EVALSHA", script.sha, b"%d" % len(keys), *keys, *args)

    def hash(self, key: bytes) -> dict[bytes, bytes]:
        found = self.say(b"HGETALL", key)
        return dict(zip(found[::2], found[1::2], strict=True))

    @property
    def seconds(self) -> float:
        seconds, micros = self.say(b"TIME")
        return int(seconds) + int(micros) / 1e6

    def close(self) -> None:
        self._file.close()
        self._socket.close()


@pytest.fixture(scope="module")
def wire(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wire]:
    """A real engine."""
    process = RedisProcess(tmp_path_factory.mktemp("redis"))
    trio.run(process.start)
    wire = Wire(process.socket)
    for script in SCRIPTS:
        assert wire.say(b"SCRIPT", b"LOAD", script.lua) == script.sha
    yield wire
    wire.close()
    process.kill()


members = st.sampled_from([b"n1#a", b"n2#b", b"n3#c"])
counts = st.integers(0, 12).map(lambda count: b"%d" % count)
pools = st.sampled_from([b"seats:x", b"seats:y"])
steps = st.one_of(
    st.tuples(st.just(SEATS), st.tuples(pools), st.tuples(members, st.just(b"10"), counts, counts, counts)),
    st.tuples(st.just(RENEW), st.just(()), st.tuples(members)),
    st.tuples(
        st.just(TOKENS),
        st.tuples(st.sampled_from([b"rate:x", b"rate:y"])),
        st.tuples(st.just(b"1e-6"), st.sampled_from([b"5", b"8.5"]), st.sampled_from([b"1", b"2.5", b"9"]), counts),
    ),
    st.tuples(st.just(GAUGE), st.just((b"gauge:x",)), st.tuples(members, st.sampled_from([b"|n1", b"|n2"]), counts)),
    st.tuples(st.just(SAY), st.just(()), st.tuples(members, st.sampled_from([b"t", b"u"]), st.binary(max_size=9))),
    st.tuples(st.just(LAST), st.just(()), st.just(())),
    st.tuples(st.just(None), st.just(()), st.tuples(members)),
)  # fmt: skip


def keys_of(script: Script, own: tuple[bytes, ...]) -> list[bytes]:
    """The keys of a call."""
    if script is SEATS:
        return [ENGINE, MEMBERS, *own, SAID]
    if script is RENEW:
        return [ENGINE, MEMBERS]
    if script is GAUGE:
        return [MEMBERS, *own]
    return [SAID] if script in (SAY, LAST) else list(own)


def args_of(script: Script, own: tuple[bytes, ...]) -> list[bytes]:
    """The arguments of a call."""
    if script is TOKENS:
        rate, burst, least, most = own
        return [rate, burst, least, b"%f" % max(float(least), float(most))]
    if script is GAUGE:
        member, node, count = own
        return [member + node, count, member + b"|"]
    return list(own)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(is_old=st.booleans(), called=st.lists(steps, max_size=12))
def test_they_do_the_same(wire: Wire, is_old: bool, called: list[Any]) -> None:
    wire.say(b"FLUSHALL")
    run = wire.say(b"INFO", b"server").partition(b"run_id:")[2].split()[0]
    store = Store(run)
    if is_old:
        wire.say(b"HSET", ENGINE, b"run", run, b"since", b"1")
        store.hashes[ENGINE] = {b"run": run, b"since": b"1"}
    for script, own_keys, own_args in called:
        if script is None:  # a member has not been heard of for long
            if own_args[0] in store.scores.get(MEMBERS, {}):
                wire.say(b"ZADD", MEMBERS, b"7", own_args[0])
                store.scores[MEMBERS][own_args[0]] = 7
            continue
        keys, args = keys_of(script, own_keys), args_of(script, own_args)
        seconds = wire.seconds
        theirs = wire.run(script, keys, args)
        ours = script.effect(store, keys, args, seconds)
        assert alike(script, ours) == alike(script, theirs)
    for key in (b"seats:x", b"seats:y", b"gauge:x"):
        assert store.hashes.get(key, {}) == wire.hash(key)
    assert set(store.scores.get(MEMBERS, {})) == set(wire.say(b"ZRANGE", MEMBERS, b"0", b"-1"))
    entries = wire.say(b"XRANGE", SAID, b"-", b"+")
    assert [fields for _, fields in store.streams.get(SAID, [])] == [fields for _, fields in entries]


def alike(script: Script, answer: list[Any]) -> Any:
    """*answer* without what the moment decides."""
    if script is RENEW:
        return answer[1], sorted(answer[2:])
    if script is SEATS:
        return answer[:2], answer[2] == 1
    if script is TOKENS:
        return round(float(answer[0]), 3), round(float(answer[1]) * 1e-6, 3)
    return bool(answer[0]) if script in (SAY, LAST) else answer


def test_a_new_engine_grants_nothing_for_a_while(wire: Wire) -> None:
    wire.say(b"FLUSHALL")
    store = Store(wire.say(b"INFO", b"server").partition(b"run_id:")[2].split()[0])
    keys, args = [ENGINE, MEMBERS, b"seats:x", SAID], [b"n1#a", b"10", b"3", b"2", b"1"]
    assert wire.run(SEATS, keys, args)[:2] == [3, 0]
    assert store.run
    assert SEATS.effect(store, keys, args, 1000.0) == [3, 0, 1_000_000]
    assert SEATS.effect(store, keys, args, 1000.0 + LATE_MS / 1000 - 0.001) == [3, 0, 1_000_000]
    assert SEATS.effect(store, keys, args, 1000.0 + LATE_MS / 1000) == [5, 0, 1_000_000]
