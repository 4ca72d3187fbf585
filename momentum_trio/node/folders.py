"""Folders that what is named at the console has to lie in (SECURITY.md, Files named from the console)."""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from dataclasses import dataclass

from momentum_trio.config.include import PATH_MAX
from momentum_trio.console.facade import ApplyError


@dataclass(frozen=True, slots=True)
class Folders:
    """Where what is named may lie. home: what a relative name is relative to, one of *allowed* or not.

    option: the one that says so.
    """

    option: str
    home: str
    allowed: tuple[str, ...]

    @classmethod
    def of(cls, option: str, beside: str, configured: Sequence[str]) -> Folders:
        """Those *configured*, relative to the folder that *beside* is in; without any, that folder."""
        home = posixpath.dirname(posixpath.normpath(beside)) or "."
        allowed = tuple(posixpath.normpath(posixpath.join(home, folder)) for folder in configured)
        return cls(option, home, allowed or (home,))

    def named(self, path: str) -> str:
        """What *path*, as it is said at the console, is to this process. Raises ApplyError."""
        if not path or "\0" in path or len(path) > PATH_MAX:
            raise ApplyError([f"expected the path of a file, of at most {PATH_MAX} characters"])
        return posixpath.join(self.home, path)

    def above(self, path: str) -> str:
        """That of the folders which *path*, normalised, lies below. Raises ApplyError."""
        for folder in self.allowed:
            if _lies_below(path, folder):
                return folder
        where = " or ".join(self.allowed)
        raise ApplyError([f"{path} is not below {where}: the console may touch no other files ({self.option})"])


def _lies_below(path: str, folder: str) -> bool:
    if folder == ".":
        return not path.startswith(("/", "../")) and path not in (".", "..")
    return path.startswith(folder.rstrip("/") + "/")
