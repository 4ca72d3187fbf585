"""F1: sessions on paper: recordings, scripts, and what of a client's octets may be kept."""
