"""Macros: facts that go in front of a command, by the names that Sendmail gave them.

A milter that has asked for some of a stage gets those, as far as we know them; any other gets the usual ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from momentum_trio.protocol.milter.negotiation import Stage

USUAL: Final[Mapping[Stage, tuple[str, ...]]] = MappingProxyType(
    {
        Stage.CONNECT: (
            "j",
            "v",
            "_",
            "{daemon_name}",
            "{daemon_addr}",
            "{daemon_port}",
            "{client_name}",
            "{client_ptr}",
            "{client_addr}",
            "{client_port}",
        ),
        Stage.HELLO: ("{tls_version}", "{cipher}", "{cipher_bits}", "{cert_subject}", "{cert_issuer}"),
        Stage.MAIL: ("{auth_type}", "{auth_authen}", "{auth_author}", "{mail_mailer}", "{mail_host}", "{mail_addr}"),
        Stage.RCPT: ("{rcpt_mailer}", "{rcpt_host}", "{rcpt_addr}"),
        Stage.DATA: ("i",),
        Stage.END_OF_HEADER: ("i",),
        Stage.END_OF_CONTENT: ("i",),
    }
)


def chosen(stage: Stage, known: Mapping[str, str], symbols: Mapping[Stage, frozenset[str]]) -> dict[str, str]:
    """Those of *known* that go in front of *stage*'s command. symbols: what the milter has asked for."""
    usual = USUAL[stage]
    if stage not in symbols:
        return {name: known[name] for name in usual if known.get(name)}
    asked = symbols[stage] | {f"{{{name}}}" for name in symbols[stage]}  # some ask without the braces
    return {name: text for name, text in known.items() if text and name in asked}
