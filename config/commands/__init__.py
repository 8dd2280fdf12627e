"""The commands of `mahfuz`, by the work that they are for."""
