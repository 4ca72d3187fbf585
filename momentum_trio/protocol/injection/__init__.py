"""F1: mail that comes as values rather than as a conversation: what the HTTP API takes, and messages made of it."""
