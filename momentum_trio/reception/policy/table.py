"""The rows of policy in the order in which they are asked, behind reception/checks.py's checks for the same step."""

from __future__ import annotations

from collections.abc import Sequence

from momentum_trio.config.chain import Chain
from momentum_trio.reception.policy.dnsbl import ListCheck, Lists
from momentum_trio.reception.policy.hello import HelloCheck
from momentum_trio.reception.policy.plugin import Plugin
from momentum_trio.reception.policy.row import Row, Rows, by_phase
from momentum_trio.reception.reception_options import ReceptionOptions
from momentum_trio.reception.screening_options import ScreeningOptions

BYPASS = "__bypass_"
"""Begins a name in Context that, being true, leaves out the row it ends with (the manual, section 62.1.2)."""


def rows_of(chain: Chain, lists: Lists | None, plugins: Sequence[Plugin]) -> Rows:
    """Those that are asked about a client whose options are *chain*'s. plugins: in the order of the text."""
    options = ScreeningOptions.resolve(chain)
    rows: tuple[Row, ...] = (
        *HelloCheck.wanted(options),
        *ListCheck.wanted(options, lists),
        *plugins,
    )
    left_out = bypassed(ReceptionOptions.resolve(chain).context) if rows else ()
    return by_phase(row for row in rows if row.name not in left_out)


def bypassed(context: Sequence[tuple[str, str]]) -> frozenset[str]:
    """The names of rows that *context* leaves out."""
    names = (name.removeprefix(BYPASS) for name, value in context if name.startswith(BYPASS) and value == "true")
    return frozenset(names)
