"""Options of the ``Security`` scope: whom a node that was started as root becomes."""

from __future__ import annotations

from momentum_trio.config.kind import PATH, STRING, STRINGS, quoted, word_of
from momentum_trio.config.option import Kind, Option, Options
from momentum_trio.config.scope import scopes
from momentum_trio.config.value import Value
from momentum_trio.net.capability import capabilities

SECURITY = scopes("security")


def _capabilities(value: Value) -> str:
    text = word_of(value, "capabilities such as cap_net_bind_service+ep")
    capabilities(text)
    return text


CAPABILITIES = Kind("string", _capabilities, quoted)


class SecurityOptions(Options):
    """Whom to become once the sockets below port 1024 are bound, and which of root's capabilities stay."""

    user = Option("User", STRING, "ecuser", SECURITY, "User to become, by name or number.", dynamic=False)
    group = Option("Group", STRING, "ecuser", SECURITY, "Group to become, by name or number.", dynamic=False)
    supplemental = Option(
        "Supplemental_Groups", STRINGS, (), SECURITY, "Further groups, by name or number.", dynamic=False
    )
    capabilities = Option(
        "Capabilities",
        CAPABILITIES,
        "",
        SECURITY,
        "Capabilities to keep, in the syntax of cap_from_text(3): cap_net_bind_service+ep for Listens below port 1024 "
        "that were not open when root was given up.",
        dynamic=False,
    )
    chroot = Option(
        "Chroot",
        PATH,
        "",
        SECURITY,
        "Refused as root: RootDirectory of a unit does it better.",
        dynamic=False,
    )
