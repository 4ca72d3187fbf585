"""The rows of policy in the order in which they are asked, behind reception/checks.py's checks for the same step."""

from __future__ import annotations

from collections.abc import Sequence

from momentum_trio.config.chain import Chain
from momentum_trio.reception.policy.desk import Desk
from momentum_trio.reception.policy.dnsbl import ListCheck, Lists
from momentum_trio.reception.policy.hello import HelloCheck
from momentum_trio.reception.policy.mail_authentication import authentication_rows
from momentum_trio.reception.policy.milter import Milter
from momentum_trio.reception.policy.modules import Modules
from momentum_trio.reception.policy.plugin import Plugin
from momentum_trio.reception.policy.row import Row, Rows, by_phase, bypassed
from momentum_trio.reception.reception_options import ReceptionOptions
from momentum_trio.reception.screening_options import ScreeningOptions


def rows_of(
    chain: Chain,
    lists: Lists | None,
    desk: Desk | None,
    modules: Modules,
    plugins: Sequence[Plugin],
    milters: Sequence[Milter] = (),
) -> Rows:
    """Those that are asked about a client whose options are *chain*'s. plugins, milters: in the order of the text.

    Milters come last: what they are told of others have accepted, and nobody changes the content behind them.
    """
    options = ScreeningOptions.resolve(chain)
    rows: tuple[Row, ...] = (
        *HelloCheck.wanted(options),
        *ListCheck.wanted(options, lists),
        *(authentication_rows(modules, chain, desk) if desk is not None else ()),
        *plugins,
        *milters,
    )
    left_out = bypassed(ReceptionOptions.resolve(chain).context) if rows else frozenset()
    return by_phase(row for row in rows if row.name not in left_out)
