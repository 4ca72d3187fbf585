"""eccmgr -c FILE [--check-config] [--version]: the manager of a cluster, in the foreground.

It commands the nodes from its console and gathers their logs; it carries no mail. Prints what ``ecelerity`` prints, and
ends with the same statuses.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from momentum_trio.cli.ecelerity import serve
from momentum_trio.node.eccmgr import MANAGER

DESCRIPTION = "The manager of a cluster, in the foreground. SIGTERM or Ctrl-C ends it."


def main(arguments: Sequence[str] | None = None) -> int:
    """The program. Returns its exit status."""
    return serve(MANAGER, DESCRIPTION, arguments)


if __name__ == "__main__":
    sys.exit(main())
