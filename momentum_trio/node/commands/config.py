"""``config``: ask for options, change them, show scopes (spec/console.md section 6).

The formats are the configuration's own (config/show.py); here are the words of the commands, and the same as data.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from momentum_trio.config.error import ConfigErrors
from momentum_trio.config.kind import quoted
from momentum_trio.config.manual import ACTS, state
from momentum_trio.config.merged import Scope
from momentum_trio.config.plain import plain, plain_typed
from momentum_trio.config.schema import Schema
from momentum_trio.config.show import value_of_json
from momentum_trio.config.transaction import Change, ScopePath, parse_path
from momentum_trio.config.tree import CONSOLE, ConfigTree
from momentum_trio.config.value import Value
from momentum_trio.console.command import Answer, Command, Data, Request, failure
from momentum_trio.console.word import Word, split, words
from momentum_trio.listener.listen_options import ListenOptions

_SCOPES = "[SCOPE [INSTANCE]] ..."
_ABOUT_SCOPES = (
    "Scopes are named from the file level inwards: a named scope with its instance, as in\n"
    "'esmtp_listener listen :25', others by themselves. Names are taken in any case."
)


@dataclass(frozen=True, slots=True)
class Asked:
    """The words of a command. path: the scope they begin with; option: the word after it, or empty; value: the rest."""

    path: ScopePath
    option: str
    value: str


def _asked(request: Request) -> Asked:
    """Raises ValueError: a quote stays open. Raises ConfigErrors: a named scope lacks its instance.

    A value is no words of ours: ``( "a", "b" )`` follows the rules of a file, and those say what is wrong with it.
    """
    known: list[Word] = []
    wrong: ValueError | None = None
    try:
        known.extend(words(request.rest))  # as far as it goes
    except ValueError as error:
        wrong = error
    try:
        path, rest = parse_path([word.text for word in known], request.tree)
    except ConfigErrors:
        if wrong is not None:
            raise wrong from None
        raise
    if not rest:
        if wrong is not None:
            raise wrong
        return Asked(path, "", "")
    name = known[-len(rest)]
    option, equals, _ = ("", "", "") if name.quoted else name.text.partition("=")
    end = name.start + len(option) if equals and option else name.end
    return Asked(path, option or name.text, request.rest[end:].strip())


async def _get(request: Request) -> Answer:
    try:
        asked = _one_option(request, GET.synopsis)
    except ValueError as error:
        return failure(str(error))
    tree = request.tree
    setting = tree.get(asked.path, asked.option)
    text = tree.get_text(asked.path, asked.option)
    return Answer(text, _fields(tree, asked, None if setting is None else setting.value), failed=setting is None)


async def _eval(request: Request) -> Answer:
    try:
        asked = _one_option(request, EVAL.synopsis)
    except ValueError as error:
        return failure(str(error))
    tree = request.tree
    return Answer(tree.eval(asked.path, asked.option), _effective(tree, asked))


async def _set(request: Request) -> Answer:
    try:
        asked = _asked(request)
    except ValueError as error:
        return failure(str(error))
    if not asked.option or not asked.value:
        return failure(f"usage: {SET.synopsis}")
    change = Change(asked.path, asked.option, asked.value)
    if nothing := _nothing_to_disable(request.tree, change):
        return failure(nothing)
    await _change(request, change)
    tree = request.tree
    echo = tree.echo(asked.path, asked.option)
    entry = tree.entry(asked.path, asked.option)
    if state(entry, tree.schema) != ACTS:
        return Answer(f"{echo}\n(without effect: nothing reads it yet)", _effective(tree, asked))
    for warning in tree.warnings:
        if warning.at.file == CONSOLE and warning.option == entry.name:
            echo += f"\n({warning.problem}" + (f": {warning.hint})" if warning.hint else ")")
    if not entry.is_dynamic:
        echo += "\n(takes effect with the next start)"
    return Answer(echo, _effective(tree, asked))


def _nothing_to_disable(tree: ConfigTree, change: Change) -> str:
    """Why *change* would switch off nothing: it names a Listen that there is not. Empty for any other change.

    It would make that Listen, disabled, and leave open the socket that was meant. Raises ConfigErrors.
    """
    kind, instance = change.path[-1] if change.path else ("", "")
    if kind != "listen" or (change.option or "").lower() != "enable" or tree.scope(change.path) is not None:
        return ""
    if ListenOptions.resolve(change.on(tree).chain_path(change.path)).enable:
        return ""
    container = change.path[:-1]
    outer = tree.scope(container)
    there = ", ".join(scope.instance for scope in outer.all("listen")) if outer is not None else ""
    return f"there is no Listen '{instance}' in {tree.path_text(container)}; there is {there or 'none'}"


async def _unset(request: Request) -> Answer:
    try:
        asked = _asked(request)
    except ValueError as error:
        return failure(str(error))
    if asked.value or not (asked.option or asked.path):
        return failure(f"usage: {UNSET.synopsis}")
    await _change(request, Change(asked.path, asked.option or None, None))
    tree = request.tree
    if not asked.option:
        text = tree.path_text(asked.path)
        return Answer(f'Scope "{text}" has been unset.', {"scope": text, "unset": True})
    return Answer(tree.unset_text(asked.path, asked.option), _effective(tree, asked))


async def _show(request: Request) -> Answer:
    return _shown(request, recurse=False)


async def _showrecurse(request: Request) -> Answer:
    return _shown(request, recurse=True)


def _shown(request: Request, *, recurse: bool) -> Answer:
    tree = request.tree
    try:
        path, rest = parse_path(split(request.rest), tree)
    except ValueError as error:
        return failure(str(error))
    if rest:
        kinds = ("global", *(kind for kind, _ in path))
        near = tree.schema.nearest(kinds, rest[0].lower())
        hint = f" (did you mean {near}?)" if near.lower() in tree.schema.scopes else ""
        return failure(f"there is no scope '{rest[0]}' in {tree.path_text(path) or 'the file level'}{hint}")
    text = tree.show(path, recurse)
    scope = tree.scope(path)
    assert scope is not None
    return Answer(text, _scope_fields(scope, tree.schema, recurse=recurse))


def _one_option(request: Request, synopsis: str) -> Asked:
    """The words of a command that takes one option and nothing after it. Raises as ``_asked``."""
    asked = _asked(request)
    if not asked.option:
        raise ValueError(f"usage: {synopsis}")
    if asked.value:
        request.tree.entry(asked.path, asked.option)  # a word that is no option is what is wrong
        raise ValueError(f"'{asked.value}' is too much: one option is asked for, and '{asked.option}' is it")
    return asked


async def _change(request: Request, change: Change) -> None:
    """Make *change* in the transaction, or have the node make it. Raises ConfigErrors and ApplyError."""
    if (transaction := request.workspace.transaction) is not None:
        transaction.add(change)
        return
    await request.administration.apply(change.on, (change.command(request.tree),))


# the same as data


def _fields(tree: ConfigTree, asked: Asked, value: Value | None) -> dict[str, Data]:
    entry = tree.entry(asked.path, asked.option)
    scope = tree.path_text(asked.path)
    data = None if value is None else plain(value, entry)
    return {"option": entry.name, "scope": scope, "set": value is not None, "value": data}


def _effective(tree: ConfigTree, asked: Asked) -> Data:
    entry = tree.entry(asked.path, asked.option)
    if (found := tree.effective(asked.path, asked.option)) is not None:
        setting, _ = found
        return _fields(tree, asked, setting.value) | {"at": str(setting.at)}
    kind, instance = asked.path[-1] if asked.path else ("global", "")
    default = entry.default_in(kind, instance)
    if default is not None and entry.option is None:
        value: Data = plain(value_of_json(default), entry)
    else:
        value = default if default is None else plain_typed(default, entry)
    return _fields(tree, asked, None) | {"value": value}


def _scope_fields(scope: Scope, schema: Schema, *, recurse: bool) -> dict[str, Data]:
    options = {
        schema.option_name(scope.kind, key): plain(setting.value, schema.printed(scope.kind, key))
        for key, setting in scope.settings.items()
    }
    inner: list[Data] = [
        _scope_fields(member, schema, recurse=True) if recurse else {"scope": member.name, "instance": member.instance}
        for member in scope.children
    ]
    return {"scope": scope.name, "instance": scope.instance, "options": options, "scopes": inner}


# completion


def _names(request: Request) -> Sequence[str]:
    """What the next word of a path could be: instances that are configured, or scopes and options valid there."""
    tree, known = request.tree, split(request.rest)
    try:
        path, rest = parse_path(known, tree)
    except ConfigErrors:  # the last word is a named scope that lacks its instance
        path, _ = parse_path(known[:-1], tree)
        scope = tree.scope(path)
        return () if scope is None else [_written(member.instance) for member in scope.all(known[-1])]
    return () if rest else tuple(tree.schema.names_in(("global", *(kind for kind, _ in path))).values())


def _scope_names(request: Request) -> Sequence[str]:
    """As ``_names``, without options."""
    scopes = request.tree.schema.scopes
    kinds = split(request.rest)[-1:]
    is_instance = bool(kinds) and kinds[0].lower() in scopes and scopes[kinds[0].lower()].is_named
    return [name for name in _names(request) if is_instance or name.lower() in scopes]


def _written(instance: str) -> str:
    return quoted(instance) if any(c.isspace() for c in instance) or instance[:1] in "\"'" else instance


GET = Command(
    ("config", "get"),
    "Show what an option is set to in one scope.",
    _get,
    arguments=f"{_SCOPES} OPTION",
    help=f"'config eval' falls back to the scopes around it and to the default; this does not.\n{_ABOUT_SCOPES}",
    candidates=_names,
)
EVAL = Command(
    ("config", "eval"),
    "Show the value of an option that holds in a scope.",
    _eval,
    arguments=f"{_SCOPES} OPTION",
    help=f"Where the scope does not set it, those around it are asked, then the default holds.\n{_ABOUT_SCOPES}",
    candidates=_names,
)
SET = Command(
    ("config", "set"),
    "Set an option in a scope, at once.",
    _set,
    arguments=f"{_SCOPES} OPTION [=] VALUE",
    help="The value is written as in a configuration file: ( a b ) is a list, and what holds blanks or # is quoted.\n"
    "The change is in memory, and checked before it holds: sockets are opened and closed when the answer comes.\n"
    "Within a transaction it waits for 'config commit'; 'config writeback' writes changes to the files.\n"
    f"{_ABOUT_SCOPES}",
    candidates=_names,
)
UNSET = Command(
    ("config", "unset"),
    "Remove an option from a scope, or a scope with all in it.",
    _unset,
    arguments=f"{_SCOPES} [OPTION]",
    help=f"The file level as a whole cannot be removed.\n{_ABOUT_SCOPES}",
    candidates=_names,
)
SHOW = Command(
    ("config", "show"),
    "Show what is in a scope, the scopes in it collapsed.",
    _show,
    arguments=_SCOPES,
    help=_ABOUT_SCOPES,
    candidates=_scope_names,
)
SHOWRECURSE = Command(
    ("config", "showrecurse"),
    "Show a scope and all in it.",
    _showrecurse,
    arguments=_SCOPES,
    help=_ABOUT_SCOPES,
    candidates=_scope_names,
)
