"""A running world in somebody's hands: ``ec_sim console``."""
