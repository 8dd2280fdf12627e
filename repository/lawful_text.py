"""What text an XML document can hold."""

from __future__ import annotations

import re

ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""A character that none can (XML 1.0, production 2): controls, halves of surrogates, U+FFFE and U+FFFF."""
