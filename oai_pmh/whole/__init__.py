"""Everything of a set at once: as files to begin with, and as figures by which a harvest is proved complete."""
