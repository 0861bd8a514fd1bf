"""Documents of correlations."""
