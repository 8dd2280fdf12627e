"""Whole sets of records out and in again: as CSV that a spreadsheet may have been at, and as KBART."""
