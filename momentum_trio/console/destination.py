"""How commands about mail name where it goes."""

from __future__ import annotations

from momentum_trio.mail.path import domain


def destination(word: str) -> str:
    """The routing domain that *word* names, as queues have it: in any case, with U-labels, with a dot at its end.

    What is no domain, ``all`` or a pattern, stays what it is, in lower case.
    """
    try:
        return domain(word.removesuffix("."), international=True)
    except ValueError:
        return word.lower()
