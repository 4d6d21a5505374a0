"""The version of the installed distribution; the build reads it from here."""

__version__ = "1.0.0"
