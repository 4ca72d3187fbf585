"""The console's commands, one file each. A new one is a file here and a row in this table."""

from __future__ import annotations

from momentum_trio.console.command import Command
from momentum_trio.node.commands import config
from momentum_trio.node.commands.help import HELP
from momentum_trio.node.commands.listeners import LISTENERS
from momentum_trio.node.commands.pid import PID
from momentum_trio.node.commands.quit import QUIT
from momentum_trio.node.commands.shutdown import SHUTDOWN
from momentum_trio.node.commands.summary import SUMMARY
from momentum_trio.node.commands.version import VERSION

COMMANDS: tuple[Command, ...] = (*config.COMMANDS, HELP, LISTENERS, PID, QUIT, SHUTDOWN, SUMMARY, VERSION)
