"""F1: the message bus of a cluster, without I/O: frames, membership, views, order, groups (docs/protocols/msgc.md)."""
