"""Sockets of the simulated world: what ``trio.socket.socket()`` makes while a ``World`` runs."""
