"""When all is mended, members see within a stated time who is in their groups, and hear what is said there then."""

from __future__ import annotations

from collections.abc import Iterator

from momentum_trio.net.group import Told

from ..evidence import Evidence, Violation
from ..evs import word

NAME = "views_right"


def views_right(evidence: Evidence) -> Iterator[Violation]:
    """At most one for views, and one for what was said last."""
    history = evidence.bus
    if history.settled_after is None:
        text = f"not right {history.settle_limit_seconds:g} s after all was mended: {'; '.join(history.wrong)}"
        yield Violation(NAME, text)
        return
    heard: dict[str, dict[bytes, None]] = {}
    for entry in history.entries:
        if isinstance(entry.deed, Told):
            heard.setdefault(entry.host, {})[entry.deed.octets] = None
    for host, group, octets in history.last_words:
        if octets not in heard.get(host, {}):
            text = f"{word(octets)} was said in {group} when all views were right, and {host} was not told"
            yield Violation(NAME, text, host=host)
            return
