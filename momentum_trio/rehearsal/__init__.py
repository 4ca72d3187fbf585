"""F5: sessions through the real engine under any configuration: no socket, no disk, no delivery, no waiting."""
