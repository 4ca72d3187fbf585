"""What is answered over HTTP: the one table, a line each. The longest match wins; a ``/`` at the end is optional."""

from __future__ import annotations

from momentum_trio.listener.web.console import CONSOLE
from momentum_trio.listener.web.events import EVENTS
from momentum_trio.listener.web.files import FILES
from momentum_trio.listener.web.health import HEALTHZ, READYZ
from momentum_trio.listener.web.metrics import METRICS
from momentum_trio.listener.web.route import Route, Socket

ROUTES: tuple[Route | Socket, ...] = (
    CONSOLE,
    EVENTS,
    HEALTHZ,
    METRICS,
    READYZ,
    *FILES,
)
