"""ESMTP_Listener: SMTP sessions. Octets between a socket and the core, the core's events to reception, nothing more.

The rules of SMTP are in ``protocol/smtp``, those of policy in ``reception``; here is when to read, send, wait and end.
"""

from __future__ import annotations
