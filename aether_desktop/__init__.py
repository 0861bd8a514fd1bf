"""Aether Desktop: the application around `aether_engine`. Everything outside `ui` knows no widgets."""

__version__ = "0.1.0"
