"""Small letters: one recipient, little content, not in chunks, of a client that stays."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from ..scenario import Leaving, Mail, Scenario
from .search import Search

SMALL_OCTETS = (300, 5_000)  # sizes tried for a letter, the smallest first


def smaller_mails(search: Search) -> None:
    """One recipient, little content, not in chunks, a client that stays."""
    for index in range(len(search.best.mails)):
        mail = search.best.mails[index]
        if len(mail.forward_paths) > 1:
            search.first_of(
                changed_mail(search.best, index, [("forward_paths", (path,)) for path in mail.forward_paths])
            )
        sizes = [octets for octets in SMALL_OCTETS if octets < mail.octets]
        search.first_of(changed_mail(search.best, index, [("octets", octets) for octets in sizes]))
        search.first_of(changed_mail(search.best, index, [("chunks", ()), ("chunks", mail.chunks[:1])]))
        search.first_of(changed_mail(search.best, index, [("leaves", Leaving.NEVER)]))


def changed_mail(
    scenario: Scenario, index: int, values: Iterable[tuple[str, object]]
) -> Iterator[tuple[Scenario, str]]:
    mails = scenario.mails
    for name, value in values:
        changed: Mail = replace(mails[index], **{name: value})  # type: ignore[arg-type]
        if changed != mails[index]:
            yield replace(scenario, mails=(*mails[:index], changed, *mails[index + 1 :])), f"{changed.name}: {name}"
