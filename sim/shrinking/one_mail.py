"""One message instead of many: the one that the violation is about, met by what the many met."""

from __future__ import annotations

from dataclasses import replace

from ..scenario import FaultKind
from .hosts import with_behaviour
from .search import Search
from .times import TAIL_SECONDS

STEPS_TRIED = 60  # of the disk, at which the power is cut under a single message
CHANCES_TRIED = 40  # of syncs that fail, under a single message
OFTEN = 0.5  # reads and writes are cut short, where that matters and there is a single message
BEFORE_SECONDS = 1.0  # that such a message comes after the fault was armed


def one_mail(search: Search) -> None:
    """Only one mail that the violation is about, at the time it was sent: it may have waited for others until then."""
    best = search.best
    for mail in search.named if len(best.mails) > 1 else ():
        times = [mail.at_seconds, *[round(seconds, 6) for seconds in search.sent_at[mail.name]]]
        alone = [replace(best, mails=(replace(mail, at_seconds=seconds),)) for seconds in dict.fromkeys(times)]
        if search.first_of((each, f"only {mail.name}") for each in alone):
            return
        often = [replace(each, short_share=OFTEN) for each in alone if best.short_share]
        if search.first_of((each, f"only {mail.name}, cut short often") for each in often):
            return


def one_mail_and_a_step(search: Search) -> None:
    """Power cut at a step of the disk: with fewer messages that is another step, so each of the first is tried.

    So it is where the power fails at a time: with fewer messages the disk does something else then.
    """
    best, mail = search.best, search.mail
    cuts = [fault for fault in best.faults if fault.kind in (FaultKind.POWER_AT_STEP, FaultKind.POWER)]
    if mail is None or not cuts or (len(best.mails) == 1 and len(best.faults) <= 2):
        return
    fault = replace(
        cuts[0],
        kind=FaultKind.POWER_AT_STEP,
        at_seconds=0.0,
        seconds=min(cuts[0].seconds or TAIL_SECONDS, TAIL_SECONDS),
    )
    others = tuple([other for other in best.faults if other not in cuts])
    alone = replace(best, mails=(replace(mail, at_seconds=BEFORE_SECONDS),))
    for kept in dict.fromkeys(((), others[:1])):
        for amount in range(1, STEPS_TRIED + 1):
            candidate = replace(alone, faults=(*kept, replace(fault, amount=float(amount))))
            if search.try_(candidate, f"only {mail.name}, power cut at step {amount}", schedules=1):
                return


def one_mail_and_a_chance(search: Search) -> None:
    """Where syncs fail now and then, other chances: what is drawn for a fault depends on when it begins."""
    best, mail = search.best, search.mail
    for index, fault in enumerate(best.faults):
        if mail is None or fault.kind is not FaultKind.SYNC_ERROR or len(best.mails) <= 1:
            continue
        alone = replace(best, mails=(replace(mail, at_seconds=fault.at_seconds + BEFORE_SECONDS),))
        for number in range(CHANCES_TRIED):
            began = round(fault.at_seconds + number / 100, 2)
            chance = replace(fault, at_seconds=began, seconds=max(fault.seconds, 2 * BEFORE_SECONDS), amount=0.5)
            candidate = replace(alone, faults=(*best.faults[:index], chance, *best.faults[index + 1 :]))
            if search.try_(candidate, f"only {mail.name}, other chances", schedules=1):
                return


def one_mail_and_a_sink_at_once(search: Search) -> None:
    """Where a sink behaves so now and then: it does the first time, so that one message is enough to meet it."""
    best, mail = search.best, search.mail
    if mail is None or len(best.mails) <= 1:
        return
    alone = replace(best, mails=(mail,))
    for host in best.hosts:
        for behaviour in host.sink.behaviours:
            if behaviour.share < 1:
                once = with_behaviour(alone, host.name, behaviour, (replace(behaviour, share=1.0, times=1),))
                if search.try_(once, f"only {mail.name}, {host.name} at once {behaviour.name}"):
                    return


def no_descriptor_left(search: Search) -> None:
    """Where descriptors run out: none is left from the beginning, so that one message is enough to miss one."""
    best, mail = search.best, search.mail
    for index, fault in enumerate(best.faults):
        if mail is not None and fault.kind is FaultKind.DESCRIPTORS and len(best.mails) > 1:
            faults = (*best.faults[:index], replace(fault, amount=0.0), *best.faults[index + 1 :])
            alone = (replace(mail, at_seconds=fault.at_seconds),)
            search.try_(replace(best, faults=faults, mails=alone), f"only {mail.name}, and no descriptor left")


def a_mail_and_a_rotten_one(search: Search) -> None:
    """The mail that the violation is about and one that rotted, both when that was sent, by sessions alike."""
    best, mail = search.best, search.mail
    if mail is None or len(best.mails) <= 2:
        return
    for rotten in search.rotten:
        for seconds in dict.fromkeys(search.sent_at[mail.name]):
            pair = [
                replace(each, at_seconds=round(seconds, 6), session=2 * number)
                for number, each in enumerate((rotten, mail))
            ]
            if rotten != mail and search.try_(replace(best, mails=tuple(pair)), f"only {rotten.name} and {mail.name}"):
                return
