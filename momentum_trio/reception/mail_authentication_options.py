"""What the modules spf_v1, dkim_validate and dmarc are told, and whose Authentication-Results are believed."""

from __future__ import annotations

import re

from momentum_trio.config.host_kind import ADDRESS_LIST, NO_HOSTS
from momentum_trio.config.kind import BOOLEAN, HOST_NAME, PATH, integer_between, quoted, word_of
from momentum_trio.config.option import Kind, Option, Options
from momentum_trio.config.reply_code import ACCEPTS, REPLY_CODE
from momentum_trio.config.scope import INBOUND_SMTP_AND_GLOBAL, scopes
from momentum_trio.config.value import Value
from momentum_trio.protocol.smtp.claims import is_own_name
from momentum_trio.protocol.spf.record import VERSION, SpfRecord

SPF, DKIM, DMARC = scopes("spf_v1"), scopes("dkim_validate"), scopes("dmarc")
TIMEOUT_SECONDS, TIMEOUT_SECONDS_MAX = 20, 60
TEXT_CHARACTERS_MAX = 200

_VARIABLE = re.compile(r"[A-Za-z0-9_.-]{1,64}")


def _reply_text(value: Value) -> str:
    text = word_of(value, expected := f"a text of one line of ASCII, of at most {TEXT_CHARACTERS_MAX} characters")
    if not (text.strip() and text.isascii() and text.isprintable()) or len(text) > TEXT_CHARACTERS_MAX:
        raise ValueError(f"expected {expected}")
    return text


def _variable(value: Value) -> str:
    text = word_of(value, expected := "the name of a variable that is not the host's own")
    if not _VARIABLE.fullmatch(text) or is_own_name(text):
        raise ValueError(f"expected {expected}")
    return text


def _rule(value: Value) -> str:
    text = word_of(value, "terms of an SPF record, such as ?all")
    if text:
        SpfRecord.parse(f"{VERSION} {text}")
    return text


REPLY_TEXT: Kind[str] = Kind("string", _reply_text, quoted)
VARIABLE: Kind[str] = Kind("string", _variable, quoted)
SPF_RULE: Kind[str] = Kind("string", _rule, quoted)
_SECONDS = integer_between(1, TIMEOUT_SECONDS_MAX, "time-seconds", "seconds")


class AuthenticationResultsOptions(Options):
    """Of the field that tells what was found."""

    authserv_id = Option(
        "Authserv_ID",
        HOST_NAME,
        "",
        INBOUND_SMTP_AND_GLOBAL,
        "What Authentication-Results calls this host; empty: its Hostname. Fields of others by that name are removed.",
        ours=True,
    )
    trusted_hosts = Option(
        "Authserv_Trusted_Hosts",
        ADDRESS_LIST,
        NO_HOSTS,
        INBOUND_SMTP_AND_GLOBAL,
        "Clients that may bring Authentication-Results fields by the name of this host.",
        ours=True,
    )


class SpfOptions(Options):
    """The module spf_v1."""

    enabled = Option("enabled", BOOLEAN, True, SPF, "Whether SPF is checked.")
    default_rule = Option(
        "default_rule", SPF_RULE, "", SPF, "The terms that hold for a domain without a record; empty: none do."
    )
    adds_headers = Option("add_headers", BOOLEAN, True, SPF, "Put a Received-SPF field in front of the message.")
    adds_results = Option(
        "add_authentication_results", BOOLEAN, True, SPF, "Tell the result in the Authentication-Results field."
    )
    variable = Option(
        "context_variable", VARIABLE, "spf_status", SPF, "The variable of the message context that has the result."
    )
    fail_code = Option("fail_code", REPLY_CODE, ACCEPTS, SPF, "The reply to MAIL when SPF fails; 250: accept it.")
    fail_text = Option(
        "fail_fallback_string",
        REPLY_TEXT,
        "SPF validation failure",
        SPF,
        "What is said of a fail that the domain does not explain.",
    )
    softfail_code = Option("softfail_code", REPLY_CODE, ACCEPTS, SPF, "The reply to MAIL when SPF fails softly.")
    softfail_text = Option(
        "softfail_fallback_string", REPLY_TEXT, "SPF validation soft failure", SPF, "What is said of a softfail."
    )
    absent_code = Option(
        "nxdomain_code", REPLY_CODE, ACCEPTS, SPF, "The reply to MAIL when the sender's domain is not there."
    )
    absent_text = Option(
        "nxdomain_override_string",
        REPLY_TEXT,
        "Could not resolve sender's domain",
        SPF,
        "What is said of a domain that is not there.",
    )
    temperror_code = Option(
        "temperror_code", REPLY_CODE, ACCEPTS, SPF, "The reply to MAIL when DNS does not answer; best of class 4."
    )
    temperror_text = Option(
        "temperror_override_string", REPLY_TEXT, "Temporary SPF failure", SPF, "What is said when DNS does not answer."
    )
    permerror_code = Option("permerror_code", REPLY_CODE, ACCEPTS, SPF, "The reply to MAIL when the record is wrong.")
    permerror_text = Option(
        "permerror_override_string",
        REPLY_TEXT,
        "the SPF record of the sender's domain is wrong",
        SPF,
        "What is said of a wrong record.",
        ours=True,
    )
    timeout = Option(
        "timeout", _SECONDS, TIMEOUT_SECONDS, SPF, "Seconds for all questions of one check together.", ours=True
    )


class DkimValidationOptions(Options):
    """The module dkim_validate."""

    enabled = Option("enabled", BOOLEAN, True, DKIM, "Whether DKIM signatures are verified.")
    adds_results = Option(
        "add_authentication_results",
        BOOLEAN,
        True,
        DKIM,
        "Tell the results in the Authentication-Results field.",
        ours=True,
    )
    variable = Option(
        "context_variable",
        VARIABLE,
        "dkim_status",
        DKIM,
        "The variable of the message context that has the best result.",
        ours=True,
    )
    takes_partial = Option(
        "partial_body",
        BOOLEAN,
        False,
        DKIM,
        "Let a signature pass that leaves the end of the body unsigned (l=).",
        ours=True,
    )
    timeout = Option(
        "timeout", _SECONDS, TIMEOUT_SECONDS, DKIM, "Seconds for the keys of one message together.", ours=True
    )


class DmarcOptions(Options):
    """What a ``dmarc`` scope says: whether DMARC is checked, and what is refused."""

    enabled = Option("enabled", BOOLEAN, True, DMARC, "Whether DMARC is checked.", ours=True)
    enforce = Option(
        "enforce", BOOLEAN, False, DMARC, "Refuse what the codes below say; else it is only told.", ours=True
    )
    adds_results = Option(
        "add_authentication_results",
        BOOLEAN,
        True,
        DMARC,
        "Tell the result in the Authentication-Results field.",
        ours=True,
    )
    variable = Option(
        "context_variable",
        VARIABLE,
        "dmarc_status",
        DMARC,
        "The variable of the message context that has the result.",
        ours=True,
    )
    suffix_file = Option(
        "public_suffix_file",
        PATH,
        "",
        DMARC,
        "The public suffix list, by which organizations are told; empty: by records in DNS.",
        ours=True,
    )
    reject_code = Option(
        "reject_code", REPLY_CODE, 550, DMARC, "The reply to mail that fails and is to be rejected.", ours=True
    )
    quarantine_code = Option(
        "quarantine_code",
        REPLY_CODE,
        ACCEPTS,
        DMARC,
        "The reply to mail that fails and is to be put aside; 250: dmarc_disposition says so to policy.",
        ours=True,
    )
    temperror_code = Option(
        "temperror_code", REPLY_CODE, 451, DMARC, "The reply when DNS does not answer; best of class 4.", ours=True
    )
    permerror_code = Option(
        "permerror_code", REPLY_CODE, 550, DMARC, "The reply to mail whose From names not one domain.", ours=True
    )
    timeout = Option(
        "timeout", _SECONDS, TIMEOUT_SECONDS, DMARC, "Seconds for all questions of one check together.", ours=True
    )
