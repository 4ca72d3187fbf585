"""The option of listeners behind a proxy, ours: the original knows XCLIENT and XREMOTEIP alone."""

from __future__ import annotations

from momentum_trio.config.kind import BOOLEAN
from momentum_trio.config.option import Option, Options
from momentum_trio.config.scope import scopes


class ProxyOptions(Options):
    """Whether clients come through a proxy that says who they are."""

    expected = Option(
        "Proxy_Protocol",
        BOOLEAN,
        False,
        scopes("ecstream_listener", "esmtp_listener", "http_listener", "listen", "peer"),
        "Whoever connects begins with a header of the PROXY protocol, version 1 or 2; without one he is turned away.",
        ours=True,
    )
