"""Live tails: what is read, counted, kept and missed."""
