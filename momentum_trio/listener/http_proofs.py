"""What all HTTP connections of a node have together to judge proofs by."""

from __future__ import annotations

import trio

from momentum_trio.listener.credentials import Credentials
from momentum_trio.machine import Machine
from momentum_trio.protocol.http.nonces import KEY_OCTETS, SALT_OCTETS, Nonces

AT_ONCE = 8
"""Proofs judged at once: fewer than one address may guess at once, so that many connections of it that are right are no
guesses."""


class Proofs:
    """Passwords, and the nonces of Digest. turn: of who is judged."""

    def __init__(self, machine: Machine, credentials: Credentials) -> None:
        self.machine, self.credentials = machine, credentials
        self.turn = trio.CapacityLimiter(AT_ONCE)
        self.nonces = Nonces(machine.entropy.octets(KEY_OCTETS))

    def nonce(self) -> str:
        """A new one."""
        return self.nonces.new(trio.current_time(), self.machine.entropy.octets(SALT_OCTETS))
