"""``ec_console [--json] [--password-file PATH] [[user@]endpoint] [command ...]``: speak to a Control_Listener.

Endpoint: ``/path``, ``address:port``, ``host:port``, ``[v6]:port``, ``tls://host:port``; default: $CONTROL, /tmp/2025.
With a command it is run, its output printed, and the exit status says whether it did what it says (0) or not (1).
Without one, and with a terminal at both ends, an interactive session begins; otherwise commands are read from standard
input, one a line. 1 is also the status when there is no connection or no entry, 2 when the arguments are wrong.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from momentum_trio import __version__
from momentum_trio.cli.console_link import DEFAULT_ENDPOINT, Endpoint, Gone, Link, RemoteProtocolError, reason
from momentum_trio.cli.console_password import Credentials, entered
from momentum_trio.protocol.console.frame import Form

TIMEOUT_SECONDS = 60.0
"""Silence of the server after which we give up (Control_Client_Timeout of the original)."""
EPILOG = """\
endpoint: /path, address:port, host:port or [v6]:port; default: $CONTROL, else /tmp/2025
          tls:// in front: over TLS, with a server that proves its name by a certificate
command:  'help' lists them; without one, commands are read from standard input, one a line, or typed at a prompt
password: asked for at the terminal where the server wants one; for scripts in --password-file or $EC_CONSOLE_PASSWORD

exit status: 0 all done; 1 a command failed, nobody answered, or we were not let in; 2 wrong arguments

  ec_console /tmp/2025 summary
  ec_console /tmp/2025 config set esmtp_listener idle_time 60
  ec_console --json /tmp/2025 listeners
"""
NEEDS_QUOTES = frozenset(" \t\r\n#\"'")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the tool; returns the exit status."""
    options = _parser().parse_args(arguments)
    words: list[str] = options.words
    place = os.environ.get("CONTROL") or DEFAULT_ENDPOINT
    if words and Endpoint.looks_like_one(words[0]):
        place = words.pop(0)
    if words[:1] == ["--json"]:
        options.json = bool(words.pop(0))
    try:
        endpoint = Endpoint.parse(place)
    except ValueError as error:
        print(f"ec_console: {error}", file=sys.stderr)
        return 2
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    try:
        credentials = Credentials(endpoint.user, options.password_file)
        link = partial(entered, endpoint, options.timeout, options.tls_ca, credentials)
        return _converse(endpoint, words, "json" if options.json else "text", link)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or the interpreter complains at its end
        return 1
    except (OSError, Gone, RemoteProtocolError, ValueError) as error:
        print(f"ec_console: {endpoint.text}: {reason(error, endpoint)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _converse(endpoint: Endpoint, words: Sequence[str], form: Form, connect: Callable[[], Link]) -> int:
    link = connect()
    if not words and sys.stdin.isatty() and sys.stdout.isatty():
        from momentum_trio.cli.console_shell import Shell

        return Shell(endpoint, link, form, connect).run()
    try:
        if words:
            return _run(link, command_line(words), form)
        return max([_run(link, line, form) for line in _lines()], default=0)
    finally:
        link.close()


def _run(link: Link, line: str, form: Form) -> int:
    ended = link.command(line, form, sys.stdout.write)
    sys.stdout.flush()
    return 0 if ended.status == "ok" else 1


def _lines() -> Iterator[str]:
    """The commands on standard input as they come, up to ``quit``."""
    for line in map(str.strip, sys.stdin):
        if line == "quit":
            return
        if line:
            yield line


def command_line(words: Sequence[str]) -> str:
    """The words a shell handed over as one command line.

    A single word is the whole line. Of several, one that holds blanks, quotes or ``#`` lost its own quotes to the shell
    and gets them back, unless it is a bracketed list, or quoted once more.
    """
    return words[0] if len(words) == 1 else " ".join(map(_quoted, words))


def _quoted(word: str) -> str:
    if word and (not NEEDS_QUOTES & set(word) or word[0] + word[-1] in ("()", "[]", '""', "''")):
        return word
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r")
    return f'"{escaped}"'


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "ec_console",
        usage="%(prog)s [--json] [--timeout SECONDS] [--password-file PATH] [[user@]endpoint] [command ...]",
        description="Speak to a Control_Listener: one command, or an interactive session without one.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--json", action="store_true", help="ask for replies as JSON")
    parser.add_argument(
        "--timeout", type=float, default=TIMEOUT_SECONDS, metavar="SECONDS", help="silence tolerated (60)"
    )
    parser.add_argument("--password-file", default="", metavar="PATH", help="its first line is the password")
    parser.add_argument("--tls-ca", default="", metavar="PATH", help="issuers of the server's certificate (PEM)")
    parser.add_argument("--version", action="version", version=f"ec_console {__version__}")
    parser.add_argument("words", nargs=argparse.REMAINDER, metavar="endpoint, command", help=argparse.SUPPRESS)
    return parser


if __name__ == "__main__":
    sys.exit(main())
