"""``ec_dump_config``: the configuration as it holds, includes resolved and scopes merged.

The original prints XML whose element names are documented nowhere; ours prints the language itself, or JSON.
``--origin`` adds the place of every value. Secrets are not printed. Exit status 0 good, 2 when the configuration is
not.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from functools import partial

from momentum_trio.cli.configuration import checked_tree, default_file
from momentum_trio.cli.output import for_operators
from momentum_trio.config.dump import as_conf, as_json
from momentum_trio.config.error import render


def main(arguments: Sequence[str] | None = None) -> int:
    """The program. arguments: in place of the command line's. Returns its exit status."""
    parser = argparse.ArgumentParser(prog="ec_dump_config", description="Print the configuration as it holds.")
    parser.add_argument("-c", dest="file", metavar="FILE", default=default_file(), help="default: %(default)s")
    parser.add_argument("-e", dest="extensions", metavar="DIR", help="taken for compatibility, without effect")
    parser.add_argument("-f", dest="out", metavar="OUT", help="write there instead of to stdout")
    parser.add_argument("--origin", action="store_true", help="say where each value was written")
    parser.add_argument("--format", choices=("conf", "json"), default="conf")
    asked = parser.parse_args(arguments)
    return for_operators("ec_dump_config", partial(_run, asked))


def _run(asked: argparse.Namespace) -> int:
    tree = checked_tree(asked.file)
    if tree.warnings:
        print(render(tree.warnings, tree.sources()), file=sys.stderr)
    if asked.format == "json":
        text = json.dumps(as_json(tree, origin=asked.origin), indent=1) + "\n"
    else:
        text = as_conf(tree, origin=asked.origin)
    if asked.out is None:
        sys.stdout.write(text)
        return 0
    try:
        with open(asked.out, "w", encoding="utf-8") as out:
            out.write(text)
    except OSError as error:
        print(f"{asked.out}: {error.strerror}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
