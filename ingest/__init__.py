"""The door: what publishers deliver comes in here, and nothing else does."""
