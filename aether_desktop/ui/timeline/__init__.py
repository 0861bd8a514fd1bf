"""Timelines under the tables."""
