"""Events over time, counted for drawing."""
