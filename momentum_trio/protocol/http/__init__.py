"""HTTP/1.1 as a server speaks it, and WebSocket, without I/O."""
