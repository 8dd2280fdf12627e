"""The window for people: what harvesting is, what there is to harvest, and requests that can be tried with a click."""
