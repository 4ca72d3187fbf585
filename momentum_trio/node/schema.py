"""Every option that code declares. Imports no trio, so that one-shot tools can load it."""

from __future__ import annotations

from typing import Any

from momentum_trio.cluster.as_logger_options import AsLoggerOptions
from momentum_trio.cluster.cluster_options import ClusterOptions, ReplicateOptions
from momentum_trio.cluster.published_options import GatheringOptions, PublishedOptions, SubscriberOptions
from momentum_trio.config.authentication_options import AuthenticationOptions, SmtpAuthenticationOptions
from momentum_trio.config.authorization_options import AuthorizationOptions
from momentum_trio.config.floating_options import DuravipOptions, FloatingOptions, TopologyOptions
from momentum_trio.config.idle_options import IdleOptions
from momentum_trio.config.local_changes_options import LocalChangesOptions
from momentum_trio.config.option import Option, Options
from momentum_trio.config.scheme_options import AuthDsOptions, AuthenticateOptions, DatasourceOptions
from momentum_trio.config.suspension_options import SuspensionOptions
from momentum_trio.config.tls_options import TlsOptions
from momentum_trio.console.role_options import RoleOptions
from momentum_trio.delivery.delivery_options import (
    ClusterHostLimitOptions,
    ClusterLimitOptions,
    ConnectionOptions,
    DelayNoticeOptions,
    DeliveryOptions,
    HostLimitOptions,
    ResidentOptions,
    ServerOptions,
)
from momentum_trio.delivery.dkim_options import DkimDomainOptions, DkimModuleOptions, OutboundSigningOptions
from momentum_trio.delivery.ecstream_options import EcstreamDeliveryOptions
from momentum_trio.delivery.host_options import DnsOptions, HostOptions, StaticRouteOptions
from momentum_trio.delivery.lmtp_options import LmtpOptions
from momentum_trio.delivery.maildir_options import MaildirOptions
from momentum_trio.delivery.report_options import ReportOptions
from momentum_trio.delivery.smtp_options import SmtpOptions
from momentum_trio.delivery.tls_options import OutboundTlsOptions
from momentum_trio.delivery.trace_options import TraceOptions
from momentum_trio.delivery.transcode_options import TranscodeOptions
from momentum_trio.events.event_options import EventOptions
from momentum_trio.limits.shared_state_options import SharedStateOptions
from momentum_trio.listener.conntrol_options import ConntrolOptions
from momentum_trio.listener.control_options import ControlOptions
from momentum_trio.listener.ecstream_options import EcstreamOptions
from momentum_trio.listener.esmtp_options import SessionOptions
from momentum_trio.listener.failure_options import FailureOptions
from momentum_trio.listener.http_options import HttpOptions
from momentum_trio.listener.listen_options import CeilingOptions, ListenOptions
from momentum_trio.listener.proxy_options import ProxyOptions
from momentum_trio.listener.record_options import RecordOptions
from momentum_trio.listener.tls_options import ListenerTlsOptions
from momentum_trio.log.log_options import BounceLoggerOptions, HttpLoggerOptions, LoggerOptions
from momentum_trio.msgc.msgc_options import BusSecretOptions, LineOptions, MsgcClientOptions, MsgcServerOptions
from momentum_trio.node.node_options import NodeOptions, SpoolOptions
from momentum_trio.node.privilege_options import SecurityOptions
from momentum_trio.reception.mail_authentication_options import (
    AuthenticationResultsOptions,
    DkimValidationOptions,
    DmarcOptions,
    SpfOptions,
)
from momentum_trio.reception.mail_loop_options import MailLoopOptions
from momentum_trio.reception.milter_options import MilterOptions
from momentum_trio.reception.policy_options import PolicyOptions
from momentum_trio.reception.reception_options import (
    BlackholeOptions,
    DefaultBindingOptions,
    NameOptions,
    ReceptionOptions,
)
from momentum_trio.reception.screening_options import ScreeningOptions
from momentum_trio.webhook.webhook_options import WebhookOptions

GROUPS: tuple[type[Options], ...] = (
    AsLoggerOptions,
    AuthDsOptions,
    AuthenticateOptions,
    AuthenticationOptions,
    AuthenticationResultsOptions,
    AuthorizationOptions,
    BlackholeOptions,
    BounceLoggerOptions,
    BusSecretOptions,
    CeilingOptions,
    ClusterHostLimitOptions,
    ClusterLimitOptions,
    ClusterOptions,
    ConnectionOptions,
    ConntrolOptions,
    ControlOptions,
    DatasourceOptions,
    DefaultBindingOptions,
    DelayNoticeOptions,
    DeliveryOptions,
    DkimDomainOptions,
    DkimModuleOptions,
    DkimValidationOptions,
    DmarcOptions,
    DnsOptions,
    DuravipOptions,
    EcstreamDeliveryOptions,
    EcstreamOptions,
    EventOptions,
    FailureOptions,
    FloatingOptions,
    GatheringOptions,
    HostLimitOptions,
    HostOptions,
    HttpLoggerOptions,
    HttpOptions,
    IdleOptions,
    LineOptions,
    ListenOptions,
    ListenerTlsOptions,
    LmtpOptions,
    LocalChangesOptions,
    LoggerOptions,
    MailLoopOptions,
    MaildirOptions,
    MilterOptions,
    MsgcClientOptions,
    MsgcServerOptions,
    NameOptions,
    NodeOptions,
    OutboundSigningOptions,
    OutboundTlsOptions,
    PolicyOptions,
    PublishedOptions,
    ReceptionOptions,
    ProxyOptions,
    RecordOptions,
    ReplicateOptions,
    ReportOptions,
    ResidentOptions,
    RoleOptions,
    ScreeningOptions,
    SecurityOptions,
    ServerOptions,
    SessionOptions,
    SharedStateOptions,
    SmtpAuthenticationOptions,
    SmtpOptions,
    SpfOptions,
    SpoolOptions,
    StaticRouteOptions,
    SubscriberOptions,
    SuspensionOptions,
    TlsOptions,
    TopologyOptions,
    TraceOptions,
    TranscodeOptions,
    WebhookOptions,
)

DECLARED: tuple[Option[Any], ...] = tuple(dict.fromkeys(option for group in GROUPS for option in group.declared))
