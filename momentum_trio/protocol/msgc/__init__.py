"""F1: the message bus, servers that agree on their members and on one order of messages (docs/protocols/msgc.md)."""
