"""Reports of what became of mail, to whoever sent it: when one is due, to whom, and what it returns.

A report is a batch of its own with the null reverse-path and the protocol INTERNAL. Nothing is ever reported about
such a batch, and about mail with the null reverse-path only to ``MDN_Failures_Notify``: so no report has another in
its wake but that one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from momentum_trio.config.binding import DEFAULT, Binding
from momentum_trio.config.chain import Chain
from momentum_trio.delivery.custody import Contents
from momentum_trio.delivery.report_contract import Failure, Report
from momentum_trio.delivery.report_options import ReportOptions
from momentum_trio.machine import Machine
from momentum_trio.mail.header import section_end
from momentum_trio.mail.identifier import NONE
from momentum_trio.mail.notice import Action, Fate, Notice, Returned, render, returnable
from momentum_trio.mail.path import NULL_REVERSE_PATH
from momentum_trio.reception.reception_options import DefaultBindingOptions, NameOptions
from momentum_trio.reception.trace import message_id
from momentum_trio.spool.fault import SpoolFault
from momentum_trio.spool.message import Batch, Message

INTERNAL: Final = "internal"
"""The protocol of reports, as R records name it."""

RETURNED_OCTETS_MAX: Final = 100 * 1024
"""Messages that are longer are not returned whole, and of a header section that is longer the rest is left out."""

SECRET_OCTETS: Final = 12

RENDERED_AT_ONCE_MAX: Final = 100
"""Recipients of a report that is put together in the event loop, in some milliseconds; for more a worker does it."""


class Reporter:
    """Makes reports. contents: where the mail they are about is read; next_id: ``Spool.next_id``.

    A report is not committed here: whoever does publishes ``reception.received`` of its one message.
    Cancellation: nothing was made.
    """

    def __init__(self, machine: Machine, contents: Contents, next_id: Callable[[], str]) -> None:
        self._machine, self._contents, self._next_id = machine, contents, next_id

    async def failed(self, chain: Chain, batch: Batch, failures: Sequence[Failure]) -> Report | None:
        """Messages of *batch* are given up. None: nobody wants to know."""
        options = ReportOptions.resolve(chain)
        if not options.generate_bounces:
            return None
        if batch.reverse_path == NULL_REVERSE_PATH:  # the operator's mailbox is told whatever NOTIFY says
            return await self._report(Action.FAILED, chain, batch, failures, options.failures_notify)
        wanted = [failure for failure in failures if failure.message.notify.on_failure]
        return await self._report(Action.FAILED, chain, batch, wanted, batch.reverse_path)

    async def delayed(self, chain: Chain, batch: Batch, delays: Sequence[Failure], expires_at: float) -> Report | None:
        """Messages of *batch* still wait, until *expires_at* at most. Whether it is time to say so the caller knows."""
        wanted = [delay for delay in delays if delay.message.notify.on_delay]
        return await self._report(Action.DELAYED, chain, batch, wanted, batch.reverse_path, expires_at)

    async def succeeded(
        self, chain: Chain, batch: Batch, successes: Sequence[Failure], *, relayed: bool
    ) -> Report | None:
        """Messages of *batch* were delivered; *relayed*: handed to a host that does not know DSN (RFC 3461 5.2.2)."""
        wanted = [success for success in successes if success.message.notify.on_success]
        action = Action.RELAYED if relayed else Action.DELIVERED
        return await self._report(action, chain, batch, wanted, batch.reverse_path)

    async def _report(
        self,
        action: Action,
        chain: Chain,
        batch: Batch,
        told: Sequence[Failure],
        sender: str,
        retry_until: float = 0.0,
    ) -> Report | None:
        if not told or not sender or batch.protocol == INTERNAL:
            return None
        options = ReportOptions.resolve(chain)
        returned, original = await self._returned(action, options, batch)
        now, report_id = self._machine.clock.now(), self._next_id()
        host = NameOptions.resolve(chain).hostname or self._machine.process.hostname
        notice = Notice(
            action=action,
            host=host,
            author=options.mailer_daemon or f"mailer-daemon@{host}",
            sender=sender,
            message_id=message_id(report_id, host),
            secret=self._machine.entropy.octets(SECRET_OCTETS).hex(),
            at=now,
            arrived_at=batch.received_at,
            envelope_id=batch.envelope_id,
            fates=tuple(_fate(each) for each in told),
            retry_until=retry_until,
            returned=returned,
            original=original,
        )
        octets = await self._rendered(notice)
        return Report(_batch(report_id, now, sender, octets, _binding(chain, batch)), octets)

    async def _rendered(self, notice: Notice) -> bytes:
        if len(notice.fates) <= RENDERED_AT_ONCE_MAX:
            return render(notice)
        return await self._machine.work.run(lambda: render(notice))

    async def _returned(self, action: Action, options: ReportOptions, batch: Batch) -> tuple[Returned, bytes]:
        """What of *batch*'s content goes back. Content that cannot be read is left out: the report says enough."""
        if options.inline_original == "none":
            return Returned.NOTHING, b""
        try:
            content = await self._contents.read(batch.batch_id, 0, RETURNED_OCTETS_MAX)
        except (KeyError, SpoolFault):
            return Returned.NOTHING, b""
        end = section_end(content)
        header = content[: end if end >= 0 else content.rfind(b"\n") + 1]  # whole lines
        is_whole = len(content) == batch.octets
        if is_whole and _wants_whole(action, options, batch) and returnable(content, len(header)):
            return Returned.ALL, content
        return (Returned.HEADERS, header) if header else (Returned.NOTHING, b"")


def _wants_whole(action: Action, options: ReportOptions, batch: Batch) -> bool:
    """Whether the sender wants all, or the operator where he did not say; only for failures (RFC 3461 section 4.3)."""
    if action is not Action.FAILED:
        return False
    return batch.returns == "FULL" if batch.returns else options.inline_original == "all"


def _fate(failure: Failure) -> Fate:
    message = failure.message
    return Fate(
        message.forward_path,
        message.original_recipient,
        failure.reason,
        failure.peer,
        failure.at,
        failure.attempts,
    )


def _binding(chain: Chain, batch: Batch) -> Binding:
    """A report goes out by the default binding; where there is none to be, by that of the mail it is about."""
    if DefaultBindingOptions.resolve(chain).default_binding == "none":
        return Binding(batch.binding_group, batch.binding)
    return DEFAULT


def _batch(report_id: str, now: float, sender: str, octets: bytes, binding: Binding) -> Batch:
    return Batch(
        batch_id=report_id,
        connection_id=NONE,
        received_at=now,
        reverse_path=NULL_REVERSE_PATH,
        messages=(Message(report_id, sender),),
        octets=len(octets),
        peer_address="unknown",
        protocol=INTERNAL,
        binding_group=binding.group,
        binding=binding.name,
        body="" if octets.isascii() else "8BITMIME",
        smtputf8=not sender.isascii(),
    )
