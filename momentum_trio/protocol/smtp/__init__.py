"""F1: the SMTP server's conversation, sans-IO (RFC 5321)."""
