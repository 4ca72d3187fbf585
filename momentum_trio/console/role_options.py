"""The option of a Role (spec/console.md section 3)."""

from __future__ import annotations

from momentum_trio.config.kind import PATTERNS
from momentum_trio.config.option import Option, Options
from momentum_trio.config.scope import scopes


class RoleOptions(Options):
    """What a ``Role`` scope lets its users do at the console."""

    allow = Option(
        "allow",
        PATTERNS,
        (),
        scopes("role"),
        "Patterns of RE2, looked for anywhere in the whole command line, case counting; the first found allows it.",
    )
