"""What comes of attempts: published, reported to the sender where that is due, and recorded.

A failure for good and the report of it go into the spool in one group, all or nothing: no report is lost or made twice.
If that cannot be done the message stays and is tried again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec
import trio

from momentum_trio.config.chain import Chain
from momentum_trio.delivery.custody import Custody
from momentum_trio.delivery.delivery_options import DelayNoticeOptions
from momentum_trio.delivery.holdings import Hand, Holdings, Unread
from momentum_trio.delivery.lane import Lane
from momentum_trio.delivery.outcome import Bounced, Deferred, Delivered, Outcome
from momentum_trio.delivery.report_contract import Failure, Report, Reporter
from momentum_trio.delivery.retry import EXPIRED_UNTRIED, lives_on, notice_age_seconds, verdict, wait_seconds
from momentum_trio.delivery.route import Route
from momentum_trio.delivery.tally import Tallies, Tally
from momentum_trio.delivery.transcode import transcoded
from momentum_trio.delivery.transcode_options import TranscodeOptions
from momentum_trio.machine import Machine
from momentum_trio.mail import record
from momentum_trio.reception.received import received
from momentum_trio.spool.fault import ContentDamaged, SpoolFault, SpoolSick
from momentum_trio.spool.heading import heading
from momentum_trio.spool.message import REASON_OCTETS_MAX, Conclusion, Receipt, Retry

FAULT = "451 4.3.0 [internal] fault in delivery"


@dataclass(slots=True, eq=False)
class Ending:
    """A message and how its attempt ended. said: the record of it. told: what a report would say."""

    hand: Hand
    outcome: Outcome
    said: record.Delivered | record.Failed
    told: Failure


class Round(msgspec.Struct):
    """Outcomes that are recorded together; endings by batch, for those that may be reported.

    postponed: also by ticket the time, of trio, of the next attempt.
    """

    concluded: list[tuple[int, Conclusion]] = []
    postponed: dict[int, tuple[Retry, float]] = {}
    failed: dict[str, list[Ending]] = {}
    late: dict[str, list[Ending]] = {}
    asked_for: dict[str, list[Ending]] = {}


class Settlement:
    """Ends or postpones messages in hand. Afterwards none of those it was given is in hand.

    route: of a lane, as it is now. taken: told of reports, which are new mail. delivered, failed, and tallies by
    binding: since the start.
    """

    def __init__(
        self,
        machine: Machine,
        spool: Custody,
        holdings: Holdings,
        route: Callable[[Lane], Route],
        reporter: Reporter | None,
        taken: Callable[[Receipt], None],
    ) -> None:
        self._machine, self._spool, self._holdings, self._route = machine, spool, holdings, route
        self._reporter, self._taken = reporter, taken
        self.delivered = self.failed = 0
        self.tallies = Tallies(Tally)

    async def settle(
        self,
        hands: Sequence[Hand],
        outcomes: Sequence[Outcome],
        *,
        attempted: bool = True,
        quiet: bool = False,
        told_reason: str = "",
        spread_seconds: int = 0,
    ) -> int:
        """What came of each attempt: said and recorded when it returns. Returns how many messages were given up.

        Conclusions of attempts, where there is nothing else to be recorded, are a moment later (``conclude_soon``).
        attempted: there was an attempt, else an operator or the clock decided. quiet: failures are not reported.
        told_reason: what reports say instead of the reasons that are logged. spread_seconds: retries are spread over so
        much more time.
        Cancellation: shielded, for outcomes are facts.
        """
        together = Round()
        for hand, given in zip(hands, outcomes, strict=True):
            if isinstance(given, Delivered):
                self._deliver(hand, given, together)
                continue
            outcome = transcoded(TranscodeOptions.resolve(self._chain(hand)), given)
            if isinstance(outcome, Bounced):
                ending = self._ending(hand, outcome, self._attempts(hand) + attempted, told_reason)
                together.failed.setdefault(hand.batch.batch_id, []).append(ending)
            else:
                self._defer(hand, outcome, together, spread_seconds)
        given_up = 0
        if together.failed or together.asked_for or together.late:
            with trio.CancelScope(shield=True):
                given_up = await self._tell(together, quiet=quiet)
        await self._record(together, soon=attempted)
        return given_up

    async def _tell(self, together: Round, *, quiet: bool) -> int:
        """The reports that are due. Returns how many messages were given up."""
        given_up = sum([await self._fail(endings, together, quiet=quiet) for endings in together.failed.values()])
        for endings in together.asked_for.values():
            await self._tell_of_success(endings, together)
        for endings in together.late.values():
            await self._tell_of_delay(endings, together)
        return given_up

    async def living(self, hands: list[Hand]) -> list[Hand]:
        """*hands* without those that have expired where such are not to be tried: they fail."""
        dead = [hand for hand in hands if self._is_dead(hand)]
        if not dead:
            return hands
        await self.settle(dead, [Bounced(EXPIRED_UNTRIED)] * len(dead), attempted=False)
        return [hand for hand in hands if hand not in dead]

    def _is_dead(self, hand: Hand) -> bool:
        options = self._route(hand.lane).options
        return options.never_attempts_expired and lives_on(options, self._holdings.age(hand.ticket)) <= 0

    def keep_unread(self, unread: Sequence[Unread]) -> None:
        """Messages whose envelope cannot be read wait: the operator may yet save them. Where it is damaged,
        another try will hardly help: they wait for the longest interval. What the spool has lost is forgotten.
        """
        for each in unread:
            try:
                message_id = self._spool.message_id(each.ticket)
            except KeyError:
                self._panic(f"a message for {each.lane.key[2]} is not in custody any more: forgotten")
                self._holdings.leave(each.ticket)
                continue
            self._panic(f"message {message_id} cannot be read: {each.fault}")
            options = self._route(each.lane).options
            wait = wait_seconds(options, self._holdings.roster.attempts[each.ticket])
            if isinstance(each.fault, ContentDamaged):
                wait = max(wait, options.retry_interval_max)
            self._holdings.delay(each.ticket, trio.current_time() + wait)

    # Delivered

    def _deliver(self, hand: Hand, outcome: Delivered, together: Round) -> None:
        self.delivered += 1
        hand.lane.sent += 1
        self.tallies[hand.lane.key[:2]].delivered += 1
        if self._reporter is not None and hand.message.notify.on_success and not outcome.reports_itself:
            ending = self._ending(hand, outcome, self._attempts(hand) + 1)
            self._machine.events.publish(ending.said)
            together.asked_for.setdefault(hand.batch.batch_id, []).append(ending)
        else:
            self._machine.events.publish(self._delivered(hand, outcome))
            together.concluded.append((hand.ticket, Conclusion.DELIVERED))
        self._holdings.leave(hand.ticket)

    async def _tell_of_success(self, endings: Sequence[Ending], together: Round) -> None:
        """Report deliveries and conclude them in one group; if that fails the report is lost, not the conclusion."""
        assert self._reporter is not None
        hand, outcome = endings[0].hand, endings[0].outcome
        relayed = bool(outcome.peer_address)
        concluding = [(each.hand.ticket, Conclusion.DELIVERED) for each in endings]
        try:
            told = [each.told for each in endings]
            report = await self._reporter.succeeded(self._chain(hand), hand.batch, told, relayed=relayed)
            if report is not None:
                await self._keep(report, concluding)
                return
        except (KeyError, SpoolFault) as fault:
            self._panic(f"batch {hand.batch.batch_id}: no report of its delivery: {fault}")
        together.concluded += concluding

    # Deferred

    def _defer(self, hand: Hand, outcome: Deferred, together: Round, spread_seconds: int) -> None:
        """Let a message wait for its next attempt, or have it fail when there is to be none."""
        roster, age = self._holdings.roster, self._holdings.age(hand.ticket)
        retries, route = roster.attempts[hand.ticket], self._route(hand.lane)
        self._machine.events.publish(self._failed(hand, outcome, permanent=False))
        roster.attempts[hand.ticket] = retries + 1
        wait = verdict(route.options, retries, age)
        if isinstance(wait, str):
            ended = Bounced(wait, outcome.stage, outcome.peer_address, outcome.octets)
            together.failed.setdefault(hand.batch.batch_id, []).append(self._ending(hand, ended, retries + 1))
            return
        if spread_seconds:
            wait += spread_seconds * self._machine.entropy.fraction()
        notices = _notices(hand)
        if self._reporter is not None and hand.batch.reverse_path and hand.message.notify.on_delay:
            options = DelayNoticeOptions.resolve(route.own_chain)
            if options.enable and age >= notice_age_seconds(options, notices):
                ending = self._ending(hand, outcome, retries + 1)
                together.late.setdefault(hand.batch.batch_id, []).append(ending)
                notices += 1
        self._postpone(hand, wait, outcome.reason, notices, together)

    def _postpone(self, hand: Hand, wait: float, reason: str, notices: int, together: Round) -> None:
        retry = Retry(self._attempts(hand), self._machine.clock.now() + wait, notices, reason[:REASON_OCTETS_MAX])
        together.postponed[hand.ticket] = retry, trio.current_time() + wait

    async def _tell_of_delay(self, endings: Sequence[Ending], together: Round) -> None:
        """Report a delay; if that fails it is told at a later failure."""
        assert self._reporter is not None
        hand = endings[0].hand
        left = lives_on(self._route(hand.lane).options, endings[0].said.age_seconds)
        try:
            expires_at = self._machine.clock.now() + max(left, 0.0)
            told = [each.told for each in endings]
            report = await self._reporter.delayed(self._chain(hand), hand.batch, told, expires_at)
            if report is not None:
                await self._keep(report, ())
        except (KeyError, SpoolFault) as fault:
            self._panic(f"batch {hand.batch.batch_id}: no report of its delay: {fault}")
            for each in endings:
                retry, until = together.postponed[each.hand.ticket]
                together.postponed[each.hand.ticket] = msgspec.structs.replace(retry, notices=retry.notices - 1), until

    # Failed

    async def _fail(self, endings: Sequence[Ending], together: Round, *, quiet: bool) -> int:
        """Give up messages of one batch, with a report if one is due, in one group; how many were."""
        born = [self._holdings.roster.born[each.hand.ticket] for each in endings]
        for each in endings:
            self._holdings.leave(each.hand.ticket)  # before their tickets can be another's
        concluding = [(each.hand.ticket, Conclusion.FAILED) for each in endings]
        try:
            if not await self._reported(endings, concluding, quiet=quiet):
                together.concluded += concluding
        except (KeyError, SpoolFault) as fault:
            self._panic(f"batch {endings[0].hand.batch.batch_id}: its failure cannot be reported yet: {fault}")
            for each, since in zip(endings, born, strict=True):
                self._stay(each, since, together)
            return 0
        self.failed += len(endings)
        for each in endings:
            each.hand.lane.failed += 1
            self.tallies[each.hand.lane.key[:2]].failed += 1
            self._machine.events.publish(each.said)
        return len(endings)

    async def _reported(
        self, endings: Sequence[Ending], concluding: Sequence[tuple[int, Conclusion]], *, quiet: bool
    ) -> bool:
        """Whether a report was due and is kept, and *concluding* with it. Raises KeyError, SpoolFault."""
        hand = endings[0].hand
        if self._reporter is None or quiet:
            return False
        report = await self._reporter.failed(self._chain(hand), hand.batch, [each.told for each in endings])
        if report is not None:
            await self._keep(report, concluding)
        return report is not None

    def _stay(self, ending: Ending, born: float, together: Round) -> None:
        """The report could not be made or kept, so the message is still owed."""
        hand, attempts = ending.hand, ending.told.attempts
        hand.lane = self._holdings.enter(hand.ticket, hand.lane.key, born, attempts)
        wait = wait_seconds(self._route(hand.lane).options, attempts)
        self._postpone(hand, wait, ending.told.reason, _notices(hand), together)

    # The spool

    async def _keep(self, report: Report, concluding: Sequence[tuple[int, Conclusion]]) -> None:
        """Take custody of *report* and end that of *concluding*, together. Raises SpoolFull, SpoolSick."""
        async with self._spool.begin() as entry:
            await entry.write(report.octets)
            receipt = await self._spool.commit(entry, report.batch, concluding=concluding)
        for message in receipt.batch.messages:
            self._machine.events.publish(received(receipt.batch, message))
        self._taken(receipt)

    async def _record(self, together: Round, *, soon: bool) -> None:
        """Have the spool remember the rest, all in one group. soon: conclusions may be recorded a moment later."""
        if not together.concluded and not together.postponed:
            return
        if soon and not together.postponed and self._spool.conclude_soon(together.concluded):
            return
        postponed = [(ticket, retry) for ticket, (retry, _) in together.postponed.items()]
        for ticket, (_, until) in together.postponed.items():
            self._holdings.delay(ticket, until)  # and not sooner: it could be concluded before this is recorded
        try:
            await self._spool.settle(together.concluded, postponed)
        except SpoolSick:
            pass  # it is closed: owed again at the next start, as far as it is not recorded

    # Words

    def _attempts(self, hand: Hand) -> int:
        return self._holdings.roster.attempts[hand.ticket]

    def _chain(self, hand: Hand) -> Chain:
        return self._route(hand.lane).own_chain

    def _ending(self, hand: Hand, outcome: Outcome, attempts: int, told_reason: str = "") -> Ending:
        if isinstance(outcome, Delivered):
            said: record.Delivered | record.Failed = self._delivered(hand, outcome)
            reason = ""
        else:
            said = self._failed(hand, outcome, permanent=isinstance(outcome, Bounced))
            reason = told_reason or outcome.reason
        told = Failure(hand.message, reason, outcome.peer_address, self._machine.clock.now(), attempts)
        return Ending(hand, outcome, said, told)

    def _delivered(self, hand: Hand, outcome: Delivered) -> record.Delivered:
        return record.Delivered(
            *heading(self._machine.clock.now(), hand.batch, hand.message),
            routing_domain=_routing_domain(hand),
            octets=hand.batch.octets,
            retries=self._attempts(hand),
            age_seconds=self._holdings.age(hand.ticket),
            peer_address=outcome.peer_address,
        )

    def _failed(self, hand: Hand, outcome: Deferred | Bounced, *, permanent: bool) -> record.Failed:
        return record.Failed(
            *heading(self._machine.clock.now(), hand.batch, hand.message),
            permanent=permanent,
            routing_domain=_routing_domain(hand),
            octets=outcome.octets,
            stage=outcome.stage,
            retries=self._attempts(hand),
            age_seconds=self._holdings.age(hand.ticket),
            peer_address=outcome.peer_address,
            reason=outcome.reason,
            message_octets=hand.batch.octets,
            received_at=hand.batch.received_at,
        )

    def _panic(self, text: str) -> None:
        self._machine.events.publish(record.Panic(self._machine.clock.now(), record.Level.ERROR, text))


def _routing_domain(hand: Hand) -> str:
    """Where it was tried, or would have been."""
    route = hand.lane.route
    return hand.lane.key[2] if route is None else route.domain


def _notices(hand: Hand) -> int:
    return 0 if hand.retry is None else hand.retry.notices
