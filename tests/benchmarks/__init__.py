"""Measurements beside what others do with the same work: `python -m tests.benchmarks [--quick]`."""
