"""Replies become others before anything is made of them (the manual's response_transcode module)."""

from __future__ import annotations

import pytest
from delivery_world import AT, DictionaryScope

from momentum_trio.config.chain import Chain
from momentum_trio.config.value import Setting, Word
from momentum_trio.delivery.outcome import Bounced, Deferred
from momentum_trio.delivery.transcode import REPLY_CHARACTERS_MAX, transcoded
from momentum_trio.delivery.transcode_options import TranscodeOptions


def options(pattern: str, replacement: str) -> TranscodeOptions:
    given = {"Response_Transcode_Pattern": pattern, "Response_Transcode_Replace": replacement}
    settings = {name.lower(): Setting(name, Word(text), AT) for name, text in given.items()}
    return TranscodeOptions.resolve(Chain([DictionaryScope("global", "", settings)]))


@pytest.mark.parametrize(
    ("pattern", "replacement", "reason", "becomes"),
    [
        # the manual's example
        ("454 no such user ('.*')", "554 no such user $1", "454 no such user 'bob'", "554 no such user 'bob'"),
        ("454 no such user", "554 $0!", "454 no such user 'bob'", "554 454 no such user!"),
        ("^550 5.2.1", "450 4.2.1 $0", "550 5.2.1 disabled", "450 4.2.1 550 5.2.1"),
        ("(a)|(b)", "450 [$1][$2][$3][$10][$99999999999]", "550 b", "450 [][b][][][]"),
        ("550 (.*)", "$0 ($1)", "550 no", "550 no (no)"),
        ("x", "450 y", "550 no", "550 no"),  # not found
        ("NO", "450 y", "550 no", "550 no"),  # case counts
        ("(n)o", "$1$1", "550 no", "550 no"),  # no reply comes of it
        ("2(00)", "$0 ok", "550 200", "550 200"),  # no delivery is made of a refusal
        ("", "450 y", "550 no", "550 no"),
        ("no", "", "550 no", "550 no"),
        # "you can transcode [internal] transient failures but not [internal] permanent failures"
        ("4.4.4", "550 5.4.4 gone", "454 4.4.4 [internal] no MX or A for domain", "550 5.4.4 gone"),
        (
            "5.4.4",
            "450 4.4.4 wait",
            "554 5.4.4 [internal] Domain Lookup Failed",
            "554 5.4.4 [internal] Domain Lookup Failed",
        ),
    ],
)
def test_replies(pattern: str, replacement: str, reason: str, becomes: str) -> None:
    kinds: dict[str, type[Deferred | Bounced]] = {"4": Deferred, "5": Bounced}
    outcome = kinds[reason[0]](reason, 5, "192.0.2.1", 31)
    expected = kinds[becomes[0]](becomes, 5, "192.0.2.1", 31)
    assert transcoded(options(pattern, replacement), outcome) == expected


def test_what_is_not_configured_changes_nothing() -> None:
    outcome = Deferred("450 x")
    assert transcoded(TranscodeOptions.resolve(Chain([])), outcome) is outcome


def test_a_reply_is_bounded() -> None:
    outcome = transcoded(options("5.*", "$0$0$0"), Bounced("550 " + "x" * 900))
    assert len(outcome.reason) == REPLY_CHARACTERS_MAX


@pytest.mark.parametrize("text", ["250 ok", "no", "4500 x", "450 a\r\nb", "$"])
def test_replacements_that_are_no_replies(text: str) -> None:
    with pytest.raises(ValueError, match="expected a reply"):
        options("x", text)


def test_patterns_are_checked() -> None:
    with pytest.raises(ValueError, match="RE2 has no lookahead"):
        options("(?=x)", "450 x")
