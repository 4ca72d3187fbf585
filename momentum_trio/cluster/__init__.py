"""F3: a node among others: membership, replication, limits held together, floating addresses."""
