"""Sets of scopes in which options are commonly valid (options.json has each option's own)."""

from __future__ import annotations


def scopes(*names: str) -> frozenset[str]:
    """The scopes named, in lower case."""
    return frozenset(name.lower() for name in names)


GLOBAL = scopes("global")
PATHWAYS = scopes("pathway", "pathway_group")
INBOUND_SMTP = scopes("esmtp_listener", "listen", "peer") | PATHWAYS
INBOUND_SMTP_AND_GLOBAL = INBOUND_SMTP | GLOBAL
INBOUND_MAIL = INBOUND_SMTP | scopes("ecstream_listener")
INBOUND_MAIL_AND_GLOBAL = INBOUND_MAIL | GLOBAL
CONTENT = GLOBAL | PATHWAYS
LISTENERS = scopes(
    "control_listener",
    "eccluster_listener",
    "ecstream_listener",
    "esmtp_listener",
    "http_listener",
    "msgcserver_listener",
)
SOCKETS = LISTENERS | scopes("listen")
OUTBOUND = GLOBAL | scopes("binding", "binding_group", "domain")
