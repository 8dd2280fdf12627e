"""The window: other archives harvest here by OAI-PMH 2.0."""
