"""F0: words of the network: endpoints and netblocks, values only."""
