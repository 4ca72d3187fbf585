"""``reopen logs`` and ``ec_logger:NAME reopen logs``: the log files anew, once they were renamed."""

from __future__ import annotations

from momentum_trio.console.command import Answer, Command, Request


async def _reopen(request: Request) -> Answer:
    failing = tuple(await request.administration.reopen_logs())
    if failing:
        return Answer(f"Not opened: {', '.join(failing)}", {"failing": failing}, failed=True)
    return Answer("Logs reopened.", {"failing": ()})


REOPEN_LOGS = Command(
    ("reopen", "logs"),
    "Open the log files anew, after they were renamed.",
    _reopen,
    help="Once it answers, nothing more is written to the renamed files. It is what SIGUSR1 does. As a command of a\n"
    "module, ec_logger:NAME reopen logs, it does the same: all files are opened anew.",
    module="ec_logger",
)
