"""Widgets only: they build, lay out and show, call controllers and never touch a store."""
