"""The parts of a message (RFC 2045, RFC 2046), as far as delivery has to change them."""
