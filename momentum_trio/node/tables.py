"""What exists: the listeners, the ways of delivery, the console's commands. One screen, no registries."""

from __future__ import annotations

from momentum_trio.delivery.blackhole import Blackhole
from momentum_trio.delivery.ecstream import Ecstream
from momentum_trio.delivery.errand import Outfit
from momentum_trio.delivery.lmtp import Lmtp
from momentum_trio.delivery.maildir import Maildir
from momentum_trio.delivery.method import Carrier, Method
from momentum_trio.delivery.smtp import Smtp
from momentum_trio.listener import control, eccluster, ecstream, esmtp, http, msgcserver
from momentum_trio.node.commands import (
    cache,
    cluster,
    cluster_logs,
    counter,
    duravip,
    eccmgr,
    series,
    show,
    threads,
    tls,
    trace,
)
from momentum_trio.node.commands.authz import AUTHZ_ID, AUTHZ_ROLES_LIST
from momentum_trio.node.commands.binding_summary import BINDING_SUMMARY
from momentum_trio.node.commands.config import EVAL, GET, SET, SHOW, SHOWRECURSE, UNSET
from momentum_trio.node.commands.config_files import RELOAD, WRITE_CONFIG, WRITEBACK
from momentum_trio.node.commands.config_locate import LOCATE
from momentum_trio.node.commands.config_transaction import BEGIN, COMMIT, CONFIRM, REPLAY, ROLLBACK
from momentum_trio.node.commands.count import COUNT
from momentum_trio.node.commands.counts import (
    ACTIVE,
    BINDING_ACTIVE,
    BINDING_DELAYED,
    DELAYED,
    DOMAIN,
    DOMAIN_ALL,
    DOMAINS,
)
from momentum_trio.node.commands.dig import DIG, REFRESH_DOMAIN
from momentum_trio.node.commands.dns_cache import LOOKUP, REFCNTS, STATS, SUBMIT
from momentum_trio.node.commands.explain import EXPLAIN
from momentum_trio.node.commands.fail import BINDING_FAIL, FAIL
from momentum_trio.node.commands.flush import BINDING_FLUSH, FLUSH
from momentum_trio.node.commands.help import HELP
from momentum_trio.node.commands.listeners import LISTENERS as LISTENERS_COMMAND
from momentum_trio.node.commands.mailq import MAILQ
from momentum_trio.node.commands.memory import MEMORY, XML_MEMORY
from momentum_trio.node.commands.message import DETAILS, FAIL_ONE, RETRY, SPOOL_IN
from momentum_trio.node.commands.module_list import MODULE_LIST
from momentum_trio.node.commands.paniclog import PANICLOG
from momentum_trio.node.commands.pid import PID
from momentum_trio.node.commands.quit import QUIT
from momentum_trio.node.commands.reopen_logs import REOPEN_LOGS
from momentum_trio.node.commands.reroute import REBIND, REROUTE
from momentum_trio.node.commands.showqueue import SHOWQUEUE
from momentum_trio.node.commands.shutdown import SHUTDOWN
from momentum_trio.node.commands.spool import IMPORT, IMPORT_POLL
from momentum_trio.node.commands.summary import SUMMARY
from momentum_trio.node.commands.sysinfo import SYSINFO
from momentum_trio.node.commands.version import VERSION

LISTENERS = (control.KIND, eccluster.KIND, ecstream.KIND, esmtp.KIND, http.KIND, msgcserver.KIND)

COMMANDS = (
    ACTIVE,
    AUTHZ_ID,
    AUTHZ_ROLES_LIST,
    BEGIN,
    BINDING_ACTIVE,
    BINDING_DELAYED,
    BINDING_FAIL,
    BINDING_FLUSH,
    BINDING_SUMMARY,
    cache.LIST,
    cache.STAT,
    cache.STATS,
    cluster.ABORT,
    cluster.HELP,
    cluster.INFO,
    cluster.MEMBERSHIP,
    cluster.NODEADDR,
    cluster.NODENAME,
    cluster.RESET,
    cluster.SHARED_LIST,
    cluster.SHARED_SHOW,
    cluster_logs.SHOW_LOGS,
    COMMIT,
    CONFIRM,
    COUNT,
    counter.ADD,
    counter.HELP,
    counter.INCREMENT,
    counter.LIST,
    counter.RESET,
    counter.UNLINK,
    DELAYED,
    DETAILS,
    DIG,
    DOMAIN,
    DOMAINS,
    DOMAIN_ALL,
    duravip.ANNOUNCE,
    duravip.ARP_SHOW,
    duravip.DEBUG,
    duravip.MOVE,
    duravip.SHOW,
    duravip.TABLES,
    EVAL,
    EXPLAIN,
    FAIL,
    FAIL_ONE,
    FLUSH,
    GET,
    HELP,
    IMPORT,
    IMPORT_POLL,
    LISTENERS_COMMAND,
    LOCATE,
    LOOKUP,
    MAILQ,
    MEMORY,
    MODULE_LIST,
    PANICLOG,
    PID,
    QUIT,
    REBIND,
    REFCNTS,
    REFRESH_DOMAIN,
    RELOAD,
    REOPEN_LOGS,
    REPLAY,
    REROUTE,
    RETRY,
    ROLLBACK,
    SET,
    SHOW,
    show.INBOUND,
    show.OUTBOUND,
    SHOWQUEUE,
    SHOWRECURSE,
    SHUTDOWN,
    SPOOL_IN,
    STATS,
    SUBMIT,
    SUMMARY,
    SYSINFO,
    threads.CPU_QUEUE,
    threads.IO_QUEUE,
    threads.STATS,
    tls.FLUSH,
    tls.SHOW,
    trace.ADD,
    trace.LIST,
    trace.REMOVE,
    UNSET,
    VERSION,
    WRITEBACK,
    WRITE_CONFIG,
    XML_MEMORY,
)

MANAGER_LISTENERS = (control.KIND, msgcserver.KIND)

MANAGER_COMMANDS = (
    AUTHZ_ID,
    AUTHZ_ROLES_LIST,
    eccmgr.BROADCAST,
    series.CACHE_DETAILS,
    EVAL,
    eccmgr.FLUSH_CONTROL_CACHE,
    GET,
    HELP,
    LISTENERS_COMMAND,
    LOCATE,
    eccmgr.INFO,
    PANICLOG,
    PID,
    QUIT,
    RELOAD,
    REOPEN_LOGS,
    eccmgr.RETRIEVE,
    eccmgr.RETRIEVE_NODE,
    SET,
    SHOW,
    eccmgr.SHOW_MEMBERSHIP,
    series.SHOW_AVAILABLE,
    series.SHOW_COUNT,
    SHOWRECURSE,
    SHUTDOWN,
    eccmgr.SUBCLUSTER_BROADCAST,
    eccmgr.SUBCLUSTER_RETRIEVE,
    SYSINFO,
    eccmgr.UNICAST,
    UNSET,
    VERSION,
)
"""Those of eccmgr."""


BUILT_METHODS = (Blackhole().word, Ecstream.word, "ESMTP", Lmtp.word, Maildir.word, "SMTP")
"""The words of Delivery_Method for which ``methods`` has one."""


def methods(outfit: Outfit, spool_place: str) -> tuple[Method | Carrier, ...]:
    """The ways of delivery, made for one node. spool_place: where its spool is."""
    return (
        Blackhole(),
        Maildir(outfit.machine, outfit.contents, spool_place),
        Smtp(outfit),
        Smtp(outfit, extended=False),
        Lmtp(outfit),
        Ecstream(outfit),
    )
