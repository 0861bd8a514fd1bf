"""Documents of audits, reports, bundles and recovery."""
