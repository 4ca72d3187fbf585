"""Mail that its sender wants sent later."""

from typing import Final

SCHEDULE_SECONDS_MAX: Final = 31_536_000
"""How far ahead (the manual's start_time_max_schedule_interval, of msg_gen)."""
