"""opendkim scopes: what is taken, and what is said of what is wrong, with its place."""

from __future__ import annotations

import pytest

from momentum_trio.config.error import ConfigErrors
from momentum_trio.config.load import load_text
from momentum_trio.config.manual import ACTS, STORED_ONLY, state
from momentum_trio.config.schema import Schema
from momentum_trio.delivery.dkim_options import GUARDED_NAMES, SIGNED_NAMES
from momentum_trio.delivery.signing_policy import SigningPolicy
from momentum_trio.node.schema import DECLARED
from momentum_trio.protocol.dkim.canonical import Canon

# The example of the original's page on the module, without its script.
MANUAL = """
Binding_Group "opendkim_signing" {
  opendkim_sign = "true"
  binding "foo" {
    domain "test1.example.com" { opendkim_sign = "true" }
    domain "test2.example.com" { opendkim_sign = "false" }
  }
}
opendkim "opendkim1" {
  header_canon = "relaxed"
  body_canon = "relaxed"
  headerlist = ("from", "to", "message-id", "date", "subject", "Content-Type")
  digest = "rsa-sha256"
  key = "/opt/msys/ecelerity/etc/conf/dkim/%{d}/%{s}.key"
  dkim_domain "ectest.example.com" {
    selector = "dkim-s1024"
  }
}
"""


def policy(text: str) -> SigningPolicy:
    tree = load_text(text, declared=DECLARED)
    assert tree.warnings == ()
    return SigningPolicy(tree.root)


def test_the_example_of_the_manual() -> None:
    (identity,) = policy(MANUAL).identities("ectest.example.com")
    assert (identity.domain, identity.selector) == ("ectest.example.com", "dkim-s1024")
    assert identity.key_path == "/opt/msys/ecelerity/etc/conf/dkim/ectest.example.com/dkim-s1024.key"
    assert (identity.header_canon, identity.body_canon, identity.digest) == (Canon.RELAXED, Canon.RELAXED, "rsa-sha256")
    assert identity.names[:6] == ("from", "to", "message-id", "date", "subject", "content-type")


def test_defaults_and_what_a_domain_says_itself() -> None:
    found = policy(
        'opendkim { key = "/k" selector = ( a b ) skip_headerlist = "cc, date" lifetime = 2 '
        'dkim_domain "X.example" { } '
        "dkim_domain y.example { selector = c base_domain = Example header_canon = relaxed } }"
    )
    first, second = found.identities("x.example")
    assert (first.selector, second.selector) == ("a", "b")
    assert (first.header_canon, first.body_canon, first.lifetime_seconds) == (Canon.SIMPLE, Canon.SIMPLE, 7200)
    assert first.names == tuple(name for name in SIGNED_NAMES if name not in ("cc", "date"))
    assert first.guarded == frozenset(GUARDED_NAMES)
    (of_y,) = found.identities("y.example")
    assert (of_y.domain, of_y.selector, of_y.header_canon) == ("example", "c", Canon.RELAXED)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('dkim_domain "x" { selector = s }', "1:21: dkim_domain: there is no key, here or in opendkim"),
        ('dkim_domain "x" { key = "/k" }', "1:21: dkim_domain: there is no selector"),
        ("digest = rsa-sha1", "worth nothing (RFC 8301)"),
        ("digest = md5", "expected one of rsa-sha256, ed25519-sha256"),
        ("body_length_limit = true", "l= lets anybody add"),
        ("headerlist = ( To )", "expected a list with From in it"),
        ('headerlist = ( "From" "a b:" )', "'b:' is none"),
        ("skip_headerlist = ( From )", "expected a list without From"),
        ('key = "/%d/key"', "expected a path in which %{d} is"),
        ('selector = ( "a b" )', "expected a selector"),
        ("header_canon = strict", "expected one of simple, relaxed"),
        ("selektor = a", "did you mean selector?"),
        ('dkim_domain "x" { headerlist = ( From ) }', "not valid in dkim_domain; it is valid in opendkim"),
        ('dkim_domain { key = "/k" selector = s }', "the scope needs an instance"),
    ],
)
def test_said(text: str, said: str) -> None:
    with pytest.raises(ConfigErrors) as raised:
        load_text(f'opendkim "module" {{ {text} }}', declared=DECLARED)
    assert said in "\n".join(f"{error} {error.hint}" for error in raised.value.errors)


def test_a_domain_stands_in_the_module_alone() -> None:
    with pytest.raises(ConfigErrors, match="it stands in opendkim"):
        load_text('dkim_domain "x" { key = "/k" selector = s }', declared=DECLARED)


def test_other_modules_stay_opaque() -> None:
    tree = load_text('dkim_sign "x" { anything = goes }', declared=DECLARED)
    assert "not a part of this host" in str(tree.warnings[0])


def test_the_reference_says_what_acts() -> None:
    schema = Schema.load(DECLARED)
    states = {key: state(schema.options["opendkim", key], schema) for key in ("key", "enabled", "lifetime", "testing")}
    assert states == {"key": ACTS, "enabled": ACTS, "lifetime": ACTS, "testing": STORED_ONLY}
    assert state(schema.options["domain", "opendkim_sign"], schema) == ACTS
