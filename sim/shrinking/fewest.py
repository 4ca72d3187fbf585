"""Fewer faults and fewer messages, by leaving them out."""

from __future__ import annotations

from dataclasses import replace

from .search import Search


def fewer_faults(search: Search) -> None:
    search.fewest(search.best.faults, lambda faults: replace(search.best, faults=faults), "fault")


def fewer_mails(search: Search) -> None:
    search.fewest(search.best.mails, lambda mails: replace(search.best, mails=mails), "message")
