"""How a failing scenario is made smaller: the search (``search``), and its passes, one concept a file (``passes``)."""
