"""ECCluster_Listener: from node to node. Not built yet: it loads, is not bound, and says so in one line."""

from __future__ import annotations

from momentum_trio.listener.kind import ListenerKind, Plane

KIND = ListenerKind("ECCluster_Listener", "ECCluster", Plane.CONTROL, None)
