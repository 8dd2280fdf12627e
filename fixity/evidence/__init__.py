"""What the archive can show of itself: certificates of what was read, and requirements held against figures."""
