"""``authz id``, ``authz roles list``: who the client is, and which Roles there are (spec/console.md section 5)."""

from __future__ import annotations

from collections.abc import Iterable
from xml.sax.saxutils import quoteattr

from momentum_trio.console.command import Answer, Command, Request
from momentum_trio.console.role import defined


async def _id(request: Request) -> Answer:
    who = request.operator
    text = "\n".join(
        (
            f"<AuthzInformation username={quoteattr(who.user)}>",
            *(f"  {line}" for line in _roles(who.roles, "  ")),
            "</AuthzInformation>",
        )
    )
    return Answer(text, {"user": who.user, "roles": who.roles})


async def _list(request: Request) -> Answer:
    names = defined(request.administration.tree)
    return Answer("\n".join(_roles(names, " ")), {"roles": names})


def _roles(names: Iterable[str], indent: str) -> Iterable[str]:
    return ("<Roles>", *(f"{indent}<Role name={quoteattr(name)}/>" for name in names), "</Roles>")


AUTHZ_ID = Command(("authz", "id"), "Show who you are, and the roles that are yours.", _id)
AUTHZ_ROLES_LIST = Command(("authz", "roles", "list"), "List the Roles of the configuration.", _list)
