"""A few large bags sealed, put into the stores of an archive and registered without an ingest, to be audited."""

from __future__ import annotations

import os
import sys
import tempfile
from hashlib import sha512
from pathlib import Path

from bench.generate import PUBLISHER

from config.settings import load
from config.wiring import AGENT, initialise, opened
from repository.bags import PayloadSource, write_bag
from repository.catalogue import registration, titles
from repository.vocabulary import ArticleRecord, article_id, bag_key, utc_now


def main(settings: Path, bags: int, size: int) -> None:
    """Enter so many bags of so many bytes of noise."""
    with opened(load(settings).settings) as archive, tempfile.TemporaryDirectory(dir=archive.home) as name:
        initialise(archive)
        for number in range(bags):
            record = ArticleRecord(title=f"Büyük {number}", doi=f"10.5555/large.{number}", issn_electronic="9999-0016")
            noise = os.urandom(size)
            file = Path(name) / "noise"
            file.write_bytes(noise)
            bag = write_bag(
                Path(name) / "bag.tar",
                article_id=article_id(record),
                version=1,
                bag_info=(("Source-Organization", PUBLISHER), ("Bagging-Date", "2024-01-01")),
                tag_files={},
                payload=[PayloadSource("noise.tif", file, size, sha512(noise).hexdigest())],
            )
            for store in archive.stores:
                store.put(bag_key(bag.article_id, 1), bag.path, bag.seal)
            bag.path.unlink()
            now = utc_now()
            sealed = registration.Sealed(
                article_id=bag.article_id,
                version=1,
                seal=bag.seal,
                bytes=bag.bytes,
                payload_digest=bag.payload_digest,
                bagging_date="2024-01-01",
                files=bag.files,
                verified={store.name: now for store in archive.stores},
            )
            with archive.catalogue.writing() as session:
                registration.register(
                    session,
                    titles.publisher_named(session, PUBLISHER),
                    record,
                    sealed,
                    at=now,
                    agent=AGENT,
                    delivery_id=None,
                    promises=archive.promises(),
                )


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
