"""The switchboard: settings, wiring, timetable, commands. It imports every room; no room imports it."""
