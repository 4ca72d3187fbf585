"""F1: what nodes of a cluster say to one another over the bus, and what each makes of it; values in, values out."""
