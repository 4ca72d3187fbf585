"""Console commands that come from other nodes: judged by the roles of this one, accounted, and run."""

from __future__ import annotations

from dataclasses import replace

from momentum_trio.cluster.relay import Ran
from momentum_trio.config.tree import ConfigTree
from momentum_trio.console.authority import NOT_AUTHORIZED, Terms, verdict
from momentum_trio.console.command import Operator, failure
from momentum_trio.console.dispatch import Dispatch, written
from momentum_trio.console.roster import Roster
from momentum_trio.listener.control_options import ControlOptions
from momentum_trio.listener.control_terms import terms_of
from momentum_trio.machine import Machine
from momentum_trio.mail.record import Authorized
from momentum_trio.protocol.cluster.relay import Command

CONTROL = "control_listener"


class RelayedConsole:
    """The console of one node, for people who are connected to another. endpoint: what the acctlog has for it."""

    def __init__(self, machine: Machine, dispatch: Dispatch, endpoint: str) -> None:
        self._machine, self._dispatch, self._endpoint = machine, dispatch, endpoint
        self._roster = Roster(machine)

    async def perform(self, sender: str, command: Command) -> Ran:
        """Run *command*, which member *sender* sends for somebody, if he may."""
        tree = self._dispatch.administration.tree
        terms = relayed_terms(tree)
        roles = await self._roster.roles(terms, command.user)
        peer = f"{command.peer or command.endpoint}@{sender}"
        who = Operator(command.user, self._endpoint, peer, roles)
        call = self._dispatch.call(who, command.line, command.form)
        judged = verdict(terms, tree, who, command.line)
        self._machine.events.publish(
            Authorized(
                self._machine.clock.now(), who.endpoint, who.peer, who.user, judged.accepted, call.masked, judged.role
            )
        )
        output = await self._dispatch.perform(call) if judged.accepted else written(failure(NOT_AUTHORIZED), call.form)
        return Ran(output.text, output.failed)


def relayed_terms(tree: ConfigTree) -> Terms:
    """What commands from the cluster depend on: roles are asked where any Listen of the console would ask them."""
    chains = [tree.chain_for(CONTROL, None, None)]
    chains += [tree.chain_for(CONTROL, scope.endpoint, None) for scope in tree.listens(CONTROL)]
    every = [terms_of(ControlOptions.resolve(chain)) for chain in chains]
    judging = [terms for terms in every if terms.enable_authorization]
    groups = next((terms.groups for terms in judging if terms.groups is not None), None)
    return replace(every[0], enable_authorization=bool(judging), groups=groups)
