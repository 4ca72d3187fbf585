"""Methods and their runners: groups of messages out of the lanes whose turn it is, so that no domain waits for
another's backlog.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from functools import partial

import trio

from momentum_trio.delivery.holdings import Hand, Holdings, Unread
from momentum_trio.delivery.lane import Lane, LaneKey
from momentum_trio.delivery.method import Attempt, Method
from momentum_trio.delivery.outcome import Deferred, Outcome
from momentum_trio.delivery.pace import Pace, Paced
from momentum_trio.delivery.settlement import FAULT, Settlement
from momentum_trio.mail.stage import Stage

TURN_MESSAGES = 16
"""How many messages a lane gives at its turn, while other lanes wait."""


class Side:
    """One method with the lanes whose turn it is, and the runners at work.

    offer_lane: gives a lane its turn anew. generation: number of the current one. faulted: told of a fault of ours.
    fresh: a runner has started and not yet looked.
    """

    def __init__(
        self,
        method: Method,
        holdings: Holdings,
        settlement: Settlement,
        pace: Pace,
        offer_lane: Callable[[Lane], None],
        generation: Callable[[], int],
        faulted: Callable[[str, Exception], None],
    ) -> None:
        self.method = method
        self._holdings, self._settlement, self._pace = holdings, settlement, pace
        self._offer_lane, self._generation, self._faulted = offer_lane, generation, faulted
        self._nursery: trio.Nursery | None = None
        self._turn: deque[Lane] = deque()
        self._fresh = False
        self._runners = 0
        self._empty = trio.Event()
        self._draining = False

    def begin(self, nursery: trio.Nursery | None) -> None:
        """Runners are tasks of *nursery* from now on; None: none begins any more."""
        self._nursery = nursery
        self._start()

    async def drain(self) -> None:
        """Begin no attempt, and wait for those under way."""
        self._draining = True
        while self._runners:
            self._empty = trio.Event()
            await self._empty.wait()

    def attach(self, lane: Lane) -> None:
        """Give *lane*, which has its turn nowhere, one here."""
        lane.waiting = True
        self._turn.append(lane)
        self._start()

    def _start(self) -> None:
        """See that there is a runner that will look at the turn."""
        if self._fresh or self._draining or self._nursery is None or not self._turn:
            return
        if self._runners < self.method.attempts_max:
            self._fresh = True
            self._runners += 1
            self._nursery.start_soon(self._run)

    async def _run(self) -> None:
        """Deliver groups until none is ready. It looks a tick after its start, when more may be ready.

        Cancellation: the group under way is abandoned; its messages are ready again, in their lanes.
        """
        self._fresh = False
        try:
            while not self._draining:
                tickets, lanes = self._next_group()
                if not tickets:
                    break
                self._start()
                try:
                    await self._deliver(tickets)
                    await trio.lowlevel.checkpoint()  # not every method has one
                finally:
                    for lane in lanes:
                        self._release(lane)
        finally:
            self._runners -= 1
            self._empty.set()

    def _next_group(self) -> tuple[list[int], list[Lane]]:
        """Messages for one attempt, in hand, and the lanes they came from, each counted once."""
        method, current = self.method, self._generation()
        tickets: list[int] = []
        lanes: dict[LaneKey, Lane] = {}
        while self._turn and (room := method.group_max - len(tickets)):
            lane = self._turn.popleft()
            if lane.generation != current or not lane.ready.count:  # perhaps another's now, or suspended, or emptied
                self._elsewhere(lane)
                continue
            if lane.key not in lanes and lane.groups >= method.domain_attempts_max:
                lane.waiting = False  # _release offers it again
                continue
            quantum = min(room, lane.ready.count, TURN_MESSAGES if self._turn else room) if method.gathers else 1
            quantum = self._allowed(lane, quantum)
            if not quantum:
                continue  # it waits in the line of its throttle
            if lane.key not in lanes:
                lanes[lane.key] = lane
                lane.groups += 1
            tickets += [self._holdings.draw(lane) for _ in range(quantum)]
            lane.waiting = bool(lane.ready.count)
            if lane.waiting:
                self._turn.append(lane)
            if not method.gathers:
                break
        return tickets, list(lanes.values())

    def _elsewhere(self, lane: Lane) -> None:
        """*lane* has no turn here any more."""
        lane.waiting = False
        if lane.ready.count:
            self._offer_lane(lane)
        else:
            self._holdings.lanes.rest(lane)

    def _release(self, lane: Lane) -> None:
        """An attempt with messages of *lane* has ended."""
        lane.groups -= 1
        if not lane.waiting:
            self._elsewhere(lane)

    def _allowed(self, lane: Lane, wanted: int) -> int:
        """How many of *wanted* messages the throttle of *lane* lets go; with 0 it is offered when it does."""
        assert lane.route is not None
        meter = lane.route.meter
        if meter is None:
            return wanted
        if lane.paced is None:
            lane.paced = Paced(partial(self._granted, lane))
        return self._pace.take(meter, lane.paced, wanted)

    def _granted(self, lane: Lane) -> None:
        """The throttle lets some of *lane* go: if it was laid aside for that, it has its turn."""
        self._elsewhere(lane)

    async def _deliver(self, tickets: Sequence[int]) -> None:
        """Have the method try messages in hand; see what comes of it recorded. Those that may not be tried are not."""
        found = await self._holdings.read(tickets)
        unread = [each for each in found if isinstance(each, Unread)]
        if unread:
            self._settlement.keep_unread(unread)
        hands = [each for each in found if isinstance(each, Hand)]
        if hands and not self.method.gathers:
            hands += self._more(hands[0])
        hands = await self._settlement.living(hands)
        if not hands:
            return
        try:
            outcomes = await self._attempt(hands)
        except BaseException:
            for hand in reversed(hands):
                self._holdings.make_ready(hand.ticket, first=True)
            raise
        await self._settlement.settle(hands, outcomes)

    def _more(self, hand: Hand) -> list[Hand]:
        """What may go with *hand*: of its batch, and granted by the throttle already, if there is one."""
        count, lane = self.method.group_max - 1, hand.lane
        if lane.paced is None:
            return self._holdings.more_of(hand, count)
        more = self._holdings.more_of(hand, min(count, lane.paced.granted))
        lane.paced.granted -= len(more)
        return more

    async def _attempt(self, hands: Sequence[Hand]) -> Sequence[Outcome]:
        try:
            outcomes = await self.method.attempt([self._attempt_of(hand) for hand in hands])
            assert len(outcomes) == len(hands)  # one for each, none invented
        except Exception as fault:  # noqa: BLE001  ours: the one place that keeps a faulty method from ending the node
            self._faulted(self.method.word, fault)
            return [Deferred(FAULT, Stage.UNKNOWN)] * len(hands)
        return outcomes

    def _attempt_of(self, hand: Hand) -> Attempt:
        route = hand.lane.route
        assert route is not None  # it had its turn
        retries = self._holdings.roster.attempts[hand.ticket]
        return Attempt(hand.batch, hand.message, route.domain, retries, route.chain, route.gateway)
