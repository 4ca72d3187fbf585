"""python -m momentum_trio: the host, as ``ecelerity`` starts it."""

from __future__ import annotations

import sys

from momentum_trio.cli.ecelerity import main

sys.exit(main())
