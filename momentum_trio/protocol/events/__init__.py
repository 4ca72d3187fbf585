"""F1: the event stream as values: events, cursors, filters, and what is said about them over a WebSocket."""
