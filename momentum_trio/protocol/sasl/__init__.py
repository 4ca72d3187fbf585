"""F1: SASL mechanisms without I/O, both sides (RFC 4422)."""
