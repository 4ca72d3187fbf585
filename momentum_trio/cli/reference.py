"""``python -m momentum_trio.cli.reference PAGE``: print a page of docs/ that is made from the declarations in code."""

from __future__ import annotations

import sys

from momentum_trio.cli.configuration import schema
from momentum_trio.config.manual import options_md
from momentum_trio.metrics.manual import metrics_md
from momentum_trio.protocol.events.manual import event_types_md

OPTIONS = "options"
PAGES = {OPTIONS: lambda: options_md(schema()), "event-types": event_types_md, "metrics": metrics_md}


def main(page: str = OPTIONS) -> int:
    """The command. *page* is one of PAGES."""
    sys.stdout.write(PAGES[page]())
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
