"""What all HTTP connections of a node have together to judge proofs by."""

from __future__ import annotations

import trio

from momentum_trio.listener.credentials import Credentials
from momentum_trio.machine import Machine
from momentum_trio.protocol.http.nonces import KEY_OCTETS, SALT_OCTETS, Nonces


class Proofs:
    """Passwords, and the nonces of Digest."""

    def __init__(self, machine: Machine, credentials: Credentials) -> None:
        self.machine, self.credentials = machine, credentials
        self.nonces = Nonces(machine.entropy.octets(KEY_OCTETS))

    def nonce(self) -> str:
        """A new one."""
        return self.nonces.new(trio.current_time(), self.machine.entropy.octets(SALT_OCTETS))
