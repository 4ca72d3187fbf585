"""What is answered over HTTP: the one table, a line each. The longest match wins; a ``/`` at the end is optional."""

from __future__ import annotations

from momentum_trio.listener.web import configuration, console, console_lines, recipient_lists, templates
from momentum_trio.listener.web.cluster import CLUSTER
from momentum_trio.listener.web.events import EVENTS
from momentum_trio.listener.web.files import FILES
from momentum_trio.listener.web.health import HEALTHZ, READYZ
from momentum_trio.listener.web.listens import LISTENERS, SWITCH
from momentum_trio.listener.web.message import MESSAGE, WITHDRAWAL
from momentum_trio.listener.web.messages import MESSAGES
from momentum_trio.listener.web.metrics import METRICS
from momentum_trio.listener.web.node_state import PANICLOG, SUMMARY
from momentum_trio.listener.web.openapi import openapi_route
from momentum_trio.listener.web.queues import QUEUE, QUEUES
from momentum_trio.listener.web.route import Route, Socket
from momentum_trio.listener.web.sessions import SESSIONS
from momentum_trio.listener.web.transmissions import TRANSMISSIONS

_ROUTES: tuple[Route | Socket, ...] = (
    CLUSTER,
    configuration.EVAL,
    configuration.EXPLAIN,
    configuration.GET,
    console.CONSOLE,
    console_lines.CONSOLE,
    EVENTS,
    HEALTHZ,
    LISTENERS,
    MESSAGE,
    MESSAGES,
    METRICS,
    PANICLOG,
    QUEUE,
    QUEUES,
    READYZ,
    recipient_lists.CHANGE,
    recipient_lists.CREATION,
    recipient_lists.LIST,
    recipient_lists.LISTS,
    recipient_lists.REMOVAL,
    SESSIONS,
    SUMMARY,
    SWITCH,
    templates.CHANGE,
    templates.CREATION,
    templates.PREVIEW,
    templates.REMOVAL,
    templates.TEMPLATE,
    templates.TEMPLATES,
    TRANSMISSIONS,
    WITHDRAWAL,
    *FILES,
)

ROUTES = (*_ROUTES, openapi_route(_ROUTES))
