"""Stores: siblings behind one set of protocols; none imports another."""
