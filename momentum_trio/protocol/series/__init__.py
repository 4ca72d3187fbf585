"""F1: series of counts by address: what nodes tell of them, journals of them, and questions about those."""
