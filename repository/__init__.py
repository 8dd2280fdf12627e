"""What is kept, where it is kept, and who may read it."""
