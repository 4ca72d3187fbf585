"""ECStream_Listener: ECStream injection. Not built yet: it loads, is not bound, and says so in one line."""

from __future__ import annotations

from momentum_trio.listener.kind import ListenerKind, Plane

KIND = ListenerKind("ECStream_Listener", "ECStream", Plane.MAIL, None)
