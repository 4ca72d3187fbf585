"""Options of the ``ec_logger`` and ``bounce_logger`` scopes (spec/logs.md sections 4 and 11)."""

from __future__ import annotations

from momentum_trio.config.kind import BOOLEAN, MODE, SECONDS, one_of
from momentum_trio.config.log_place import LOG_PLACE
from momentum_trio.config.option import Option, Options
from momentum_trio.config.scope import scopes

EC_LOGGER = scopes("ec_logger")
BOUNCE_LOGGER = scopes("bounce_logger")
HTTP_LOGGER = scopes("http_logger")
DEBUG_LEVEL = one_of("DEBUG", "INFO", "NOTICE", "WARNING", "ERROR", "CRITICAL")
LOG_FORMAT = one_of("text", "json")


class LoggerOptions(Options):
    """What one ``ec_logger`` writes, and where to: a path, a ``file://`` URI, a durable log; empty writes nothing."""

    enabled = Option("enabled", BOOLEAN, True, EC_LOGGER, "Whether this logger writes anything.")
    debug_level = Option("debug_level", DEBUG_LEVEL, "ERROR", EC_LOGGER, "The lightest event the paniclog takes.")
    mainlog = Option("mainlog", LOG_PLACE, "/var/log/ecelerity/mainlog.ec", EC_LOGGER, "Destination of the mainlog.")
    rejectlog = Option(
        "rejectlog", LOG_PLACE, "/var/log/ecelerity/rejectlog.ec", EC_LOGGER, "Destination of the rejectlog."
    )
    paniclog = Option(
        "paniclog", LOG_PLACE, "/var/log/ecelerity/paniclog.ec", EC_LOGGER, "Destination of the paniclog."
    )
    acctlog = Option("acctlog", LOG_PLACE, "/var/log/ecelerity/acctlog.ec", EC_LOGGER, "Destination of the acctlog.")
    importlog = Option("importlog", LOG_PLACE, "", EC_LOGGER, "Destination of the importlog; none unless it is set.")
    mainlog_mode = Option("mainlog_mode", MODE, 0o644, EC_LOGGER, "Permission bits the mainlog is made with.")
    rejectlog_mode = Option("rejectlog_mode", MODE, 0o644, EC_LOGGER, "Permission bits the rejectlog is made with.")
    paniclog_mode = Option("paniclog_mode", MODE, 0o644, EC_LOGGER, "Permission bits the paniclog is made with.")
    acctlog_mode = Option("acctlog_mode", MODE, 0o644, EC_LOGGER, "Permission bits the acctlog is made with.")
    acctlog_log_mode = Option("acctlog_log_mode", MODE, 0o644, EC_LOGGER, "Another spelling of acctlog_mode.")
    importlog_mode = Option("importlog_mode", MODE, 0o644, EC_LOGGER, "Permission bits the importlog is made with.")
    heartbeat = Option("heartbeat", SECONDS, 60.0, EC_LOGGER, "Seconds between heartbeat lines; 0 writes none.")
    log_receptions = Option("log_receptions", BOOLEAN, True, EC_LOGGER, "Write R records.")
    log_deliveries = Option("log_deliveries", BOOLEAN, True, EC_LOGGER, "Write D records.")
    log_transient_failures = Option("log_transient_failures", BOOLEAN, True, EC_LOGGER, "Write T records.")
    log_permanent_failures = Option("log_permanent_failures", BOOLEAN, True, EC_LOGGER, "Write P records.")
    log_rejections = Option("log_rejections", BOOLEAN, True, EC_LOGGER, "Write the rejectlog.")
    log_errors = Option("log_errors", BOOLEAN, True, EC_LOGGER, "Write the paniclog.")
    log_format = Option(
        "log_format", LOG_FORMAT, "text", EC_LOGGER, "The documented formats, or JSON lines.", ours=True
    )

    @property
    def acctlog_bits(self) -> int:
        """The mode of the acctlog, under whichever of its two names it was set."""
        return self.acctlog_mode if self.acctlog_mode != 0o644 else self.acctlog_log_mode


class BounceLoggerOptions(Options):
    """What one ``bounce_logger`` writes, and where to, as those of ``ec_logger``."""

    enabled = Option("enabled", BOOLEAN, True, BOUNCE_LOGGER, "Whether this logger writes anything.")
    bouncelog = Option(
        "bouncelog", LOG_PLACE, "/var/log/ecelerity/bouncelog.ec", BOUNCE_LOGGER, "Destination of the bouncelog."
    )
    bouncelog_mode = Option("bouncelog_mode", MODE, 0o644, BOUNCE_LOGGER, "Permission bits the bouncelog is made with.")
    heartbeat = Option("heartbeat", SECONDS, 60.0, BOUNCE_LOGGER, "Seconds between heartbeat lines; 0 writes none.")
    log_inband_bounces = Option(
        "log_inband_bounces", BOOLEAN, True, BOUNCE_LOGGER, "Write B records of mail that failed for good."
    )
    log_transient_failures = Option(
        "log_transient_failures", BOOLEAN, True, BOUNCE_LOGGER, "Write T records of attempts that failed."
    )
    log_format = Option(
        "log_format", LOG_FORMAT, "text", BOUNCE_LOGGER, "The documented format, or JSON lines.", ours=True
    )


class HttpLoggerOptions(Options):
    """What one ``http_logger`` writes, and where to: a path, a ``file://`` URI, a durable log; empty writes nothing."""

    enabled = Option("enabled", BOOLEAN, True, HTTP_LOGGER, "Whether this logger writes anything.")
    httplog = Option(
        "log", LOG_PLACE, "file:///var/log/ecelerity/httplog.ec", HTTP_LOGGER, "Destination of the httplog."
    )
    httplog_mode = Option("log_mode", MODE, 0o644, HTTP_LOGGER, "Permission bits the httplog is made with.", ours=True)
    log_format = Option(
        "log_format", LOG_FORMAT, "text", HTTP_LOGGER, "The documented format, or JSON lines.", ours=True
    )
