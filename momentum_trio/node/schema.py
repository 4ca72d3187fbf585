"""Every option that code declares: the tools and the node overlay options.json with these.

Imports no trio: one-shot tools load it.
"""

from __future__ import annotations

from typing import Any

from momentum_trio.config.option import Option

DECLARED: tuple[Option[Any], ...] = ()
