"""``python -m momentum_trio.cli.reference``: print docs/options.md, from options.json and the declarations in code."""

from __future__ import annotations

import sys

from momentum_trio.cli.configuration import schema
from momentum_trio.config.manual import options_md


def main() -> int:
    """The command."""
    sys.stdout.write(options_md(schema()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
