"""A question of an operator answered, as text and as data: what the console and ``ec_explain`` have in common."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

from momentum_trio.config.tree import ConfigTree
from momentum_trio.console.command import Answer
from momentum_trio.node.explanation.fields import inbound_fields, option_fields, outbound_fields
from momentum_trio.node.explanation.inbound import explain
from momentum_trio.node.explanation.lines import inbound_lines, option_lines, outbound_lines
from momentum_trio.node.explanation.origin import Effective
from momentum_trio.node.explanation.outbound import explain_outbound
from momentum_trio.node.explanation.question import Outbound, parse


def answer(tree: ConfigTree, words: Sequence[str], system_hostname: str) -> Answer:
    """What *words* ask, answered by *tree*. Raises ValueError when they do not ask anything, or leave something open.

    system_hostname: what this host calls itself where no option says so.
    """
    asked = parse(words)
    if isinstance(asked, Outbound):
        out = explain_outbound(tree, asked, system_hostname)
        if asked.option:
            return _of_option((*out.of_mail, *out.of_way), asked.option)
        return Answer("\n".join(outbound_lines(out)), outbound_fields(out))
    told = explain(tree, asked, system_hostname)
    if asked.option and not told.refused:
        return _of_option((*told.options, *told.idle), asked.option)
    return Answer("\n".join(inbound_lines(told)), inbound_fields(told), failed=bool(told.refused))


def _of_option(options: Sequence[Effective], name: str) -> Answer:
    found = [option for option in options if option.option.lower() == name.lower()]
    if not found:
        near = get_close_matches(name.lower(), [option.option.lower() for option in options], 1)
        meant = next((option.option for option in options if near and option.option.lower() == near[0]), "")
        hint = f"; did you mean {meant}?" if meant else ""
        raise ValueError(f"nothing asked about here reads an option '{name}'{hint}")
    return Answer("\n".join(option_lines(found)), option_fields(found[0]))
