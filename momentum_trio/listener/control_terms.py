"""What the options of a Control_Listener say to its sessions."""

from __future__ import annotations

import math

from momentum_trio.config.chain import Chain
from momentum_trio.console.authority import Terms
from momentum_trio.listener.control_options import ControlOptions
from momentum_trio.listener.tls_terms import OF_CONSOLE, tls_terms
from momentum_trio.protocol.sasl.mechanism import CRAM_MD5, DIGEST_MD5, LOGIN, MECHANISMS


def terms_of(options: ControlOptions) -> Terms:
    """*options* as what a session depends on."""
    back_ends = {DIGEST_MD5: options.digest_md5, CRAM_MD5: options.cram_md5, LOGIN: options.login}
    return Terms(
        timeout_seconds=options.timeout or math.inf,
        enable_authentication=options.enable_authentication,
        enable_authorization=options.enable_authorization,
        always_allow=options.always_allow,
        always_deny=options.always_deny,
        back_ends=tuple((name, held) for name in MECHANISMS if (held := back_ends[name]) is not None),
        groups=options.authorization,
    )


def speaks_tls(chain: Chain) -> bool:
    """Whether connections on TCP are TLS from the first octet on."""
    return tls_terms(chain, OF_CONSOLE) is not None
