"""Where deliveries come from: each feed is looked at, and what is complete there is brought and kept."""

from __future__ import annotations

from ingest.feeds.feed import Feed, completion_problem
from ingest.feeds.look import bring, due
from ingest.feeds.offered import FeedFailed, NotAsListed, Offered, Source

__all__ = ["Feed", "FeedFailed", "NotAsListed", "Offered", "Source", "bring", "completion_problem", "due"]
