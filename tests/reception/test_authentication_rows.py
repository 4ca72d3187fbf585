"""The rows of mail authentication one by one: what their options make of a finding, and what is told of it."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from momentum_trio.config.error import ConfigErrors
from momentum_trio.config.load import load_text
from momentum_trio.config.schema import Schema
from momentum_trio.node.schema import DECLARED
from momentum_trio.protocol.dmarc.evaluation import DmarcFinding, DmarcResult
from momentum_trio.protocol.dmarc.record import DmarcPolicy
from momentum_trio.protocol.spf.evaluation import SpfFinding, SpfIdentity
from momentum_trio.protocol.spf.record import SpfResult
from momentum_trio.reception.policy import Continue, Defer, Mail, Reject, Verdict
from momentum_trio.reception.policy.dmarc import author_of
from momentum_trio.reception.policy.dmarc import verdict_on as dmarc_verdict
from momentum_trio.reception.policy.evidence import Evidence
from momentum_trio.reception.policy.modules import Modules
from momentum_trio.reception.policy.spf import received_spf
from momentum_trio.reception.policy.spf import verdict_on as spf_verdict

SCHEMA = Schema.load(DECLARED)


def modules(text: str) -> Modules:
    return Modules.of(load_text(text, declared=DECLARED, schema=SCHEMA).root)


@pytest.mark.parametrize(
    ("options", "finding", "verdict"),
    [
        ("", SpfFinding(SpfResult.FAIL), Continue(message={"spf_status": "fail"})),
        ('context_variable = "x"', SpfFinding(SpfResult.PASS), Continue(message={"x": "pass"})),
        ("fail_code = 550", SpfFinding(SpfResult.FAIL), Reject("SPF validation failure", enhanced="5.7.23")),
        (
            "fail_code = 550",
            SpfFinding(SpfResult.FAIL, "b.example", explanation="go away"),
            Reject("b.example explains: go away", enhanced="5.7.23"),
        ),
        (
            "fail_code = 550",
            SpfFinding(SpfResult.FAIL, "b" * 250, explanation="e" * 255),
            Reject(("b" * 250 + " explains: " + "e" * 255)[:400], enhanced="5.7.23"),
        ),
        (
            'fail_code = 554 fail_fallback_string = "no"',
            SpfFinding(SpfResult.FAIL),
            Reject("no", code=554, enhanced="5.7.23"),
        ),
        (
            "softfail_code = 450",
            SpfFinding(SpfResult.SOFTFAIL),
            Defer("SPF validation soft failure", code=450, enhanced="4.7.23"),
        ),
        ("temperror_code = 451", SpfFinding(SpfResult.TEMPERROR), Defer("Temporary SPF failure", enhanced="4.7.24")),
        (
            "permerror_code = 550",
            SpfFinding(SpfResult.PERMERROR),
            Reject("the SPF record of the sender's domain is wrong", enhanced="5.7.24"),
        ),
        (
            "nxdomain_code = 550",
            SpfFinding(SpfResult.NONE, is_absent=True),
            Reject("Could not resolve sender's domain", enhanced="5.1.8"),
        ),
        ("nxdomain_code = 550 fail_code = 550", SpfFinding(SpfResult.NONE), Continue()),
        ("fail_code = 550 softfail_code = 550", SpfFinding(SpfResult.NEUTRAL), Continue()),
    ],
)
def test_what_spf_comes_to(options: str, finding: SpfFinding, verdict: Verdict) -> None:
    spf = modules(f'spf_v1 "s" {{ {options} }}').spf
    assert spf is not None
    found = spf_verdict(spf, finding)
    assert {**found.message} == {spf.variable: finding.result.value}
    shown = [getattr(found, name, None) for name in ("text", "code", "enhanced")]
    assert (type(found), shown) == (
        type(verdict),
        [getattr(verdict, name, None) for name in ("text", "code", "enhanced")],
    )


@pytest.mark.parametrize(
    ("options", "result", "disposition", "code"),
    [
        ("", DmarcResult.FAIL, "reject", None),
        ("", DmarcResult.TEMPERROR, "none", None),
        ("enforce = true", DmarcResult.FAIL, "reject", 550),
        ("enforce = true", DmarcResult.FAIL, "quarantine", None),
        ("enforce = true", DmarcResult.FAIL, "none", None),
        ("enforce = true", DmarcResult.PASS, "none", None),
        ("enforce = true", DmarcResult.NONE, "none", None),
        ("enforce = true", DmarcResult.TEMPERROR, "none", 451),
        ("enforce = true", DmarcResult.PERMERROR, "none", 550),
        ("enforce = true reject_code = 451 permerror_code = 250 temperror_code = 250", DmarcResult.FAIL, "reject", 451),
        (
            "enforce = true reject_code = 451 permerror_code = 250 temperror_code = 250",
            DmarcResult.PERMERROR,
            "none",
            None,
        ),
        ("enforce = true quarantine_code = 550", DmarcResult.FAIL, "quarantine", 550),
    ],
)
def test_what_dmarc_comes_to(options: str, result: DmarcResult, disposition: str, code: int | None) -> None:
    dmarc = modules(f'dmarc "d" {{ {options} }}').dmarc
    assert dmarc is not None
    verdict = dmarc_verdict(dmarc, DmarcFinding(result, "b.example", disposition=DmarcPolicy(disposition)))
    assert getattr(verdict, "code", None) == code
    wished = {"dmarc_disposition": disposition} if result is DmarcResult.FAIL else {}
    assert {**verdict.message} == {"dmarc_status": result.value, **wished}


@pytest.mark.parametrize(
    ("section", "author"),
    [
        # RFC 7489 section 6.6.1
        ("From: ann@b.example", "b.example"),
        ('From: "x@other.example" <ann@B.example>', "b.example"),
        ("From: ann@b.example, bob@b.example", "b.example"),
        ("From: ann@b.example, bob@other.example", ""),
        ("From: ann@b.example\r\nFrom: ann@b.example", ""),
        ("From: <ann@b.example> <bob@other.example>", ""),
        ("From: ann@b.example bob@other.example", ""),
        ("From: nobody", ""),
        ("Subject: x", ""),
        ("no header section", ""),
        ("From: ann@b\u00fccher.example", "xn--bcher-kva.example"),
        ("From: Ann <ann@b\u00fccher.example>", "xn--bcher-kva.example"),
        ("From: Ann <ann@\u2028.example>", ""),
    ],
)
def test_the_author_that_dmarc_goes_by(section: str, author: str) -> None:
    assert author_of(f"Subject: y\r\n{section}\r\n".encode() if ":" in section else section.encode()) == author


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", []),
        ('spf_v1 "s" {}', ["spf_v1", "authentication_results"]),
        ("spf_v1 {} dkim_validate {}", ["spf_v1", "dkim_validate", "authentication_results"]),
        ('dmarc "d" {}', ["spf_v1", "dkim_validate", "dmarc", "authentication_results"]),
        ('dmarc "d" { enabled = false } spf_v1 "a" { enabled = false }', []),
        ('spf_v1 "a" { enabled = false } spf_v1 "b" {}', ["spf_v1", "authentication_results"]),
    ],
)
def test_which_rows_a_configuration_asks_for(text: str, names: list[str]) -> None:
    assert list(modules(text).names) == names


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("spf_v1 { fail_code = 421 }", "expected 250 to accept, or a code"),
        ("spf_v1 { fail_code = 354 }", "expected 250 to accept, or a code"),
        ('spf_v1 { default_rule = "a:" }', "is no domain"),
        ('spf_v1 { context_variable = "tls_x" }', "not the host's own"),
        ('spf_v1 { fail_fallback_string = "" }', "one line of ASCII"),
        ("dmarc { timeout = 0 }", "from 1 to 60"),
        ("dmarc { enforced = true }", "did you mean"),
        ("dkim_validate { headerlist = ( a ) }", "not valid in dkim_validate"),
    ],
)
def test_what_is_wrong_is_said(text: str, problem: str) -> None:
    with pytest.raises(ConfigErrors, match=problem):
        modules(text)


def test_received_spf() -> None:
    """RFC 7208 section 9.1."""
    mail = Mail("ann@b.example", (), "", False, {})
    identity = SpfIdentity(ip_address("192.0.2.1"), "ann@b.example", "h\u00e9(llo", "mx.example")
    field = received_spf(SpfFinding(SpfResult.SOFTFAIL, "b.example", "~all"), identity, mail)
    assert field == (
        "Received-SPF: softfail (mx.example: b.example does not fully designate 192.0.2.1 as permitted sender)\r\n"
        '\tclient-ip=192.0.2.1;\r\n\tenvelope-from="ann@b.example";\r\n\thelo="h?(llo";\r\n\tidentity=mailfrom;\r\n'
        '\tmechanism="~all";\r\n'
    )


@pytest.mark.parametrize(
    ("section", "kept"),
    [
        (b"Authentication-Results: mx.example; x\r\nA: b\r\n", b"A: b\r\n"),
        (b"A: b\r\nauthentication-results : MX.example;\r\n\tx\r\nC: d", b"A: b\r\nC: d"),
        (b"Authentication-Results: other.example; x\r\n", b"Authentication-Results: other.example; x\r\n"),
        # a line that continues another field is none of its own, and does not save the one that is
        (
            b"A: b\r\n Authentication-Results: mx.example; x\r\nAuthentication-Results: mx.example; x\r\n",
            b"A: b\r\n Authentication-Results: mx.example; x\r\n",
        ),
    ],
)
def test_fields_by_our_name_are_taken_out(section: bytes, kept: bytes) -> None:
    assert Evidence(authserv_id="mx.example", removes=True).without_ours(section) == kept
    assert Evidence(authserv_id="mx.example", removes=False).without_ours(section) == section
