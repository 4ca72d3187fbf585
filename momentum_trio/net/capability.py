"""Capabilities of Linux as text: the grammar of cap_from_text(3), names of capabilities(7)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

NAMES: Final = (  # each at its number (linux/capability.h)
    "cap_chown", "cap_dac_override", "cap_dac_read_search", "cap_fowner", "cap_fsetid", "cap_kill", "cap_setgid",
    "cap_setuid", "cap_setpcap", "cap_linux_immutable", "cap_net_bind_service", "cap_net_broadcast", "cap_net_admin",
    "cap_net_raw", "cap_ipc_lock", "cap_ipc_owner", "cap_sys_module", "cap_sys_rawio", "cap_sys_chroot",
    "cap_sys_ptrace", "cap_sys_pacct", "cap_sys_admin", "cap_sys_boot", "cap_sys_nice", "cap_sys_resource",
    "cap_sys_time", "cap_sys_tty_config", "cap_mknod", "cap_lease", "cap_audit_write", "cap_audit_control",
    "cap_setfcap", "cap_mac_override", "cap_mac_admin", "cap_syslog", "cap_wake_alarm", "cap_block_suspend",
    "cap_audit_read", "cap_perfmon", "cap_bpf", "cap_checkpoint_restore",
)  # fmt: skip
_NUMBERS = {name: number for number, name in enumerate(NAMES)}
_CLAUSE = re.compile(r"([a-z_,]*)((?:[=+-][eip]*)+)")
_ACTION = re.compile(r"([=+-])([eip]*)")


@dataclass(frozen=True, slots=True)
class Capabilities:
    """The three sets of a process, as bits by number of the capability."""

    effective: int = 0
    permitted: int = 0
    inheritable: int = 0

    def __contains__(self, name: str) -> bool:
        """Whether the capability *name* can be used at once."""
        return bool(self.effective >> _NUMBERS[name] & 1)


def capabilities(text: str) -> Capabilities:
    """The sets that *text* describes, ``cap_net_bind_service+ep``; empty text gives none.

    Raises: ValueError, with what is wrong.
    """
    sets = {"e": 0, "p": 0, "i": 0}
    for clause in text.lower().split():
        match = _CLAUSE.fullmatch(clause)
        if match is None:
            raise ValueError(f"{clause!r} is no clause such as cap_net_bind_service+ep")
        mask = _mask(match[1], is_reset=match[2].startswith("="))
        for operator, flags in _ACTION.findall(match[2]):
            for name in sets:
                if operator == "=" or (operator == "-" and name in flags):
                    sets[name] &= ~mask
                if operator != "-" and name in flags:
                    sets[name] |= mask
    if sets["e"] & ~sets["p"]:
        raise ValueError("what is effective must be permitted too")
    return Capabilities(sets["e"], sets["p"], sets["i"])


def _mask(names: str, *, is_reset: bool) -> int:
    """The bits of a list of names; ``all``, or none before ``=``, means every capability."""
    if names == "all" or (not names and is_reset):
        return (1 << len(NAMES)) - 1
    mask = 0
    for name in names.split(","):
        if name not in _NUMBERS:
            raise ValueError(f"there is no capability {name!r}")
        mask |= 1 << _NUMBERS[name]
    return mask


def names(bits: int) -> tuple[str, ...]:
    """The names of the capabilities in *bits*."""
    return tuple(name for number, name in enumerate(NAMES) if bits >> number & 1)
