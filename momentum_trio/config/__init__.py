"""F1: Momentum's configuration language: text in, values out."""
