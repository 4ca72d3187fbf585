"""Fuzz targets, one a file; its invariant is its first sentence. Run: python -m fuzz TARGET --seconds N."""
