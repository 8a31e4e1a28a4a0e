"""Charl: a language for small models that reason."""

__version__ = "0.1.0"
