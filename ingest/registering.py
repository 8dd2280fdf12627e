"""A bag that was judged, as it enters the catalogue: nothing but what stands in it is needed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime

from ingest.premis import with_formats
from repository import salvage
from repository.bags import BagReport
from repository.catalogue.registration import Sealed
from repository.vocabulary import ArticleRecord


def publisher_in(report: BagReport) -> str:
    """Whose article it holds."""
    return dict(report.bag_info)["Source-Organization"]


def record_in(report: BagReport) -> ArticleRecord:
    """The description that the publisher gave of it."""
    return ArticleRecord.from_json(json.loads(report.tag_files["metadata/article.json"]))


def sealed_in(report: BagReport, article: str, version: int, verified: Mapping[str, datetime | None]) -> Sealed:
    """The bag as the catalogue is told of it; ``verified``: when each store's copy was read back."""
    return Sealed(
        article_id=article,
        version=version,
        seal=report.seal,
        bytes=report.bytes,
        payload_digest=report.payload_digest,
        bagging_date=dict(report.bag_info)["Bagging-Date"],
        files=with_formats(report.files, report.tag_files.get("metadata/premis.xml", b"")),
        verified=verified,
        salvage=salvage.in_bag(report.tag_files),
    )
