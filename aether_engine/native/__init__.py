"""What of the engine is compiled, for where Python takes minutes: the sources in C, and how they are called.

Each function has a counterpart in Python, which is what runs where nothing was compiled, and the only judge: the
compiled ones say that something is in order, or that they do not know.
"""
