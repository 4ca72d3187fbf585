"""``ec_md5passwd [-f FILE] [-r REALM | --hash SCHEME] [username] [password]``: make the line of a user in a file for
DIGEST-MD5, or with --hash (ours) in a file of hashes for PLAIN and LOGIN of mail.

Without -f the line is printed; with it the user's line in FILE is replaced, or one is added, and nothing else of it is
changed. The file is made if it is not there; its folder is not. What is not given is asked for; a password on a command
line is seen by everybody on the host.
"""

from __future__ import annotations

import argparse
import fcntl
import getpass
import os
import stat
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from momentum_trio.protocol.sasl.digest_md5 import digest_of
from momentum_trio.protocol.sasl.password_hash import SALT_OCTETS, SCHEMES, made

DEFAULT_REALM = "Momentum Console"
_NEW_MODE = 0o600


class Unusable(Exception):
    """What was given cannot be kept; the text says why."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the tool; returns the exit status: 0 done, 1 not done, 2 wrong arguments."""
    asked = _parser().parse_args(arguments)
    try:
        user = _field("user name", asked.username or _ask("Username: "))
        realm = _field("realm", asked.realm or os.environ.get("EC_DIGEST_REALM") or DEFAULT_REALM)
        password = asked.password or _new_password(user)
        start = f"{user}:" if asked.hash else f"{user}:{realm}:"
        line = start + (_hash(asked.hash, password) if asked.hash else digest_of(user, realm, password))
        if asked.file:
            update(Path(asked.file), start, line)
    except (Unusable, OSError) as fault:
        print(f"ec_md5passwd: {fault}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    print("Password updated.")
    if not asked.file:
        print(f"Place or replace this line in your password file:\n{line}")
    return 0


def update(path: Path, start: str, line: str) -> None:
    """Put *line* in place of those that begin with *start*, or at the end of the file at *path*: all or nothing.

    Its mode and owner stay. It waits while another of us changes a file of that folder. Raises: OSError.
    """
    path = path.resolve()
    with _locked(path.parent):
        text = path.read_bytes().decode("utf-8", "surrogateescape") if path.exists() else ""
        _replace(path, _with(text, start, line).encode("utf-8", "surrogateescape"))


def _with(text: str, start: str, line: str) -> str:
    """*text* with *line* for the first of the lines that begin with *start*, without the others."""
    lines = text.removesuffix("\n").split("\n") if text else []
    places = [number for number, old in enumerate(lines) if old.startswith(start)]
    kept = [line if number in places[:1] else old for number, old in enumerate(lines) if number not in places[1:]]
    return "\n".join([*kept, *(() if places else (line,)), ""])


def _replace(path: Path, octets: bytes) -> None:
    made = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _NEW_MODE)
    try:
        with open(descriptor, "wb") as file:
            if path.exists():
                facts = path.stat()
                os.fchown(descriptor, facts.st_uid, facts.st_gid)
                os.fchmod(descriptor, stat.S_IMODE(facts.st_mode))
            file.write(octets)
            file.flush()
            os.fsync(descriptor)
        made.replace(path)
    except BaseException:
        made.unlink(missing_ok=True)
        raise


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold the folder's lock, so that two who change a file do not lose what the other did; sync it at the end."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _hash(scheme: str, password: str) -> str:
    try:
        return made(scheme, password, os.urandom(SALT_OCTETS))
    except ValueError as wrong:
        raise Unusable(str(wrong)) from None


def _field(what: str, text: str) -> str:
    """*text* as a field of the file."""
    if not text or ":" in text or not text.isprintable() or text.startswith("#"):
        raise Unusable(f"a {what} is not empty, holds no ':' and no control character, and does not begin with '#'")
    return text


def _new_password(user: str) -> str:
    print(f"Please enter password for {user}")
    first = _secret()
    print("Please enter the password again")
    if _secret() != first:
        raise Unusable("the passwords differ")
    if not first:
        raise Unusable("the password is empty")
    return first


def _secret() -> str:
    """One line: without echo from a terminal, else as it comes."""
    if sys.stdin.isatty():
        return getpass.getpass("Password:")
    return _ask("Password:")


def _ask(prompt: str) -> str:
    try:
        return input(prompt)
    except EOFError:
        raise Unusable("nothing was typed") from None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("ec_md5passwd", description="Make the line of a user in a file for DIGEST-MD5.")
    parser.add_argument(
        "-f", dest="file", default="", metavar="FILE", help="update this file rather than print the line"
    )
    parser.add_argument(
        "-r",
        dest="realm",
        default="",
        metavar="REALM",
        help=f"the realm; default: $EC_DIGEST_REALM, else {DEFAULT_REALM}",
    )
    parser.add_argument(
        "--hash", choices=SCHEMES, default="", help="a hash that costs time to try, for a file of the scheme hashed"
    )
    parser.add_argument("username", nargs="?", default="")
    parser.add_argument(
        "password", nargs="?", default="", help="better typed than given: everybody sees a command line"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
