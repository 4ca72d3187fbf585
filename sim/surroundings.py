"""What a process brings to a run besides code and seed: the order of hashes and where objects lie in memory.

A run must not depend on either. They are fixed all the same, each to a value made from the seed, so that code whose
order does depend on them meets many orders over a campaign and each of them can be had again. Both are decided when a
process starts: a program that wants others starts itself once more.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import platform
import ssl
import sys
from collections.abc import Mapping
from pathlib import Path

import trio

CHECKOUT = Path(__file__).resolve().parents[1]
PACKAGES = ("momentum_trio", "sim")  # what a run is a function of
HASH_SEED_BITS = 32
HASH_SEED = "PYTHONHASHSEED"
SETTLED = "EC_SIM_SETTLED"  # in the environment of a process that was started again: it does not do so twice

_ASK, _NO_RANDOM_ADDRESSES = 0xFFFFFFFF, 0x0040000  # of personality(2)


def hash_seed_of(seed: int, purpose: str = "") -> int:
    """A value for PYTHONHASHSEED made from *seed*; *purpose* gives another one for the same seed. Never 0."""
    octets = hashlib.blake2b(f"hash/{purpose}/{seed}".encode(), digest_size=HASH_SEED_BITS // 8).digest()
    return int.from_bytes(octets, "big") or 1


def fix_addresses(fixed: bool = True) -> bool:
    """Have programs started by this thread lie at the same addresses every time, or not; whether that is permitted."""
    if not sys.platform.startswith("linux"):
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    before: int = libc.personality(_ASK)
    wanted = before | _NO_RANDOM_ADDRESSES if fixed else before & ~_NO_RANDOM_ADDRESSES
    return before != -1 and libc.personality(wanted) != -1


def environment(hash_seed: int, base: Mapping[str, str] | None = None, checkout: Path = CHECKOUT) -> dict[str, str]:
    """For a process with that hash seed that can import the simulator, of that checkout."""
    base = os.environ if base is None else base
    paths = [str(checkout), *filter(None, [base.get("PYTHONPATH")])]
    return {**base, HASH_SEED: str(hash_seed), "PYTHONPATH": os.pathsep.join(paths)}


def settle(hash_seed: int) -> None:
    """Start this program again with *hash_seed* and fixed addresses, unless that was done; returns only then."""
    if os.environ.get(SETTLED) == str(hash_seed):
        return
    fixed = fix_addresses()
    if not fixed:
        print(
            "note: the kernel does not permit fixed addresses (personality(2)); objects lie anywhere", file=sys.stderr
        )
    sys.stdout.flush()
    sys.stderr.flush()
    arguments = [sys.executable, *sys.orig_argv[1:]]
    os.execve(sys.executable, arguments, {**environment(hash_seed), SETTLED: str(hash_seed)})


def hash_seed() -> str:
    """Of this process, in words."""
    return os.environ.get(HASH_SEED, "random")


def code_hash() -> str:
    """Of every Python file that a run is made of."""
    octets = hashlib.blake2b(digest_size=8)
    for package in PACKAGES:
        for path in sorted((CHECKOUT / package).rglob("*.py")):
            octets.update(f"{path.relative_to(CHECKOUT).as_posix()}\n".encode() + path.read_bytes())
    return octets.hexdigest()


def versions() -> str:
    """Of what a run stands on."""
    return f"Python {platform.python_version()}, trio {trio.__version__}, {ssl.OPENSSL_VERSION}"
