"""Who may read what, with the reason, and who of the archive's staff may sign in."""
