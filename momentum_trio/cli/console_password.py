"""The password for a server that asks for one: from a file, the environment, or the terminal; never a command line."""

from __future__ import annotations

import getpass
import os
import sys

from momentum_trio.cli.console_link import Endpoint, Gone, Link

ENVIRONMENT = "EC_CONSOLE_PASSWORD"
DEMANDED = "Authorization required for console session"
PROMPT = "Password:"
_OTHERS = 0o077


class Credentials:
    """Who we say we are. user: the login name where it is empty. path: of a file whose first line is the password."""

    def __init__(self, user: str, path: str) -> None:
        self._user, self._path = user, path
        self._accepted = ""

    def prove(self, link: Link) -> None:
        """Authenticate if *link* demands it; a password that was taken is kept for the links that follow.

        Whoever types is asked as often as the server lets him. Raises what ``Link`` does, and Gone without a password.
        """
        if not link.banner.mechanisms:
            return
        user = self._user or getpass.getuser()
        password, is_typed = self._password()
        while not link.authenticate(user, password):
            if not is_typed:
                raise Gone("authentication failed")
            password = _typed("authentication failed")
        self._accepted = password

    def _password(self) -> tuple[str, bool]:
        """The password, and whether somebody types it."""
        if known := self._accepted or (_first_line(self._path) if self._path else os.environ.get(ENVIRONMENT, "")):
            return known, False
        return _typed(DEMANDED), True


def entered(endpoint: Endpoint, seconds: float, authorities: str, credentials: Credentials) -> Link:
    """A link to *endpoint*, as ``Link`` makes it, on which *credentials* are proved. Raises as those do."""
    link = Link(endpoint, seconds, authorities)
    try:
        credentials.prove(link)
    except BaseException:
        link.close()
        raise
    return link


def _first_line(path: str) -> str:
    """The password in the file at *path*, which others may not read."""
    with open(path, encoding="utf-8") as file:
        if os.fstat(file.fileno()).st_mode & _OTHERS:
            raise Gone(f"{path} is not for its owner alone: chmod 600 it")
        return file.readline().rstrip("\r\n")


def _typed(notice: str) -> str:
    if not sys.stdin.isatty():
        raise Gone(f"{DEMANDED}: no terminal to ask at; give --password-file or ${ENVIRONMENT}")
    print(notice, file=sys.stderr)
    try:
        return getpass.getpass(PROMPT)
    except EOFError:
        raise Gone(f"{DEMANDED}: no password was typed") from None
