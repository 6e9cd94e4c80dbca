"""Bugs that are planted in the product, to see that the simulator finds them.

`bugs.py` has the table; each bug replaces a function or a constant by name. `hunt.py` tells stories until an
invariant does not hold. `python -m tests.simulation.planted` prints the table of docs/reliability.md.
"""
