"""Whether a request is for this host, from one of its own pages if from any, and made as no other page can have it made
(SECURITY.md, HTTP).

There are no cookies. A browser sends Basic and Digest by itself, and whatever is on a loopback Listen needs neither: so
what changes something has a media type that a page of another site cannot send unasked (it is no form's), and nobody
who asks is ever told that he may.
"""

from __future__ import annotations

from momentum_trio.listener.http_terms import LOCALHOST, HttpTerms
from momentum_trio.protocol.http import site
from momentum_trio.protocol.http.refusal import refusal
from momentum_trio.protocol.http.request import Request
from momentum_trio.protocol.http.response import Response
from momentum_trio.protocol.http.site import Site

WITHOUT_BODY = frozenset(("DELETE",))
"""Methods that change something, whose requests may have no body, and that no form has."""


def misdirected(request: Request, terms: HttpTerms, hostname: str, *, in_tls: bool) -> Response | None:
    """Why *request* is not answered here; None: it is. hostname: our own name."""
    said = request.field("host")
    if not said and request.version == "1.0":
        host = None  # no browser is so old
    elif (host := site.site(said)) is None:
        return refusal(400, "Bad Host", "The Host is no name or address.", field="host", closes=True)
    elif not _is_ours(host, terms, hostname):
        why = f"This is not {host.host}: HTTP_Hosts has the names it is asked for under."
        return refusal(421, "Wrong Host", why, field="host", closes=True)
    origin = request.field("origin")
    if origin and not (host and site.same_origin(origin, host, in_tls=in_tls)):
        why = "A page of another origin does not ask here."
        return refusal(403, "Foreign Origin", why, field="origin", closes=True)
    return None


def unacceptable(request: Request, consumes: tuple[str, ...]) -> Response | None:
    """Why *request*, if it would change something, has not the form for that; None: it has."""
    if request.field("expect") and request.field("expect").lower() != "100-continue":
        return refusal(417, "Expectation failed", "What it expects is not known here.", field="expect")
    if request.field("content-encoding", "identity").lower() != "identity":
        why = "A body is sent as it is: no content coding is taken."
        return refusal(415, "Unsupported content coding", why, field="content-encoding")
    if request.is_safe or (request.method in WITHOUT_BODY and not request.has_body):
        return None
    if request.media_type not in consumes:
        why = f"Content-Type is {' or '.join(consumes)} here."
        return refusal(415, "Unsupported media type", why, field="content-type")
    return None


def _is_ours(host: Site, terms: HttpTerms, hostname: str) -> bool:
    return host.is_address or host.host in (LOCALHOST, hostname.lower()) or host.host in terms.hosts
