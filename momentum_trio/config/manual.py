"""The reference of all options, generated: what each is, where it may stand, and whether it acts (docs/options.md).

Every entry of options.json is one of: **acts** (code declares and reads it), **stored only** (known, checked, shown,
but nothing reads it yet) or **out of scope** (a part of the original outside this host: loads with a warning).
"""

from __future__ import annotations

from collections.abc import Iterator

from momentum_trio.config.schema import OptionEntry, Schema, ScopeEntry
from momentum_trio.config.show import default_lines

ACTS = "acts"
STORED_ONLY = "stored only"
OUT_OF_SCOPE_TEXT = "out of scope"

_HEAD = """\
# Options

Generated from `options.json` and the declarations in code; do not edit. Of each option: its name, its type and
default, the scopes in which it may stand, and its state.

- **acts**: code reads it.
- **stored only**: known, checked and shown, but nothing reads it yet.
- **out of scope**: belongs to a part of the original that is not in this host; it loads with a warning.

Why an option is stored only: its own text says so, or what it is about does not exist here. {why}.

Options marked *ours* are not of the original (see `differences.md`); *restart* means that a change acts after a
restart only.
"""

_WHY_STORED = {
    "TLS": "what is not asked of OpenSSL it decides by itself",
    "authentication": "groups are read from files, by the console; schemes of modules other than auth_ds are not built",
    "policy": "addresses are not expanded, bounces that come as mail are mail, no address of our own tells a loop",
    "cluster": "no cache is replicated, moved mail keeps its binding, a manager keeps the answers of nodes in memory",
    "outbound": "messages become ready when they are due, not by sweeps, and a connection serves one domain",
    "spool": "it keeps content on disk, not in memory, and has one format",
    "process": "there is one event loop, without pools to be named, and memory is bounded by what is counted",
    "logs": "each ec_logger says itself what its paniclog has",
}


def state(entry: OptionEntry, schema: Schema) -> str:
    """Whether the option acts. A declaration whose meaning begins with "Stored only" says that it does not, and why."""
    if entry.option is not None:
        return STORED_ONLY if entry.meaning.lower().startswith(STORED_ONLY) else ACTS
    places = [schema.scopes.get(kind) for kind in _places(entry, schema)]
    elsewhere = bool(places) and all(scope is not None and scope.is_out_of_scope for scope in places)
    return OUT_OF_SCOPE_TEXT if entry.is_out_of_scope or elsewhere else STORED_ONLY


def _places(entry: OptionEntry, schema: Schema) -> list[str]:
    """The scopes in which this very entry holds: of its own, those that no declaration took."""
    return sorted(kind for kind in entry.scopes if schema.options[kind, entry.key] is entry)


def entries(schema: Schema) -> list[OptionEntry]:
    """Every option of *schema*, each meaning once, by name; where a declaration took some scopes, both."""
    found = [entry for meanings in schema.by_option.values() for entry in meanings]
    return sorted(found, key=lambda entry: (entry.key, _places(entry, schema)))


def options_md(schema: Schema) -> str:
    """The text of docs/options.md."""
    why = "; ".join(f"{role}: {text}" for role, text in _WHY_STORED.items())
    return "\n".join((_HEAD.format(why=why), *_counts(schema), *_options(schema), *_scopes(schema)))


def _counts(schema: Schema) -> Iterator[str]:
    states = [state(entry, schema) for entry in entries(schema)]
    yield "| state | options |\n| --- | --- |"
    for of_state in (ACTS, STORED_ONLY, OUT_OF_SCOPE_TEXT):
        yield f"| {of_state} | {states.count(of_state)} |"
    yield ""


def _options(schema: Schema) -> Iterator[str]:
    yield "## Options by name\n"
    for entry in entries(schema):
        places = ", ".join(f"`{schema.scope_name(kind)}`" for kind in _places(entry, schema))
        marks = [state(entry, schema), *(["ours"] if entry.is_ours else []), *([] if entry.is_dynamic else ["restart"])]
        marks += ["secret"] if entry.is_secret else []
        yield f"### {entry.name}\n"
        yield f"*{', '.join(marks)}* · {_plain(entry.kind.name)} · default {_default(entry)} · in {places}\n"
        if entry.meaning:
            yield f"{_plain(entry.meaning)}\n"


def _default(entry: OptionEntry) -> str:
    if entry.default is None:
        return "none"
    lines = default_lines(entry.default, entry)
    by_scope = "".join(f", `{value}` in {place}" for place, value in sorted(entry.default_by_scope.items()))
    return f"`{' '.join(line.strip() for line in lines)}`{by_scope}" if lines else "none"


def _scopes(schema: Schema) -> Iterator[str]:
    yield "## Scopes\n"
    yield "| scope | stands in | instance | state |\n| --- | --- | --- | --- |"
    for scope in sorted({id(scope): scope for scope in schema.scopes.values()}.values(), key=lambda scope: scope.key):
        places = ", ".join(schema.scope_name(kind) for kind in sorted(scope.containers))
        yield f"| {scope.name} | {places} | {_instance(scope)} | {_scope_state(scope)} |"
    yield ""


def _instance(scope: ScopeEntry) -> str:
    return "any" if scope.is_opaque else "yes" if scope.is_named else "no"


def _scope_state(scope: ScopeEntry) -> str:
    return OUT_OF_SCOPE_TEXT if scope.is_out_of_scope else "known"


def _plain(text: str) -> str:
    """*text* with the characters that Markdown would take for marks."""
    return "".join(f"\\{c}" if c in "*_<>|`[]" else c for c in text)
