"""F4: the edges that hand mail on, one file a method."""
