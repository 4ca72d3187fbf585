"""What the service manager is told (sd_notify(3), ``Type=notify-reload``): states, and that the loop still turns."""

from __future__ import annotations

import trio

from momentum_trio.machine import Machine

_MICROSECONDS = 1_000_000
BEATS_PER_WATCHDOG = 2  # sd_watchdog_enabled(3): every half of the time that the manager waits
WATCHDOG_SECONDS_MIN = 0.01


def ready(machine: Machine, status: str) -> None:
    """Every socket is bound, or a reload is over. status: a sentence for ``systemctl status``."""
    machine.process.notify(f"READY=1\nSTATUS={status}")


def reloading(machine: Machine) -> None:
    """A reload begins; ``ready`` ends it, however it went."""
    machine.process.notify(f"RELOADING=1\nMONOTONIC_USEC={machine.process.monotonic_microseconds()}")


def stopping(machine: Machine) -> None:
    """The node drains."""
    machine.process.notify("STOPPING=1\nSTATUS=Draining")


def watchdog_seconds(machine: Machine) -> float | None:
    """How long the service manager waits for a sign of life; None when it does not, or waits for another process."""
    environment = machine.process.environment
    microseconds = environment.get("WATCHDOG_USEC", "")
    pid = environment.get("WATCHDOG_PID", str(machine.process.pid))
    if pid != str(machine.process.pid) or not (microseconds.isascii() and microseconds.isdigit()):
        return None
    return max(int(microseconds[:18]) / _MICROSECONDS, WATCHDOG_SECONDS_MIN)


async def give_signs_of_life(machine: Machine) -> None:
    """Tell the watchdog, where there is one, that the event loop turns, until cancelled."""
    if (seconds := watchdog_seconds(machine)) is not None:
        while True:
            machine.process.notify("WATCHDOG=1")
            await trio.sleep(seconds / BEATS_PER_WATCHDOG)
