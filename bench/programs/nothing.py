"""The bare interpreter, to be subtracted."""
