"""The night watch: every copy is read again, and what has decayed is made whole."""
