"""A configuration out of texts already in memory: for tests, tools and fuzzers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from momentum_trio.config.check import check
from momentum_trio.config.error import ConfigError, ConfigErrors, in_order
from momentum_trio.config.include import DirectoryListing, ErrorOfReading, Loader, Supply
from momentum_trio.config.option import Option
from momentum_trio.config.schema import Schema
from momentum_trio.config.secrecy import Secrets
from momentum_trio.config.tree import ConfigTree


def load_text(
    files: Mapping[str, bytes | str] | bytes | str,
    main: str = "ecelerity.conf",
    *,
    search_path: Sequence[str] = (),
    nodename: str = "",
    declared: Iterable[Option[Any]] | None = None,
    schema: Schema | None = None,
) -> ConfigTree:
    """The tree of *files*, texts by path (or the text of *main* alone).

    declared: the options that code declares; when given, names and values are checked as well. schema: one already
    loaded.
    Raises ConfigErrors with everything that is wrong.
    """
    if isinstance(files, bytes | str):
        files = {main: files}
    texts = {path: text.encode() if isinstance(text, str) else text for path, text in files.items()}
    known = Schema.load(declared or ()) if schema is None else schema
    loader = Loader(main, known, search_path=search_path, nodename=nodename)
    while wanted := loader.wanted():
        for path in wanted:
            loader.supply(path, _found(texts, path))
    tree, errors = loader.outcome()
    return checked(tree, errors) if declared is not None else _without(tree, errors)


def checked(tree: ConfigTree, errors: Sequence[ConfigError] = ()) -> ConfigTree:
    """*tree* when it is good, with its warnings. errors: what its text is already known to have wrong.

    Raises ConfigErrors: all of them together, in the order of the files.
    """
    in_doubt = {error.at.file for error in errors if error.is_structural}
    said = [error for error in check(tree) if error.at.file not in in_doubt]
    Secrets(tree.schema).veil(said, {path: file.document.source for path, file in tree.files.items()})
    wrong = in_order((*errors, *(error for error in said if not error.warning)), tree.files)
    warnings = in_order((*tree.text_warnings, *(error for error in said if error.warning)), tree.files)
    if wrong:
        raise ConfigErrors(wrong, tree.sources())
    return tree.judged(warnings)


def _without(tree: ConfigTree, errors: Sequence[ConfigError]) -> ConfigTree:
    if errors:
        raise ConfigErrors(errors, tree.sources())
    return tree


def _found(texts: Mapping[str, bytes], path: str) -> Supply:
    if path in texts:
        return texts[path]
    inside = f"{path}/"
    names = [name[len(inside) :] for name in texts if name.startswith(inside)]
    plain = [name for name in names if "/" not in name]
    return DirectoryListing(plain) if names else ErrorOfReading()
