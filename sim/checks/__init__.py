"""What must hold in every run, one check a file; ``run`` asks them all when a run is over.

They judge durable state and what clients were told. What the product says of itself (its records) may excuse, where it
is the only witness, and accuses only of what nothing but itself can do.
"""

from __future__ import annotations

from ..phase import Phase
from .answered import answered
from .best_mx_first import best_mx_first
from .bounced_once import bounced_once
from .broadcasts_as_told import broadcasts_as_told
from .check import Check
from .configured_as_told import configured_as_told
from .content_unchanged import content_unchanged
from .delivered_once import delivered_once
from .drained import drained
from .envelope_kept import envelope_kept
from .evs import evs
from .explained_as_it_is import explained_as_it_is
from .failed_set_changes_nothing import failed_set_changes_nothing
from .first_commit_wins import first_commit_wins
from .gathered_once import gathered_once
from .logs_agree import logs_agree
from .no_accepted_lost import no_accepted_lost
from .no_bounce_of_a_bounce import no_bounce_of_a_bounce
from .no_damage_without_cause import no_damage_without_cause
from .no_leak import no_leak
from .nothing_invented import nothing_invented
from .one_message_a_key import one_message_a_key
from .one_owner import one_owner
from .paniclog_says_nothing_of_ours import paniclog_says_nothing_of_ours
from .prompt import prompt
from .protocol_kept import protocol_kept
from .records_agree import records_agree
from .relay_denied import relay_denied
from .reported_right import reported_right
from .retried_in_time import retried_in_time
from .seats_once import seats_once
from .shares_agree import shares_agree
from .spool_size import spool_size
from .throttled import throttled
from .unconfirmed_is_undone import unconfirmed_is_undone
from .views_right import views_right
from .webhooks_told import webhooks_told
from .welcomed import welcomed

ALL = (
    Check("no_accepted_lost", no_accepted_lost),
    Check("delivered_once", delivered_once),
    Check("one_message_a_key", one_message_a_key),
    Check("bounced_once", bounced_once),
    Check("no_bounce_of_a_bounce", no_bounce_of_a_bounce),
    Check("reported_right", reported_right),
    Check("content_unchanged", content_unchanged),
    Check("nothing_invented", nothing_invented),
    Check("envelope_kept", envelope_kept),
    Check("relay_denied", relay_denied),
    Check("failed_set_changes_nothing", failed_set_changes_nothing),
    Check("first_commit_wins", first_commit_wins),
    Check("unconfirmed_is_undone", unconfirmed_is_undone),
    Check("configured_as_told", configured_as_told),
    Check("explained_as_it_is", explained_as_it_is),
    Check("welcomed", welcomed),
    Check("spool_size", spool_size),
    Check("no_damage_without_cause", no_damage_without_cause),
    Check("answered", answered, Phase.DRAINED),
    Check("protocol_kept", protocol_kept, Phase.DRAINED),
    Check("drained", drained),
    Check("prompt", prompt),
    Check("best_mx_first", best_mx_first),
    Check("retried_in_time", retried_in_time),
    Check("throttled", throttled),
    Check("records_agree", records_agree),
    Check("logs_agree", logs_agree),
    Check("gathered_once", gathered_once, Phase.AGREED),
    Check("webhooks_told", webhooks_told),
    Check("evs", evs, Phase.SETTLED),
    Check("views_right", views_right, Phase.SETTLED),
    Check("broadcasts_as_told", broadcasts_as_told, Phase.SETTLED),
    Check("seats_once", seats_once, Phase.SETTLED),
    Check("shares_agree", shares_agree, Phase.AGREED),
    Check("one_owner", one_owner, Phase.AGREED),
    Check("no_leak", no_leak, Phase.DRAINED),
    Check("paniclog_says_nothing_of_ours", paniclog_says_nothing_of_ours),
)
