"""Batches on their way into the log, and so into custody: what is written for each, and what it is once it is there.

arrival = arrivals.of(content, batch, claim)          # or ``of_entry``, for what came in one
request = arrivals.request([arrival])                 # for the committer: with its key, all or nothing
arrival.tickets                                       # of its messages, once that was kept
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import trio

from momentum_trio.machine.contract import Clock
from momentum_trio.spool.claims import Claim
from momentum_trio.spool.committer import Request
from momentum_trio.spool.entry import Entry, EntryState
from momentum_trio.spool.fault import SpoolFault, SpoolFull
from momentum_trio.spool.frame import ENVELOPE_OCTETS_MAX, Frame, Kind
from momentum_trio.spool.key import DIGEST_OCTETS, Earlier
from momentum_trio.spool.keys import Keys
from momentum_trio.spool.ledger import Ledger
from momentum_trio.spool.message import Batch, Conclusion
from momentum_trio.spool.outcomes import Named, Outcomes, ended_of
from momentum_trio.spool.recent import Recent
from momentum_trio.spool.segment import Segment
from momentum_trio.spool.wire import Custody, KeysHeld, Wire, custody_of, keyed_of


class Arrival(msgspec.Struct, eq=False, gc=False):
    """A batch on its way into custody.

    content: where it is small. entry: the one it came in; None: it came as octets. claim: to its key, of which *keys*
    is the record. ended: whose custody ends with its coming. tickets: of its messages, once they are in custody.
    fault: why they are not.
    """

    batch: Batch
    custody: Custody
    frame: Frame
    content: bytes
    entry: Entry | None = None
    claim: Claim | None = None
    keys: Frame | None = None
    ended: Sequence[Named[Conclusion]] = ()
    tickets: Sequence[int] = ()
    fault: SpoolFault | None = None

    @property
    def octets(self) -> int:
        """Of its records."""
        return self.frame.octets + (0 if self.keys is None else self.keys.octets)


def groups_of(arrivals: Sequence[Arrival], octets_max: int) -> list[list[Arrival]]:
    """*arrivals* in as few groups as may be, none of more than *octets_max*, but for one batch alone."""
    groups, octets = list[list[Arrival]](), 0
    for arrival in arrivals:
        octets += arrival.octets
        if not groups or octets > octets_max:
            groups.append([])
            octets = arrival.octets
        groups[-1].append(arrival)
    return groups


class Arrivals:
    """Of one spool. inline_octets_max: of content that goes into the log. key_seconds: how long a key is kept."""

    def __init__(
        self,
        clock: Clock,
        ledger: Ledger,
        keys: Keys,
        recent: Recent,
        outcomes: Outcomes,
        wire: Wire,
        inline_octets_max: int,
        key_seconds: int,
    ) -> None:
        self._clock, self._ledger, self._keys, self._recent = clock, ledger, keys, recent
        self._outcomes, self._wire = outcomes, wire
        self._inline_octets_max, self._key_seconds = inline_octets_max, key_seconds

    def of(self, content: bytes, batch: Batch, claim: Claim | None) -> Arrival:
        """What is to be written for *content*, which is small. Raises SpoolFull."""
        assert len(content) == batch.octets <= self._inline_octets_max
        custody = custody_of(batch, "", 0)
        frame, keys = self._frame(custody, content), None if claim is None else self._key_record(claim, batch)
        return Arrival(batch, custody, frame, content, None, claim, keys)

    def of_entry(
        self,
        entry: Entry,
        content: bytes,
        batch: Batch,
        claim: Claim | None,
        concluding: Sequence[tuple[int, Conclusion]] = (),
    ) -> Arrival:
        """What is to be written for *entry*, whose *content*, where it is small, is whole. Raises SpoolFull.

        concluding: tickets of messages whose custody ends with it.
        """
        ended = self._outcomes.named(concluding) if concluding else []
        if batch.octets != entry.octets:
            batch = batch.with_octets(entry.octets)
        custody = custody_of(batch, entry.file, entry.check, ended_of(ended) if ended else None)
        frame, keys = self._frame(custody, content), None if claim is None else self._key_record(claim, batch)
        return Arrival(batch, custody, frame, content, entry, claim, keys, ended)

    def _frame(self, custody: Custody, content: bytes) -> Frame:
        assert custody.messages
        envelope = self._wire.encode(custody)
        if len(envelope) > ENVELOPE_OCTETS_MAX:
            raise SpoolFull(f"an envelope of {len(envelope)} octets; at most {ENVELOPE_OCTETS_MAX} are kept")
        return Frame.of(Kind.BATCH, envelope, content)

    def _key_record(self, claim: Claim, batch: Batch) -> Frame:
        """The record of a key. Raises SpoolFull when it would be longer than one may be."""
        assert claim.answer is not None
        assert len(claim.digest) == DIGEST_OCTETS
        earlier = Earlier(claim.digest, batch.batch_id, claim.answer)
        keyed = keyed_of(claim.name, earlier, self._clock.now(), self._key_seconds)
        envelope = self._wire.encode(KeysHeld([keyed]))
        if len(envelope) > ENVELOPE_OCTETS_MAX:
            raise SpoolFull(f"an answer of {len(envelope)} octets; at most {ENVELOPE_OCTETS_MAX} are kept with a key")
        return Frame.of(Kind.KEYS, envelope)

    def request(self, together: Sequence[Arrival]) -> Request:
        """To write all of *together*, each with its key directly behind it, so that neither is there alone."""
        frames = list[Frame]()
        for arrival in together:
            frames.append(arrival.frame)
            if arrival.keys is not None:
                frames.append(arrival.keys)

        def kept(segment: Segment, places: Sequence[int]) -> None:
            place = iter(places)
            for arrival in together:
                self._enter(arrival, segment, next(place))
                if arrival.claim is not None and arrival.keys is not None:
                    self._keep(arrival.claim, arrival.keys, segment, next(place))

        return Request([arrival.batch.batch_id for arrival in together], frames, demands_sync=True, kept=kept)

    def _enter(self, arrival: Arrival, segment: Segment, place: int) -> None:
        """It is in the log, and in custody."""
        if arrival.entry is not None:
            arrival.entry.state = EntryState.COMMITTED
        ledger, custody = self._ledger, arrival.custody
        tickets = arrival.tickets = ledger.add(segment, place, arrival.frame, custody)
        self._recent.put(ledger.messages.batch[tickets[0]], arrival.batch, None if custody.file else arrival.content)
        if arrival.ended:
            self._outcomes.conclude(arrival.ended)

    def _keep(self, claim: Claim, keys: Frame, segment: Segment, place: int) -> None:
        """The key of *claim* is in the log."""
        self._keys.add(segment, place, keys.octets, [(claim.name, trio.current_time() + self._key_seconds)])
