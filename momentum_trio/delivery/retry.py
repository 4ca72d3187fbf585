"""When a deferred message is tried again, and when it is given up."""

from __future__ import annotations

from momentum_trio.delivery.delivery_options import DeliveryOptions

RETRY_SECONDS_MIN = 1.0
_DOUBLINGS_MAX = 32
EXPIRED = "554 5.4.7 [internal] exceeded max time without delivery"


def wait_seconds(options: DeliveryOptions, retries: int) -> float:
    """How long to wait after attempt number *retries* (the first is 0): the interval, doubled each time, to a limit."""
    interval = options.retry_interval * 2.0 ** min(retries, _DOUBLINGS_MAX)
    return max(min(interval, options.retry_interval_max), RETRY_SECONDS_MIN)


def lives_on(options: DeliveryOptions, age_seconds: float) -> float:
    """Seconds until a message of that age is given up; zero or less: now."""
    return options.expiration - age_seconds
