"""Live tails as documents."""
