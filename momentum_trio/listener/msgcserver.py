"""msgcserver_listener: the message bus of a cluster. Not built yet: it loads, is not bound, and says so in one line."""

from __future__ import annotations

from momentum_trio.listener.kind import ListenerKind, Plane

KIND = ListenerKind("msgcserver_listener", "MSGC", Plane.CONTROL, None)
