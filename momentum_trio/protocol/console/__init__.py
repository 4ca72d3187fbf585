"""F1: the console protocol without I/O: frames, the server's and the client's side (docs/protocols/console.md)."""
