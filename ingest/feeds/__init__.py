"""Where deliveries come from: each feed is looked at, and what is complete there is brought and kept."""

from __future__ import annotations

from ingest.feeds.feed import Feed, completion_problem
from ingest.feeds.look import bring, due
from ingest.feeds.offered import FeedFailed, NotAsListed, Offered, Source
from ingest.feeds.state import FeedState, Standing, expected_of, standings

__all__ = [
    "Feed",
    "FeedFailed",
    "FeedState",
    "NotAsListed",
    "Offered",
    "Source",
    "Standing",
    "bring",
    "completion_problem",
    "due",
    "expected_of",
    "standings",
]
