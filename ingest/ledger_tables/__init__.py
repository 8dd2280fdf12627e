"""What a ledger tells besides the events: every table that no bag, no notice and no receipt brings back, once each.

Whoever adds a table that a burned catalogue must not lose enters it in :data:`TABLES`, and nowhere else: it is then
laid down every night, taken up by a rebuild, and compared by a rehearsal. A table of few rows is told whole whenever
it has changed; one that grows tells what is new since its mark. Rows name others by what they are called everywhere
(a publisher by its name, a journal by an ISSN, a licence by its code), never by a number of this catalogue. Secrets
are not told.
"""

from __future__ import annotations

from ingest.ledger_tables.deliveries import DELIVERIES
from ingest.ledger_tables.entitlements import ENTITLEMENTS
from ingest.ledger_tables.journals import JOURNALS
from ingest.ledger_tables.kept import Kept
from ingest.ledger_tables.people import STAFF
from ingest.ledger_tables.records import RECORDS
from ingest.ledger_tables.triggers import TRIGGERS
from ingest.ledger_tables.usage import USAGE

TABLES: tuple[Kept, ...] = (*JOURNALS, *RECORDS, *ENTITLEMENTS, *TRIGGERS, *USAGE, *STAFF, *DELIVERIES)
"""In the order in which they are entered."""
