"""Reading a configuration of many files without touching one (spec: config-language, section 11, Include).

The Loader says which paths it wants; whoever feeds it (the node through the machine, a tool with blocking reads, a
fuzzer from a dict) supplies octets, the names in a directory, or why there are none. When it wants nothing more,
``finish`` gives the tree.

    loader = Loader("etc/ecelerity.conf", schema)
    while wanted := loader.wanted():
        for path in wanted:
            loader.supply(path, read(path))
    tree = loader.finish()
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

from momentum_trio.config.error import ERRORS_MAX, ConfigError, ConfigErrors, in_order
from momentum_trio.config.merge import INCLUDES_DEEP_MAX, Merge
from momentum_trio.config.schema import Schema
from momentum_trio.config.secrecy import Secrets
from momentum_trio.config.source import Source
from momentum_trio.config.syntax import Block, Document, Include, Leaf, parse
from momentum_trio.config.tree import ConfigTree, File
from momentum_trio.config.value import Position, Word

FILES_MAX = 1000
OCTETS_MAX = 64 * 1024 * 1024  # of all files together
PATH_MAX = 4096
SEARCH_PATH = (".", "etc", "etc/conf/global", "etc/conf/{NODENAME}", "etc/conf/default")


@dataclass(frozen=True, slots=True)
class ErrorOfReading:
    """A path that cannot be read. problem: why, in words. is_missing: there is none, so the next place is tried."""

    problem: str = "no such file"
    is_missing: bool = True


@dataclass(frozen=True, slots=True)
class DirectoryListing:
    """A path that is a directory. names: of the plain files in it, in any order, hidden ones or not."""

    names: Sequence[str]


Supply = bytes | ErrorOfReading | DirectoryListing


class NoConfiguration(ConfigErrors):
    """The main file itself cannot be read."""


@dataclass(slots=True)
class _Wish:
    """A file that an include asks for. candidates: where it may be, the next to try last. place: where the include
    stands.
    """

    place: tuple[str, int]
    at: Position
    asked: str
    candidates: list[str]
    is_readonly: bool = False
    tried: list[str] = field(default_factory=list)


class Loader:
    """The files of one configuration as they come in."""

    def __init__(self, main: str, schema: Schema, *, search_path: Sequence[str] = (), nodename: str = "") -> None:
        """search_path: directories (EC_CONF_SEARCH_PATH); ``{NODENAME}`` in them and in includes becomes the
        Nodename the main file sets, else *nodename*."""
        self._main, self._schema, self._nodename = main, schema, nodename
        self._search_path = tuple(search_path)
        self._errors: list[ConfigError] = []
        self._documents: dict[str, Document] = {}
        self._targets: dict[tuple[str, int], list[str]] = {}
        self._readonly: set[str] = set()
        self._waiting: dict[str, list[_Wish]] = {main: [_Wish(("", 0), Position(main, 1, 1), main, [])]}
        self._known: dict[str, DirectoryListing | ErrorOfReading | None] = {}
        self._depths: dict[str, int] = {}  # how deep each file is included, by the shortest way; the main file: 1
        self._octets = 0
        self._local: str | None = None
        self._asked_for_local = False

    @classmethod
    def on_host(cls, main: str, schema: Schema, environment: Mapping[str, str], hostname: str) -> Self:
        """The Loader of a host and of the tools that judge for it: the search path and the node's name are its own.

        EC_CONF_SEARCH_PATH, colon-separated, else SEARCH_PATH; EC_NODE_NAME, else *hostname* up to its first dot.
        """
        searched = tuple(filter(None, environment.get("EC_CONF_SEARCH_PATH", "").split(":"))) or SEARCH_PATH
        nodename = environment.get("EC_NODE_NAME") or hostname.partition(".")[0]
        return cls(main, schema, search_path=searched, nodename=nodename)

    def wanted(self) -> Sequence[str]:
        """The paths to supply next; empty when there is nothing more to ask for."""
        if not self._waiting and not self._asked_for_local:
            self._asked_for_local = True
            self._want_local_changes()
        return tuple(self._waiting)

    def supply(self, path: str, found: Supply) -> None:
        """What was found at *path*, one of those wanted."""
        wishes = self._waiting.pop(path)
        if isinstance(found, bytes):
            self._depths[path] = 1 + min(self._depths.get(wish.at.file, 0) for wish in wishes)
            self._read(path, found)
        else:
            self._known[path] = found
        for wish in wishes:
            self._settle(wish, path)

    def finish(self) -> ConfigTree:
        """The tree of all that was supplied. Raises ConfigErrors with everything that is wrong with the text.

        Whether names are known and values right is said by ``schema_check``, not here.
        """
        tree, errors = self.outcome()
        if errors:
            raise ConfigErrors(errors, tree.sources())
        return tree

    def outcome(self) -> tuple[ConfigTree, list[ConfigError]]:
        """The tree as far as it goes, and what is wrong. Raises NoConfiguration when the main file cannot be read."""
        assert not self._waiting
        known = self._known.get(self._main)
        if self._main not in self._documents and known is not None:
            problem = known.problem if isinstance(known, ErrorOfReading) else "a directory, not a file"
            raise NoConfiguration([ConfigError(Position(self._main, 0, 0), "", problem)])
        errors = list(self._errors)
        merge = Merge(self._documents, self._targets, self._schema, errors)
        for path in (self._main, self._local):
            if path in self._documents:
                merge.read(path)
        files = {path: self._file(path, times) for path, times in merge.reading.items()}
        warnings = tuple(error for error in errors if error.warning)
        Secrets(self._schema).veil(errors, {path: document.source for path, document in self._documents.items()})
        if merge.too_deep is not None:  # whatever else is wrong is wrong many times over
            errors = [merge.too_deep]
        once = {str(error): error for error in errors if not error.warning}  # a file may be included more than once
        errors = in_order(once.values(), files)
        root, overridden = merge.root()
        tree = ConfigTree(
            root, self._schema, self._main, files, warnings, warnings, overridden, self._targets, self._local or ""
        )
        return tree, errors

    def _file(self, path: str, times_read: int) -> File:
        return File(path, self._documents[path], times_read == 1 and path not in self._readonly)

    # files

    def _read(self, path: str, octets: bytes) -> None:
        self._octets += len(octets)
        if len(self._documents) >= FILES_MAX or self._octets > OCTETS_MAX:
            problem = f"the configuration has more than {FILES_MAX} files or {OCTETS_MAX} octets"
            self._errors.append(ConfigError(Position(path, 1, 1), "", problem))
            self._documents[path] = Document(Source(path, ""), ())
            return
        try:
            source = Source.decode(path, octets)
        except ConfigErrors as wrong:
            self._errors.extend(wrong.errors)
            self._documents[path] = Document(Source(path, octets[:OCTETS_MAX].decode("utf-8", "replace")), ())
            return
        found: list[ConfigError] = []
        document = self._documents[path] = parse(source, found)
        self._errors.extend(found)
        if path == self._main:
            self._nodename = _nodename_in(document) or self._nodename
        if self._depths[path] <= INCLUDES_DEEP_MAX:  # behind it, Merge says so
            for include in document.includes:
                self._want(include, source)

    def _want(self, include: Include, source: Source) -> None:
        """Ask for the file of *include* in the first place where it may be."""
        file = include.file.replace("{NODENAME}", self._nodename)
        at = source.at(include.start)
        if (uri := file.partition("://"))[1]:
            if uri[0].lower() != "file":
                self._refuse(at, f"'{file}' is no file", "expected a path or file:///PATH")
                return
            file = uri[2]
        if not file or "\0" in file or len(file) > PATH_MAX:
            self._refuse(at, "expected the name of a file")
            return
        place = (source.name, include.start)
        self._targets[place] = []
        candidates = self._candidates(file, source.name)
        self._next(_Wish(place, at, file, candidates[::-1], include.is_readonly))

    def _candidates(self, file: str, including: str) -> list[str]:
        """Where a relative *file* may be: beside the including file, then along the search path."""
        if file.startswith("/"):
            return [normal(file)]
        directories = [directory_of(including), *self._search_path]
        paths = (f"{d.replace('{NODENAME}', self._nodename).rstrip('/')}/{file}" if d else file for d in directories)
        return list(dict.fromkeys(normal(path) for path in paths))

    def _next(self, wish: _Wish) -> None:
        """Ask for the next candidate of *wish*; say so when there is none left."""
        if not wish.candidates:
            if wish.place[0]:
                self._refuse(wish.at, f"'{wish.asked}' is not found", f"looked for {', '.join(wish.tried)}")
            return
        path = wish.candidates.pop()
        if path in self._documents or path in self._known:
            self._settle(wish, path)
        else:
            self._waiting.setdefault(path, []).append(wish)

    def _settle(self, wish: _Wish, path: str) -> None:
        """*path*, which *wish* waited for, is known now."""
        wish.tried.append(path)
        if path in self._documents:
            if wish.place[0]:
                self._targets[wish.place].append(path)
                self._readonly.update([path] if wish.is_readonly else [])
            return
        found = self._known[path]
        if isinstance(found, DirectoryListing) and path == self._local:
            self._errors.append(ConfigError(wish.at, "Local_Changes_File", "a directory, not a file"))
        elif isinstance(found, DirectoryListing):
            for name in sorted(found.names):
                if not name.startswith("."):
                    self._one_of_directory(wish, f"{path.rstrip('/')}/{name}")
        elif isinstance(found, ErrorOfReading) and not found.is_missing:
            self._refuse(wish.at, f"'{path}' cannot be read: {found.problem}")
        else:
            self._next(wish)

    def _one_of_directory(self, wish: _Wish, path: str) -> None:
        if not wish.place[0]:  # the main file is no directory, and outcome() says so
            return
        self._readonly.update([path] if wish.is_readonly else [])
        self._targets[wish.place].append(path)
        if path not in self._documents and path not in self._known:
            self._waiting.setdefault(path, []).append(_Wish(("", 0), wish.at, path, []))

    def _refuse(self, at: Position, problem: str, hint: str = "") -> None:
        if len(self._errors) < ERRORS_MAX:
            self._errors.append(ConfigError(at, "include", problem, hint))

    # Local_Changes_File

    def _want_local_changes(self) -> None:
        """Read last, whatever its position; it need not exist before the first write-back."""
        ignored: list[ConfigError] = []
        merge = Merge(self._documents, self._targets, self._schema, ignored)
        setting = None
        if self._main in self._documents and _mentions(self._documents, "local_changes_file"):
            merge.read(self._main)
            setting = merge.root()[0].settings.get("local_changes_file")
        name = setting.value.text if setting is not None and isinstance(setting.value, Word) else ""
        if setting is None or not (path := local_changes_path(name, self._main)):
            return
        if path in self._documents:
            problem = "the local changes file is the main file or an included one"
            self._errors.append(ConfigError(setting.at, setting.name, problem))
            return
        self._local = path
        if path not in self._known:
            self._waiting[path] = [_Wish(("", 0), setting.at, path, [])]


def local_changes_path(name: str, main: str) -> str:
    """The file that Local_Changes_File *name* is in the configuration whose main file is *main*; empty: none."""
    path, directory = normal(name), directory_of(main)
    return path if not path or path.startswith("/") or not directory else normal(f"{directory}/{path}")


def directory_of(path: str) -> str:
    """The directory part of *path*, empty when it has none."""
    head, slash, _ = path.rpartition("/")
    return head or slash


def normal(path: str) -> str:
    """*path* without empty and ``.`` parts. ``..`` stays: behind a symbolic link it means something else."""
    parts = [part for part in path.split("/") if part not in ("", ".")]
    return ("/" if path.startswith("/") else "") + "/".join(parts)


def _mentions(documents: dict[str, Document], key: str) -> bool:
    return any(isinstance(n, Leaf) and n.name.lower() == key for d in documents.values() for n in d.body)


def _nodename_in(document: Document) -> str:
    """The Nodename that the main file sets in its cluster scope, if it does."""
    for block in document.body:
        if isinstance(block, Block) and block.name.lower() == "cluster":
            for leaf in block.body:
                if isinstance(leaf, Leaf) and leaf.name.lower() == "nodename" and isinstance(leaf.value, Word):
                    return leaf.value.text
    return ""
