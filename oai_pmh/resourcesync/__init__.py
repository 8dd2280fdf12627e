"""Content for other archives: every bag as a resource, listed and kept in step by ResourceSync 1.1."""
