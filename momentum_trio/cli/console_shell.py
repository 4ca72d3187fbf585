"""The interactive console: prompt, line editing, history, completion by the server, colour, paging."""

from __future__ import annotations

import os
import readline
import shlex
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from momentum_trio.cli.console_link import Endpoint, Gone, Link, reason
from momentum_trio.protocol.console.frame import Banner, Form, RemoteProtocolError

RULE = "#" * 46
HINT = "'help' lists the commands, Tab completes, \\pager pages long output, 'quit' ends."
HISTORY_LINES = 1000
MODE = 0o600
HISTORY_FILE = ".ec_console_history"
BOLD, RED, PLAIN = "\033[1m", "\033[31m", "\033[0m"
UNSEEN = "\001{}\002"
"""What readline is told to have no width."""


def banner(said: Banner) -> str:
    """What is shown at connect (spec/console.md section 1)."""
    lines = (f"{said.product} version: {said.version}", *said.notice)
    return "\n".join([RULE, *(f"# {line}" for line in lines), RULE])


def visible(text: str) -> str:
    """*text* with control characters shown rather than sent to the terminal: it may have come from mail."""
    return "".join(c if c in "\n\t" or c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def wants_colours(environment: Mapping[str, str]) -> bool:
    """Whether the terminal is to have colours: NO_COLOR (no-color.org) says no, and one that is dumb has none."""
    return not environment.get("NO_COLOR") and environment.get("TERM", "dumb") != "dumb"


class Shell:
    """One interactive session; a link the server dropped for idleness is opened again when it is needed.

    open: makes a link. Raises what Link does.
    """

    def __init__(self, endpoint: Endpoint, link: Link, form: Form, reopen: Callable[[], Link]) -> None:
        self.endpoint, self.link, self.form, self.reopen = endpoint, link, form, reopen
        self.paging = False
        self.colours = wants_colours(os.environ)
        self._candidates: list[str] = []

    def run(self) -> int:
        """Converse until ``quit`` or end of input. Returns the exit status."""
        self._prepare()
        print(banner(self.link.banner))
        print(HINT)
        try:
            while True:
                try:
                    line = input(self._prompt()).strip()
                    if line == "quit":
                        return 0
                    self._take(line)
                except EOFError:
                    print()
                    return 0
                except KeyboardInterrupt:
                    print("^C")
        finally:
            self._keep_history()
            self.link.close()

    def _prompt(self) -> str:
        """Where we are (spec/console.md section 1)."""
        text = f"{time.strftime('%H:%M:%S')} {self.endpoint.text}> "
        return UNSEEN.format(BOLD) + text + UNSEEN.format(PLAIN) if self.colours else text

    def _take(self, line: str) -> None:
        if line == "\\pager":
            self.paging = not self.paging
            print(f"Paging is {'on' if self.paging else 'off'}.")
        elif line:
            self._ask(line)

    def _ask(self, line: str) -> None:
        parts: list[str] = []
        confidential = failed = False
        try:
            self._ensure_link()
            ended = self.link.command(line, self.form, parts.append)
            confidential, failed = ended.confidential, ended.status != "ok"
        except Gone as farewell:
            print(f"The server closed the connection: {farewell}")
        except (OSError, RemoteProtocolError, ValueError) as error:
            print(f"No answer: {reason(error, self.endpoint)}")
            self.link.close()
        except KeyboardInterrupt:
            self.link.close()  # the rest of the reply would be taken for the next one's
            raise
        if not confidential:
            readline.add_history(line)
        self._show(visible("".join(parts)), failed=failed)

    def _ensure_link(self) -> None:
        if not self.link.alive():
            self.link.close()
            self.link = self.reopen()
            print("(connected again)")

    def _show(self, text: str, *, failed: bool) -> None:
        if self.paging and text.count("\n") >= shutil.get_terminal_size().lines:
            subprocess.run(shlex.split(os.environ.get("PAGER") or "more"), input=text, text=True, check=False)
        elif failed and self.colours:
            print(f"{RED}{text}{PLAIN}", end="")
        else:
            print(text, end="")

    def _complete(self, word: str, state: int) -> str | None:
        """readline's way to ask: the candidate number *state* for *word*, None after the last."""
        if state == 0:
            self._candidates = self._ask_candidates(readline.get_line_buffer()[: readline.get_endidx()])
        return self._candidates[state] if state < len(self._candidates) else None

    def _ask_candidates(self, line: str) -> list[str]:
        try:
            self._ensure_link()
            answer = self.link.complete(line)
        except (OSError, RemoteProtocolError, Gone, ValueError):
            return []
        if answer.start != readline.get_begidx():
            return []
        ending = " " if len(answer.candidates) == 1 else ""
        return [visible(candidate) + ending for candidate in answer.candidates]

    def _prepare(self) -> None:
        libedit = "libedit" in (readline.__doc__ or "")
        readline.parse_and_bind("bind ^I rl_complete" if libedit else "tab: complete")
        readline.set_completer(self._complete)
        readline.set_completer_delims(" \t")
        readline.set_auto_history(False)
        try:
            readline.read_history_file(_history())
        except OSError:
            pass  # there is none yet

    def _keep_history(self) -> None:
        """Write the history for its owner alone; lines the server called confidential are not in it."""
        readline.set_history_length(HISTORY_LINES)
        try:
            made = os.open(_history(), os.O_CREAT | os.O_WRONLY | os.O_NOFOLLOW, MODE)
            os.fchmod(made, MODE)  # an older one may be open to others
            os.close(made)
            readline.write_history_file(_history())
        except OSError:
            pass  # no home, no history


def _history() -> Path:
    return Path(os.environ.get("EC_CONSOLE_HISTORY") or Path.home() / HISTORY_FILE)
