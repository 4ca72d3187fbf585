"""Conversations with a console, as text: what is typed after ``> ``, or ``! `` where it fails, then the answer."""

from __future__ import annotations


def exchanges(conversation: str) -> list[tuple[str, str, str]]:
    """Mark, line and answer of each exchange."""
    found: list[tuple[str, str, str]] = []
    for line in conversation.strip("\n").split("\n"):
        if line[:2] in ("> ", "! "):
            found.append((line[0], line[2:], ""))
        else:
            mark, typed, answer = found[-1]
            found[-1] = (mark, typed, f"{answer}{line}\n")
    return found
