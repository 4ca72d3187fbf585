"""Every option that code declares. Imports no trio, so that one-shot tools can load it."""

from __future__ import annotations

from typing import Any

from momentum_trio.config.option import Option, Options
from momentum_trio.delivery.delivery_options import DeliveryOptions
from momentum_trio.delivery.maildir_options import MaildirOptions
from momentum_trio.delivery.smtp_options import SmtpOptions
from momentum_trio.listener.control_options import ControlOptions
from momentum_trio.listener.esmtp_options import SessionOptions
from momentum_trio.listener.listen_options import CeilingOptions, ListenOptions
from momentum_trio.log.log_options import LoggerOptions
from momentum_trio.node.node_options import NodeOptions, SpoolOptions
from momentum_trio.node.privilege_options import SecurityOptions
from momentum_trio.reception.reception_options import BlackholeOptions, NameOptions, ReceptionOptions

GROUPS: tuple[type[Options], ...] = (
    BlackholeOptions,
    CeilingOptions,
    ControlOptions,
    DeliveryOptions,
    ListenOptions,
    LoggerOptions,
    MaildirOptions,
    NameOptions,
    NodeOptions,
    ReceptionOptions,
    SecurityOptions,
    SessionOptions,
    SmtpOptions,
    SpoolOptions,
)

DECLARED: tuple[Option[Any], ...] = tuple(option for group in GROUPS for option in group.declared)
