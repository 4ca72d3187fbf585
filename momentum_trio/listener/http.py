"""HTTP_Listener: HTTP injection and the dashboard. Not built yet: it loads, is not bound, and says so in one line."""

from __future__ import annotations

from momentum_trio.listener.kind import ListenerKind, Plane

KIND = ListenerKind("HTTP_Listener", "HTTP", Plane.MAIL, None)
