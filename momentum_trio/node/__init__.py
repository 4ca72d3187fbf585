"""F5: the whole host: tables, supervisor, reconciliation."""
