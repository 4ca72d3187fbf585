"""When a deferred message is tried again, when it is given up, and when its sender is told that it is late."""

from __future__ import annotations

import math

from momentum_trio.delivery.delivery_options import DelayNoticeOptions, DeliveryOptions

RETRY_SECONDS_MIN = 1.0
_DOUBLINGS_MAX = 32

EXPIRED = "554 5.4.7 [internal] exceeded max time without delivery"
EXPIRED_UNTRIED = "554 5.4.5 [internal] Delivery not attempted (message expired)"
OUT_OF_RETRIES = "554 5.4.7 [internal] exceeded max retries without delivery"


def wait_seconds(options: DeliveryOptions, retries: int) -> float:
    """How long to wait after attempt number *retries* (the first is 0): the interval, doubled each time, to a limit."""
    interval = options.retry_interval * 2.0 ** min(retries, _DOUBLINGS_MAX)
    return max(min(interval, options.retry_interval_max), RETRY_SECONDS_MIN)


def lives_on(options: DeliveryOptions, age_seconds: float) -> float:
    """Seconds until a message of that age is given up; zero or less: at its next failure."""
    return options.expiration - age_seconds


def retries_max(options: DeliveryOptions) -> float:
    """How many retries Max_Retries allows; ``auto``: as many as fit into Message_Expiration, the last at its end."""
    if options.retries_max == "none":
        return math.inf
    if isinstance(options.retries_max, int):
        return options.retries_max
    at, retries = 0.0, 0
    while at < options.expiration and retries < _DOUBLINGS_MAX:
        at += wait_seconds(options, retries)
        retries += 1
    return retries + max(0, math.ceil((options.expiration - at) / wait_seconds(options, retries)))


def verdict(options: DeliveryOptions, retries: int, age_seconds: float) -> float | str:
    """What follows the failure of attempt number *retries*: the seconds to wait, or why there will be no other.

    A message whose time ends before its next retry is tried once more at that moment.
    """
    if options.never_retry:
        return OUT_OF_RETRIES
    if lives_on(options, age_seconds) <= 0:
        return EXPIRED
    if retries >= retries_max(options):
        return OUT_OF_RETRIES
    return min(wait_seconds(options, retries), lives_on(options, age_seconds))


def notice_age_seconds(options: DelayNoticeOptions, notices: int) -> float:
    """The age at which the sender is told of the delay when he was told *notices* times: 1, 3, 7 ... intervals, none
    longer than the longest; 0 sets no longest.
    """
    longest = options.notice_interval_max or math.inf
    interval, age = max(options.notice_interval, RETRY_SECONDS_MIN), 0.0
    for doublings in range(notices + 1):
        wait = min(interval * 2.0 ** min(doublings, _DOUBLINGS_MAX), longest)
        if wait == longest:
            return age + longest * (notices + 1 - doublings)
        age += wait
    return age
