"""Audits and what is made of them: findings, reports, bundles, recovered files."""
