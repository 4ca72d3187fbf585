"""A real configuration on a simulated host: its files, read from the real tree before there is any world."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from momentum_trio.config.check import LISTENER_KINDS
from momentum_trio.config.error import ConfigError, ConfigErrors
from momentum_trio.config.include import DirectoryListing, ErrorOfReading, Loader, Supply
from momentum_trio.config.load import checked
from momentum_trio.config.schema import Schema
from momentum_trio.config.syntax import Include
from momentum_trio.config.tree import ConfigTree
from momentum_trio.config.value import Position
from momentum_trio.net.endpoint import Family

from .said import node_at

Reading = Callable[[str], Supply]
"""What is at a path of the real tree."""


@dataclass(slots=True)
class HostTree:
    """The files of one host: those the scenario gives it, and behind them the real tree.

    config_at: where its configuration lies; config: the real file there, empty when it is one of *given*. What lies
    beside the one lies beside the other. root: the real folder that is the host's ``/``; empty: the real ``/``.
    read: what was taken from the real tree so far, by path on the host; reals: and where it was.
    """

    host: str
    config_at: str
    config: str
    root: str
    given: Mapping[str, bytes]
    reading: Reading
    read: dict[str, bytes] = field(default_factory=dict)
    reals: dict[str, str] = field(default_factory=dict)

    def supply(self, path: str) -> Supply:
        """What the host would find at *path*; from then on its disk holds it."""
        at = posixpath.normpath("/" + path.lstrip("/"))
        if at in self.given:
            return self.given[at]
        real = self._real(path)
        found = ErrorOfReading() if real is None else self.reading(real)
        beside = [given[len(at) + 1 :] for given in self.given if given.startswith(f"{at}/")]
        names = [name for name in beside if "/" not in name]
        if isinstance(found, DirectoryListing):
            return DirectoryListing(list(dict.fromkeys((*found.names, *names))))
        if isinstance(found, bytes):
            assert real is not None
            self.read[at], self.reals[path] = found, real
        elif names:
            return DirectoryListing(names)
        return found

    def _real(self, path: str) -> str | None:
        """Where the real tree has *path*; None when it has no such place."""
        if self.config:
            if path == self.config_at:
                return self.config
            folder = posixpath.dirname(self.config_at).rstrip("/") + "/"
            if path.startswith(folder):
                return posixpath.join(posixpath.dirname(self.config), path.removeprefix(folder))
        if self.root:
            return f"{self.root.rstrip('/')}/{path.lstrip('/')}"
        return path if path.startswith("/") else None

    def real_name(self, path: str) -> str:
        """How messages call the file *path* of the host."""
        return self.reals.get(path, f"{self.host}:{path}")


@dataclass(frozen=True, slots=True)
class Production:
    """What came of loading.

    tree: only when the configuration is good; positions in it are those on the host, all others those in the real tree.
    fetched: the includes that name something on the network, which are no errors.
    """

    files: HostTree
    tree: ConfigTree | None
    errors: tuple[ConfigError, ...]
    warnings: tuple[ConfigError, ...]
    fetched: tuple[tuple[Position, str], ...]
    texts: Mapping[str, str]


def load(files: HostTree, environment: Mapping[str, str], schema: Schema) -> Production:
    """The configuration of a host with all it includes, as its node will read it. Raises NoConfiguration."""
    loader = Loader.on_host(files.config_at, schema, environment, files.host)
    while wanted := loader.wanted():
        for path in wanted:
            loader.supply(path, files.supply(path))
    tree, errors = loader.outcome()
    texts = {files.real_name(path): text for path, text in tree.sources().items()}
    fetched = {error.at: file for error in errors if (file := _file_fetched(tree, error))}
    includes = tuple((_real(at, files), file) for at, file in fetched.items())
    try:
        good = checked(tree, [error for error in errors if error.at not in fetched])
    except ConfigErrors as wrong:
        return Production(files, None, tuple(_moved(error, files) for error in wrong.errors), (), includes, texts)
    warnings = tuple(_moved(error, files) for error in good.warnings)
    return Production(files, good, (), warnings, includes, texts)


def _file_fetched(tree: ConfigTree, error: ConfigError) -> str:
    """What the include that *error* is about would fetch from the network; empty when it is about anything else."""
    node = node_at(tree, error.at) if error.at.line else None
    if not isinstance(node, Include):
        return ""
    scheme, found, _ = node.file.partition("://")
    return node.file if found and scheme.lower() != "file" else ""


def _real(at: Position, files: HostTree) -> Position:
    return Position(files.real_name(at.file), at.line, at.column)


def _moved(error: ConfigError, files: HostTree) -> ConfigError:
    """*error* with its place in the real tree."""
    at, option, problem, hint = _real(error.at, files), error.option, error.problem, error.hint
    return ConfigError(at, option, problem, hint, warning=error.warning, is_secret=error.is_secret)


def socket_folders(tree: ConfigTree) -> tuple[str, ...]:
    """The folders in which the Unix sockets of *tree* lie: a host that runs it has them."""
    scopes = (scope for kind in LISTENER_KINDS for scope in tree.listens(kind))
    paths = [scope.endpoint.path for scope in scopes if scope.endpoint.family is Family.UNIX]
    return tuple(sorted({path.rpartition("/")[0] or "/" for path in paths}))
