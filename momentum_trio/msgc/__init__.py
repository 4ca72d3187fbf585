"""F3: the shells of the message bus: its server, and its members (docs/protocols/msgc.md)."""
