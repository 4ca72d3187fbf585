"""``module list``: the modules that the configuration has and that do something here (spec/console.md section 5)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from momentum_trio.config.tree import ConfigTree
from momentum_trio.console.command import Answer, Command, Data, Request
from momentum_trio.delivery.dkim_options import DkimModuleOptions
from momentum_trio.listener.conntrol_options import ConntrolOptions
from momentum_trio.log.log_options import BounceLoggerOptions, LoggerOptions
from momentum_trio.reception.mail_authentication_options import DkimValidationOptions, DmarcOptions, SpfOptions
from momentum_trio.reception.mail_loop_options import MailLoopOptions

ModuleOptions = (
    LoggerOptions
    | BounceLoggerOptions
    | ConntrolOptions
    | DkimModuleOptions
    | SpfOptions
    | DkimValidationOptions
    | DmarcOptions
    | MailLoopOptions
)


@dataclass(frozen=True, slots=True)
class ModuleKind:
    """A kind of module. options: where it says whether it is enabled. name: of what does its work."""

    options: type[ModuleOptions]
    api: str
    name: str
    description: str


MODULES = {
    "bounce_logger": ModuleKind(BounceLoggerOptions, "Logger", "log/bouncelog.py", "writes the bouncelog"),
    "conntrol": ModuleKind(ConntrolOptions, "Policy", "listener/conntrol.py", "the pause before the greeting"),
    "dkim_validate": ModuleKind(
        DkimValidationOptions, "Policy", "reception/policy/dkim.py", "verifies signatures of mail that comes in (DKIM)"
    ),
    "dmarc": ModuleKind(DmarcOptions, "Policy", "reception/policy/dmarc.py", "whether mail is its author's (DMARC)"),
    "ec_logger": ModuleKind(LoggerOptions, "Logger", "log/logs.py", "writes mainlog, rejectlog, paniclog and acctlog"),
    "mail_loop": ModuleKind(
        MailLoopOptions, "Policy", "reception/loop.py", "mail that has been through too many hosts"
    ),
    "opendkim": ModuleKind(DkimModuleOptions, "Singleton", "delivery/signing.py", "signs mail that goes out (DKIM)"),
    "spf_v1": ModuleKind(SpfOptions, "Policy", "reception/policy/spf.py", "who may send for a domain (SPF)"),
}


@dataclass(frozen=True, slots=True)
class Module:
    """One of them. instance: empty for one that has no name."""

    scope: str
    instance: str
    enabled: bool
    kind: ModuleKind

    @property
    def address(self) -> str:
        """What module commands call it: ``ec_logger:ec_logger1``."""
        return f"{self.scope}:{self.instance}" if self.instance else self.scope


async def _list(request: Request) -> Answer:
    modules = list(modules_of(request.administration.tree))
    return Answer("\n".join(line for module in modules for line in _lines(module)), list(map(_fields, modules)))


def modules_of(tree: ConfigTree) -> Iterator[Module]:
    """Those of *tree*, in the order of its text."""
    for scope in tree.root.children:
        if (kind := MODULES.get(scope.kind)) is not None:
            options = kind.options.resolve(tree.chain_scope(scope.kind, scope.instance))
            yield Module(scope.kind, scope.instance, options.enabled, kind)


def _lines(module: Module) -> Iterator[str]:
    yield f"Module: {module.address}"
    yield f"  Scope_Name: {module.scope}"
    if module.instance:
        yield f"  Instance_Name: {module.instance}"
    yield f"  Enabled: {'enabled' if module.enabled else 'disabled'}"
    yield f"  API: {module.kind.api}"
    yield f"  Name: {module.kind.name}"
    yield f"  Description: {module.kind.description}"


def _fields(module: Module) -> Data:
    return {
        "module": module.address,
        "scope": module.scope,
        "instance": module.instance,
        "enabled": module.enabled,
        "api": module.kind.api,
        "name": module.kind.name,
        "description": module.kind.description,
    }


MODULE_LIST = Command(
    ("module", "list"),
    "List the modules.",
    _list,
    help="Those of the configuration that do something here. A command of a module begins with what stands behind\n"
    "'Module:'.",
)
