"""``ec_sim console FILE``: a running world in one's own hands. Exit status: the verdict's, once it is judged."""

from __future__ import annotations

import argparse
import readline
import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..evidence import Result
from ..hand.line import Misunderstood
from ..scenario import Scenario
from ..scenario_text import write
from ..shrinking.search import broken
from ..surroundings import hash_seed_of, settle
from .command import EXIT_HELD, Command, UsageError, add_file, add_seed, scenario_in, write_file
from .provenance import of_this_process

if TYPE_CHECKING:
    from ..hand.session import Session


def _options(parser: argparse.ArgumentParser) -> None:
    add_file(parser)
    add_seed(parser)


def _act(asked: argparse.Namespace) -> int:
    scenario = scenario_in(asked.file)
    seed: int = scenario.seed if asked.seed is None else asked.seed
    settle(hash_seed_of(seed) if asked.hash_seed is None else asked.hash_seed)
    return converse(scenario, seed)


def converse(scenario: Scenario, seed: int) -> int:
    """A session on stdin and stdout. Returns the exit status."""
    from ..hand.session import Session

    shell = Shell(seed)
    session = Session(scenario, seed, shell.ask, print, shell.keep)
    shell.attend(session)
    before = signal.signal(signal.SIGINT, shell.interrupted)
    try:
        session.run()
    finally:
        signal.signal(signal.SIGINT, before)
    return EXIT_HELD if session.result is None else session.result.verdict.value


class Shell:
    """Reads lines, completes words, writes files. Lines that are not typed at a terminal are shown."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._typed = sys.stdin.isatty()
        self._asking = False
        self._session: Session
        self._candidates: list[str] = []
        self._kept: dict[str, None] = {}

    def attend(self, session: Session) -> None:
        """That is whose lines are read."""
        self._session = session
        if self._typed:
            libedit = "libedit" in (readline.__doc__ or "")
            readline.parse_and_bind("bind ^I rl_complete" if libedit else "tab: complete")
            readline.set_completer(self._complete)
            readline.set_completer_delims(" \t")

    def ask(self, prompt: str) -> str | None:
        """The next line; None when there is none any more."""
        self._asking = True
        try:
            line = input(prompt)
        except EOFError:
            print()
            return None
        except UnicodeDecodeError:
            return "#"
        except KeyboardInterrupt:
            print("^C")
            return ""
        finally:
            self._asking = False
        if not self._typed:
            print(line)
        return line

    def interrupted(self, *_: object) -> None:
        """SIGINT: forget the line, or have the world stand still."""
        if self._asking:
            raise KeyboardInterrupt
        self._session.interrupt()

    def keep(self, scenario: Scenario, name: str, result: Result | None) -> None:
        """Write it with its seed, and what is known of the run if it was judged. Overwrites what it wrote itself."""
        path = Path(name)
        if path.exists() and name not in self._kept:
            raise Misunderstood(f"there is a {name} already")
        said = "# Played by hand"
        if result is not None:
            provenance = of_this_process(broken(result)[0] if result.violations else "nothing", result.digest)
            said = f"{said}; to see it again: python -m sim replay {name}\n{provenance.text}"
        try:
            write_file(path, f"{said}\n{write(replace(scenario, seed=self._seed), str(path.parent))}")
        except UsageError as wrong:
            raise Misunderstood(str(wrong)) from wrong
        self._kept[name] = None

    def _complete(self, _: str, state: int) -> str | None:
        """readline's way to ask: the candidate number *state*, None after the last."""
        if state == 0:
            self._candidates = self._session.candidates(readline.get_line_buffer()[: readline.get_endidx()])
        return f"{self._candidates[state]} " if state < len(self._candidates) else None


COMMAND = Command(_options, _act)
