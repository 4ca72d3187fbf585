"""The passes of a shrinking, in the order they are made."""

from __future__ import annotations

from collections.abc import Callable

from .acts import smaller_acts
from .fewest import fewer_faults, fewer_mails
from .hosts import fewer_hosts, plainer_sinks
from .letters import smaller_mails
from .one_mail import (
    a_mail_and_a_rotten_one,
    no_descriptor_left,
    one_mail,
    one_mail_and_a_chance,
    one_mail_and_a_sink_at_once,
    one_mail_and_a_step,
)
from .quiet import plain_expectation, quiet
from .search import Search
from .times import shorter_times

PASSES: tuple[Callable[[Search], None], ...] = (
    quiet,
    one_mail,  # while every fault is there: without one of them it may take more mails
    fewer_faults,
    one_mail,
    one_mail_and_a_step,
    one_mail_and_a_chance,
    one_mail_and_a_sink_at_once,
    no_descriptor_left,
    a_mail_and_a_rotten_one,
    fewer_mails,
    fewer_hosts,
    plainer_sinks,
    shorter_times,
    smaller_mails,
    smaller_acts,
    plain_expectation,
)
