"""A secret that a configuration holds is in its files alone: in no answer of any command, in no log and no record."""

from __future__ import annotations

import re

import pytest
from test_every_command import CONFIG, CONVERSATIONS, DISPATCH, OPERATOR, exchanges, on_a_node

from momentum_trio.config.schema import Schema
from momentum_trio.node.schema import DECLARED
from momentum_trio.node.tables import COMMANDS

CANARY = "s3cret-canary-of-a-mine"
FORMS = {
    "global": "{}",
    "domain": "Domain secret.example {{ {} }}",
    "binding": "Binding b1 {{ {} }}",
    "binding_group": "Binding_Group secrets {{ {} }}",
    "datasource": "Datasource secrets {{ {} }}",
    "msgc_client": "msgc_client {{ {} }}",
    "msgc_server": "msgc_server {{ {} }}",
    "shared_state": "Shared_State cluster {{ {} }}",
    "webhook": "Webhook secrets {{ {} }}",
}
VALUES = {"shared_state": "redis://ann:{}@127.0.0.1"}  # where not anything will do
PATHS = {
    "global": "",
    "domain": "domain secret.example",
    "binding": "binding b1",
    "msgc_client": "msgc_client",
    "msgc_server": "msgc_server",
    "shared_state": "shared_state cluster",
}
SECRETS = sorted((scope, entry.name) for (scope, _), entry in Schema.load(DECLARED).options.items() if entry.is_secret)
CONFIG_WITH_SECRETS = CONFIG + "\n".join(
    [
        *(
            FORMS[scope].format(f'{name} = "{VALUES.get(scope, "{}").format(f"{CANARY}-{number}")}"')
            for number, (scope, name) in enumerate(SECRETS)
        ),
        'Webhook secrets { URL = "http://127.0.0.1:9/" }',  # it keeps every event of all that is said here
    ]
)
ASKED = [
    line
    for scope, name in SECRETS
    for within in [PATHS.get(scope, f"{scope} secrets")]
    for verb in ("get", "eval", "explain domain secret.example option")
    for line in [f"config {verb} {name}" if verb.startswith("explain") else f"config {verb} {within} {name}"]
]
SHOWN = [
    "config show",
    "config showrecurse",
    "config show domain secret.example",
    "config locate domain",
    "write config",
    "config begin",
    f"config set outbound_smtp_auth_pass {CANARY}-new",
    f"config set domain secret.example http_basic_auth {CANARY}-new",
    "config replay",
    f"config set domain secret.example nonsense http_basic_auth {CANARY}",
    "config commit",
    "config unset outbound_smtp_auth_pass",
    f"json config set outbound_smtp_auth_pass ( {CANARY}",
    f"config explain control unix command 'config set http_basic_auth {CANARY}'",
    f"show outbound_smtp_auth_pass {CANARY}",
    "config reload secret.conf",
    "config explain domain secret.example",
    "config explain 10.0.0.7 to :25 rcpt a@secret.example",
    "authz id",
    "authz roles list",
    "help",
    "counter list",
    "listeners",
    "memory",
    "module list",
    "paniclog",
    "summary",
    "sysinfo",
    "threads stats",
    "threads io queue",
    "threads cpu queue",
    "version",
    "xml memory",
    "reopen logs",
    "dns_cache stats",
    "refresh domain all",
    "counter add /a/b 5",
    "counter increment /a/b",
    "counter reset /a/b",
    "counter unlink /a/b",
    "counter help",
    "config confirm",
    "config rollback",
    "pid",
    "show inbound",
    "show outbound",
    "count SMTP 32",
    *(
        f"cluster {words}"
        for words in (
            "abort 1",
            "arp show",
            "duravip announce view",
            "duravip debug on",
            "duravip move 10.0.0.9 to mx",
            "duravip show",
            "duravip show tables",
            "help",
            "info",
            "membership",
            "nodeaddr",
            "nodename",
            "reset",
            "shared list",
            "shared show inbound_cidr",
            "show logs",
        )
    ),
]


def lines() -> list[str]:
    """Lines of every kind, in both forms where they change nothing."""
    of_node = [line for conversation in CONVERSATIONS.values() for _, line, _ in exchanges(conversation)]
    return [*of_node, *(f"{form}{line}" for form in ("", "json ") for line in (*ASKED, *SHOWN))]


@pytest.mark.parametrize("carrier", ["unix", "tls"])
def test_the_secret_is_seen_in_no_output(carrier: str) -> None:
    asked = lines()
    commands = {DISPATCH.call(OPERATOR, line).command for line in asked}
    assert {command.name for command in COMMANDS if command not in commands} <= {"quit", "shutdown"}
    site, _, said = on_a_node(carrier, asked, CONFIG_WITH_SECRETS)
    assert [line for line, (_, text) in zip(asked, said, strict=True) if CANARY in text] == []
    assert sum(mark == ">" for mark, _ in said) > len(said) / 2
    assert CANARY not in repr(site.world.records)
    store = site.mx.store
    holding = {path for path in store.files() if CANARY.encode() in store.octets(path)}
    assert holding == {"/etc/ecelerity.conf", "/etc/all.conf"}  # as they were, and 'write config all.conf'
    kept = [path for path in store.files() if path.endswith(".events")]
    assert b'"type":"authorization"' in b"".join(map(store.octets, kept))
    assert [path for path in store.files("/var/log") if re.search("log", path)]
