"""DKIM signatures (RFC 6376, RFC 8301, RFC 8463): canonical forms, the signature field, what is signed."""
