"""Every name of the language: the table options.json, overlaid by the options that code declares.

options.json (spec: config-language, section 12) says of every option and scope where it is valid and what type it
has. Where code declares an option its declaration holds instead: its kind, its default, its meaning.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import resources
from typing import Any

from momentum_trio.config.kind import REMOTE, REMOTES, generic
from momentum_trio.config.option import Kind, Option

OUT_OF_SCOPE = "out-of-scope"
NEAREST_CUTOFF = 0.6

# Containers the original lacks: Peer is allowed in all six listeners (docs/differences.md).
OUR_CONTAINERS: Mapping[str, frozenset[str]] = {"peer": frozenset(("eccluster_listener", "msgcserver_listener"))}
# Scopes that the table leaves out, being ours or of extension modules of the original: name, container, meaning.
_MODULE_SCOPES = (
    ("dkim_domain", "opendkim", "How mail of one author's domain is signed."),
    ("dmarc", "global", "Whether mail is its author's, by SPF and DKIM."),
    ("milter", "global", "A milter that is asked about every SMTP session."),
    ("policy", "global", "A Python module that is asked in the policy phases."),
    ("shared_state", "global", "Where limits are counted that all nodes share."),
    ("webhook", "global", "Somebody's HTTP server that is told of events."),
)
# Options whose value is never printed, although no code of ours declares them (SECURITY.md, Secrets).
SECRET_NAMES = frozenset(
    ("gcm_authorization_token_id", "http_basic_auth", "outbound_smtp_auth_pass", "xmpp_dialback_secret")
)
# Where a host name may stand too, an IPv6 address needs brackets (section 10).
_BRACKETED: Mapping[str, Kind[Any]] = {"gateway": REMOTE, "routes": REMOTES}


@dataclass(frozen=True, slots=True)
class ScopeEntry:
    """A scope. containers: lower-case names of the scopes it may stand in.

    is_named: it carries an instance. is_opaque: an extension module of the original of which code declares no option:
    any content, with or without instance.
    """

    name: str
    containers: frozenset[str]
    is_named: bool
    is_opaque: bool
    role: str
    meaning: str

    @property
    def key(self) -> str:
        return self.name.lower()

    @property
    def is_out_of_scope(self) -> bool:
        return self.role == OUT_OF_SCOPE


@dataclass(frozen=True, slots=True)
class OptionEntry:
    """An option in some scopes (one name may mean other things in other scopes).

    default: of the table, a JSON value; when option is set, the declaration's typed one. option: the declaration by
    code, if any.
    """

    name: str
    scopes: frozenset[str]
    kind: Kind[Any]
    default: Any
    default_by_scope: Mapping[str, Any]
    is_dynamic: bool
    role: str
    meaning: str
    notes: str
    option: Option[Any] | None
    is_secret: bool
    is_ours: bool = False

    @property
    def key(self) -> str:
        return self.name.lower()

    @property
    def is_out_of_scope(self) -> bool:
        return self.role == OUT_OF_SCOPE and self.option is None

    @property
    def is_stringlike(self) -> bool:
        """Whether a single word of it is printed in quotes."""
        return self.kind.name in _STRINGLIKE or (self.kind.name.startswith("enum(") and "true" not in self.kind.name)

    def default_at(self, path: Sequence[tuple[str, str]]) -> Any:
        """The default in the scope at *path*: of (lower-case kind, instance) from the file level inwards."""
        by_scope = {place.lower(): default for place, default in self.default_by_scope.items()}
        for kind, instance in reversed(path):
            for place in (f"{kind}:{instance}".lower(), kind):
                if place in by_scope:
                    return by_scope[place]
        return self.default

    def default_in(self, kind: str, instance: str) -> Any:
        """The default in a scope *kind* (lower case) of that instance, whatever it stands in."""
        return self.default_at(((kind, instance),))


_STRINGLIKE = frozenset(("string", "path", "hostname", "ip-address", "regex"))


@dataclass(frozen=True, slots=True)
class Schema:
    """All names. options: by (scope, option), both lower case. scopes: by lower-case name."""

    scopes: Mapping[str, ScopeEntry]
    options: Mapping[tuple[str, str], OptionEntry]
    by_option: Mapping[str, tuple[OptionEntry, ...]]
    by_scope: Mapping[str, tuple[OptionEntry, ...]] = field(repr=False)

    @classmethod
    def load(cls, declared: Iterable[Option[Any]] = ()) -> Schema:
        """The table shipped with the package, overlaid by *declared*. Reads package data; costs some 5 ms: keep it."""
        rows = json.loads(resources.files("momentum_trio.config").joinpath("options.json").read_bytes())
        return cls.of(rows, declared)

    @classmethod
    def of(cls, rows: Iterable[Mapping[str, Any]], declared: Iterable[Option[Any]] = ()) -> Schema:
        """The schema of the table *rows* overlaid by *declared*."""
        scopes = {
            name: ScopeEntry(name, frozenset((at,)), True, False, "ours", why) for name, at, why in _MODULE_SCOPES
        }
        entries: dict[str, list[OptionEntry]] = {}
        for row in rows:
            if row["kind"] == "scope":
                scope = _scope_entry(row)
                for name in (scope.name, *row.get("aliases", ())):
                    scopes[name.lower()] = scope
            else:
                for entry in _option_entries(row):
                    entries.setdefault(entry.key, []).append(entry)
        options = {(scope, key): entry for key, found in entries.items() for entry in found for scope in entry.scopes}
        of_every_module = {key: entry for (scope, key), entry in options.items() if scope == "module"}
        for option in declared:
            entry = _overlaid(option, entries.get(option.key, ()))
            for scope_name in entry.scopes:
                if scope_name in scopes and scopes[scope_name].is_opaque:
                    scopes[scope_name] = replace(scopes[scope_name], is_opaque=False, is_named=True, role="ours")
                    options.update({(scope_name, key): common for key, common in of_every_module.items()})
                options[scope_name, entry.key] = entry
        by_option: dict[str, dict[int, OptionEntry]] = {}
        by_scope: dict[str, dict[int, OptionEntry]] = {}
        for (scope_name, key), entry in options.items():
            by_option.setdefault(key, {})[id(entry)] = entry
            by_scope.setdefault(scope_name, {})[id(entry)] = entry
        return cls(
            scopes,
            options,
            {key: tuple(found.values()) for key, found in by_option.items()},
            {key: tuple(found.values()) for key, found in by_scope.items()},
        )

    # scopes

    def scope_name(self, kind: str) -> str:
        """The canonical name of scope *kind*; ``Global`` for the file level."""
        if kind == "global":
            return "Global"
        entry = self.scopes.get(kind)
        return kind if entry is None else entry.name

    def is_opaque(self, kind: str) -> bool:
        """Whether anything may stand in scope *kind*."""
        entry = self.scopes.get(kind)
        return entry is not None and entry.is_opaque

    def child_kinds(self, kind: str) -> Iterator[ScopeEntry]:
        """The scopes that may stand in scope *kind*."""
        return (entry for key, entry in self.scopes.items() if kind in entry.containers and entry.key == key)

    def places(self, kinds: Iterable[str]) -> str:
        """*kinds* as a list for people, those that mean nothing on this host left out."""
        entries = {kind: self.scopes.get(kind) for kind in sorted(kinds)}
        ours = [kind for kind, entry in entries.items() if entry is None or not entry.is_out_of_scope]
        return ", ".join("every module" if kind == "module" else self.scope_name(kind) for kind in ours or entries)

    # options

    def option(self, kinds: tuple[str, ...], key: str) -> OptionEntry | None:
        """The option *key* as valid in the innermost of *kinds*, the scopes from the file level inwards; else None.

        In a Listen or Peer only what its listener takes is valid (section 4).
        """
        kind = kinds[-1]
        entry = self.options.get((kind, key))
        if entry is None:
            return self.options.get(("module", key)) if self.is_opaque(kind) else None
        if kind in ("listen", "peer") and len(kinds) > 1:
            listener = next((outer for outer in kinds if outer.endswith("_listener")), None)
            only_in_listen = not any(scope.endswith("_listener") for scope in entry.scopes)
            if listener is not None and not only_in_listen and (listener, key) not in self.options:
                return None
        return entry

    def printed(self, kind: str, key: str) -> OptionEntry | None:
        """What is known of option *key* where it is printed in scope *kind*: a secret is one in any scope."""
        elsewhere = (entry for entry in self.by_option.get(key, ()) if entry.is_secret)
        return self.options.get((kind, key)) or next(elsewhere, None)

    def option_name(self, kind: str, key: str) -> str:
        """The canonical spelling of option *key*, wherever it is known."""
        if entry := self.options.get((kind, key)):
            return entry.name
        return self.by_option[key][0].name if key in self.by_option else key

    def names_in(self, kinds: tuple[str, ...]) -> dict[str, str]:
        """The options and scopes valid in the innermost of *kinds*: canonical spellings by lower-case name."""
        names = {e.key: e.name for e in self.by_scope.get(kinds[-1], ()) if self.option(kinds, e.key) is not None}
        names.update({entry.key: entry.name for entry in self.child_kinds(kinds[-1])})
        return names

    def nearest(self, kinds: tuple[str, ...], key: str) -> str:
        """The name valid in the innermost of *kinds* that *key* comes nearest to; empty when none is near."""
        names = self.names_in(kinds)
        near = difflib.get_close_matches(key, names, 1, NEAREST_CUTOFF)
        return names[near[0]] if near else ""

    def nearest_anywhere(self, key: str) -> str:
        """As ``nearest``, over every name there is."""
        near = difflib.get_close_matches(key, (*self.by_option, *self.scopes), 1, NEAREST_CUTOFF)
        if not near:
            return ""
        return self.scopes[near[0]].name if near[0] in self.scopes else self.by_option[near[0]][0].name


def _scope_entry(row: Mapping[str, Any]) -> ScopeEntry:
    name = row["name"]
    containers = frozenset(row["scopes"]) | OUR_CONTAINERS.get(name.lower(), frozenset())
    named = row["type"] == "scope(named)"
    return ScopeEntry(name, containers, named, row.get("opaque", False), row["role"], row["description"])


def _option_entries(row: Mapping[str, Any]) -> Iterator[OptionEntry]:
    scopes = frozenset((*row["scopes"], *row.get("lenient_scopes", ())))
    for name in (row["name"], *row.get("aliases", ())):
        key = name.lower()
        yield OptionEntry(
            name=name,
            scopes=scopes,
            kind=_BRACKETED.get(key) or generic(row["type"]),
            default=row["default"],
            default_by_scope=row.get("default_by_scope", {}),
            is_dynamic=row["dynamic"],
            role=row["role"],
            meaning=row["description"],
            notes=row.get("notes", ""),
            option=None,
            is_secret=key in SECRET_NAMES,
        )


def _overlaid(option: Option[Any], entries: Iterable[OptionEntry]) -> OptionEntry:
    """The entry of *option*: that of *entries*, those of its name, in one of its scopes under it, or one of ours."""
    under = next((entry for entry in entries if entry.scopes & option.scopes), None)
    return OptionEntry(
        name=option.name,
        scopes=option.scopes,
        kind=option.kind,
        default=option.default,
        default_by_scope={},
        is_dynamic=option.dynamic,
        role=under.role if under else "ours",
        meaning=option.meaning,
        notes=under.notes if under else "",
        option=option,
        is_secret=option.secret or option.key in SECRET_NAMES,
        is_ours=option.ours,
    )
