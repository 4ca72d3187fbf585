"""What is asked of Redis: scripts that it runs as one step each, and beside each what it does, as a function.

The functions are what the simulated engine runs (``sim/redis_engine.py``); a test has both do the same
(tests/interop/test_redis_scripts.py). Times are those of the engine's clock, in milliseconds.

An engine that started anew may have forgotten the last it granted, or all of it. It has another run_id then, and grants
no seats for LATE_MS: whoever still holds some has said so by then, or holds them no more.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from momentum_trio.protocol.cluster.holding import LATE_SECONDS
from momentum_trio.protocol.cluster.token import SLACK, granted

LATE_MS = int(LATE_SECONDS * 1000)
POOL_MS = 3_600_000
"""A limit of which nobody says anything for so long is forgotten; holders say what they hold more often."""
STREAM_ENTRIES_MAX = 10_000
"""Broadcasts that are kept for members that are slow to read, about."""

Answer: TypeAlias = "list[bytes | int]"


@dataclass
class Store:
    """What an engine keeps, as far as the scripts use it. run: its run_id. stream: of (id, fields)."""

    run: bytes
    hashes: dict[bytes, dict[bytes, bytes]] = field(default_factory=dict)
    scores: dict[bytes, dict[bytes, float]] = field(default_factory=dict)
    strings: dict[bytes, tuple[bytes, int]] = field(default_factory=dict)
    expires: dict[bytes, int] = field(default_factory=dict)
    streams: dict[bytes, list[tuple[tuple[int, int], list[bytes]]]] = field(default_factory=dict)

    def expire(self, now: int) -> None:
        """Drop what is past its time."""
        for key in [key for key, at in self.expires.items() if at <= now]:
            del self.expires[key]
            self.hashes.pop(key, None)
        self.strings = {key: kept for key, kept in self.strings.items() if kept[1] > now}

    def add(self, stream: bytes, fields: list[bytes], now: int) -> tuple[int, int]:
        """Append an entry; its id."""
        entries = self.streams.setdefault(stream, [])
        last = entries[-1][0] if entries else (0, 0)
        place = (now, 0) if now > last[0] else (last[0], last[1] + 1)
        entries.append((place, fields))
        del entries[:-STREAM_ENTRIES_MAX]
        return place


Effect: TypeAlias = Callable[[Store, Sequence[bytes], Sequence[bytes], float], Answer]


@dataclass(frozen=True, slots=True)
class Script:
    """lua: what a real engine runs. effect: the same, of keys, arguments and the engine's time in seconds."""

    lua: bytes
    effect: Effect

    @property
    def sha(self) -> bytes:
        """By which EVALSHA knows it."""
        return hashlib.sha1(self.lua, usedforsecurity=False).hexdigest().encode()


_NOW = b"""
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
"""
_EPOCH = b"""
local run = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
local known = redis.call('HMGET', KEYS[1], 'run', 'since')
local since = tonumber(known[2])
if known[1] ~= run then
  since = now
  redis.call('HSET', KEYS[1], 'run', run, 'since', string.format('%.0f', now))
end
redis.call('ZADD', KEYS[2], now + LATE, ARGV[1])
""".replace(b"LATE", b"%d" % LATE_MS)

_RENEW_LUA = (
    _NOW
    + _EPOCH
    + b"""
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now)
local answer = redis.call('ZRANGE', KEYS[2], 0, -1)
table.insert(answer, 1, now >= since + LATE and 1 or 0)
table.insert(answer, 1, since)
return answer
""".replace(b"LATE", b"%d" % LATE_MS)
)


def _epoch(store: Store, keys: Sequence[bytes], member: bytes, now: int) -> int:
    engine = store.hashes.setdefault(keys[0], {})
    if engine.get(b"run") != store.run:
        engine.update({b"run": store.run, b"since": b"%d" % now})
    store.scores.setdefault(keys[1], {})[member] = now + LATE_MS
    return int(engine[b"since"])


def _renew(store: Store, keys: Sequence[bytes], args: Sequence[bytes], seconds: float) -> Answer:
    now = int(seconds * 1000)
    since = _epoch(store, keys, args[0], now)
    grants = int(now >= since + LATE_MS)
    members = store.scores[keys[1]]
    for member in [member for member, until in members.items() if until <= now]:
        del members[member]
    return [since, grants, *sorted(members, key=lambda member: (members[member], member))]


RENEW = Script(_RENEW_LUA, _renew)
"""The member lives. KEYS: engine, members. ARGV: member. Answer: since when the engine is there, whether it grants by
now, the living members.
"""

_SEATS_LUA = (
    _NOW
    + _EPOCH
    + b"""
local limit, keep, want, need = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local shares = redis.call('HGETALL', KEYS[3])
local others, lackers, wanted = 0, 0, 0
for at = 1, #shares, 2 do
  local seats, wants = string.match(shares[at + 1], '(%d+):(%d+)')
  if shares[at] == ARGV[1] then
    wanted = tonumber(wants)
  elseif (tonumber(redis.call('ZSCORE', KEYS[2], shares[at])) or 0) <= now then
    redis.call('HDEL', KEYS[3], shares[at])
  else
    others = others + seats
    if wants ~= '0' then lackers = lackers + 1 end
  end
end
local given = 0
if now >= since + LATE then given = math.max(math.min(want, limit - others - keep), 0) end
local held, missing = keep + given, math.max(need - given, 0)
if held + missing > 0 then
  redis.call('HSET', KEYS[3], ARGV[1], string.format('%d:%d', held, missing))
  redis.call('PEXPIRE', KEYS[3], POOL)
else
  redis.call('HDEL', KEYS[3], ARGV[1])
end
if missing > 0 and wanted == 0 then
  redis.call('XADD', KEYS[4], 'MAXLEN', '~', STREAM, '*', 'n', ARGV[1], 't', '', 'o', KEYS[3])
end
return {held, lackers, since}
""".replace(b"LATE", b"%d" % LATE_MS)
    .replace(b"POOL", b"%d" % POOL_MS)
    .replace(b"STREAM", b"%d" % STREAM_ENTRIES_MAX)
)


def _seats(store: Store, keys: Sequence[bytes], args: Sequence[bytes], seconds: float) -> Answer:
    now, member = int(seconds * 1000), args[0]
    since = _epoch(store, keys, member, now)
    limit, keep, want, need = (int(arg) for arg in args[1:5])
    shares = store.hashes.setdefault(keys[2], {})
    others = lackers = wanted = 0
    for known, said in list(shares.items()):
        seats, wants = (int(number) for number in said.split(b":"))
        if known == member:
            wanted = wants
        elif store.scores[keys[1]].get(known, 0) <= now:
            del shares[known]
        else:
            others += seats
            lackers += wants > 0
    given = max(min(want, limit - others - keep), 0) if now >= since + LATE_MS else 0
    held, missing = keep + given, max(need - given, 0)
    shares.pop(member, None)
    if held + missing > 0:
        shares[member] = b"%d:%d" % (held, missing)
        store.expires[keys[2]] = now + POOL_MS
    if not shares:
        del store.hashes[keys[2]]
    if missing > 0 and not wanted:
        store.add(keys[3], [b"n", member, b"t", b"", b"o", keys[2]], now)
    return [held, lackers, since]


SEATS = Script(_SEATS_LUA, _seats)
"""``holding.Ask``. KEYS: engine, members, the limit's pool, stream. ARGV: member, limit, keep, want, need.

Answer: what is held, how many others want seats, since when the engine grants. Who got too little is told of in the
stream, on the empty topic, so that others give up what they do not need.
"""

_TOKENS_LUA = b"""
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local rate, burst, least, most = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local free_at = math.max(tonumber(redis.call('GET', KEYS[1]) or '0'), now)
local room = burst - (free_at - now) * rate
local count = math.min(most, room + SLACK)
if count + SLACK < least then return {'0', string.format('%.6f', math.max((least - room) / rate, 0.01))} end
local after = free_at + count / rate
local kept = math.min(math.ceil((after - now) * 1000) + 1, 1000000000000)
redis.call('SET', KEYS[1], string.format('%.6f', after), 'PX', string.format('%.0f', kept))
return {string.format('%.6f', count), '0'}
""".replace(b"SLACK", b"%.6f" % SLACK)


def _tokens(store: Store, keys: Sequence[bytes], args: Sequence[bytes], seconds: float) -> Answer:
    rate, burst, least, most = (float(arg) for arg in args)
    kept = store.strings.get(keys[0], (b"0", 0))[0]
    count, after = granted(float(kept), seconds, rate, burst, least, most)
    if not count:
        return [b"0", b"%.6f" % after]
    until = min(int((after - seconds) * 1000) + 2, 10**12)
    store.strings[keys[0]] = (b"%.6f" % after, int(seconds * 1000) + until)
    return [b"%.6f" % count, b"0"]


TOKENS = Script(_TOKENS_LUA, _tokens)
"""``token.TokenAsk`` (GCRA). KEYS: the throttle. ARGV: rate, burst, least, most. Answer: events granted, or '0' and the
seconds to wait.
"""

_GAUGE_LUA = (
    _NOW
    + b"""
if ARGV[2] == '0' then
  redis.call('HDEL', KEYS[2], ARGV[1])
else
  redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
  redis.call('PEXPIRE', KEYS[2], POOL)
end
local counts = redis.call('HGETALL', KEYS[2])
local others = 0
for at = 1, #counts, 2 do
  if string.sub(counts[at], 1, #ARGV[3]) == ARGV[3] then
  elseif (tonumber(redis.call('ZSCORE', KEYS[1], string.match(counts[at], '^[^|]*'))) or 0) <= now then
    redis.call('HDEL', KEYS[2], counts[at])
  else
    others = others + counts[at + 1]
  end
end
return {others}
""".replace(b"POOL", b"%d" % POOL_MS)
)


def _gauge(store: Store, keys: Sequence[bytes], args: Sequence[bytes], seconds: float) -> Answer:
    now = int(seconds * 1000)
    counts = store.hashes.setdefault(keys[1], {})
    counts.pop(args[0], None)
    if args[1] != b"0":
        counts[args[0]] = args[1]
        store.expires[keys[1]] = now + POOL_MS
    others = 0
    for share, count in list(counts.items()):
        if share.startswith(args[2]):
            continue
        if store.scores.get(keys[0], {}).get(share.partition(b"|")[0], 0) <= now:
            del counts[share]
        else:
            others += int(count)
    if not counts:
        del store.hashes[keys[1]]
    return [others]


GAUGE = Script(_GAUGE_LUA, _gauge)
"""KEYS: members, the gauge. ARGV: share (member|node), its count, ``member|``. Answer: the shares of other members."""

_SAY_LUA = b"""
return redis.call('XADD', KEYS[1], 'MAXLEN', '~', STREAM, '*', 'n', ARGV[1], 't', ARGV[2], 'o', ARGV[3])
""".replace(b"STREAM", b"%d" % STREAM_ENTRIES_MAX)


def _say(store: Store, keys: Sequence[bytes], args: Sequence[bytes], seconds: float) -> Answer:
    return [b"%d-%d" % store.add(keys[0], [b"n", args[0], b"t", args[1], b"o", args[2]], int(seconds * 1000))]


SAY = Script(b"return {" + _SAY_LUA.strip().removeprefix(b"return ") + b"}", _say)
"""A broadcast. KEYS: stream. ARGV: node, topic, octets. Answer: its place."""

_LAST_LUA = b"""
local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)
if last[1] then return {last[1][1]} end
return {'0-0'}
"""


def _last(store: Store, keys: Sequence[bytes], args: Sequence[bytes], seconds: float) -> Answer:
    entries = store.streams.get(keys[0])
    return [b"%d-%d" % entries[-1][0] if entries else b"0-0"]


LAST = Script(_LAST_LUA, _last)
"""The place of the last broadcast. KEYS: stream."""

SCRIPTS = (RENEW, SEATS, TOKENS, GAUGE, SAY, LAST)
