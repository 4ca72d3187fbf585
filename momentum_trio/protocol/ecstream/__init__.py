"""F1: ECStream, batches of messages in frames (docs/protocols/ecstream.md)."""
