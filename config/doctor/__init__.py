"""The doctor: one list of questions about the installation, asked by `mahfuz doctor` and shown on the system page."""
