"""Actors' states at any version, their differences, snapshots and reducers."""
