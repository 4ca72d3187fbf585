"""The machine's faults as the spool tells them. Custody stays with the peer: 452 or 451, never a Receipt."""

from __future__ import annotations


class SpoolFault(Exception):
    """The spool could not do it. doubtful: what was refused may yet be found in the log after a crash."""

    doubtful = False


class SpoolFull(SpoolFault):
    """The disk has no room (ENOSPC, EDQUOT), or the envelope exceeds what one record may hold. Nothing was kept."""


class SpoolSick(SpoolFault):
    """The disk failed: what it answers cannot be trusted. The batch was not acknowledged; it may yet reappear."""


class ContentDamaged(SpoolSick):
    """Content in custody cannot be read back as it was written. Trying again will hardly help."""


class SpoolLocked(SpoolFault):
    """Another process has this spool."""
