"""The whole clusterset at a glance: what its members, exports and imports are like, and what is not well.

Pure: `cli/status/` reads, and hands over what it read with the time at which it did. What could not be read
is `Unknown`, with the reason; nothing is guessed.
"""
