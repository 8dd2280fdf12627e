"""What one writes in an afternoon: unzip, make_bag, tar, upload, copy; nothing is checked and nothing is read back.

And in a second afternoon, ``checked``: the XML is parsed, every PDF opened, every file's format identified, and both
copies are read back and compared. It is the same script otherwise: no catalogue, nothing flushed to the disk, and
half a bag where it is killed.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import bagit
import boto3
from botocore.config import Config


def main(deliveries: Path, work: Path, bucket: str, second: Path, *, checked: bool) -> None:
    """Every article (one directory in a zip) of ``deliveries`` as one bag in the bucket and in ``second``."""
    server = json.loads(os.environ["BENCH_S3"])
    s3 = boto3.client(
        "s3",
        endpoint_url=server["endpoint_url"],
        aws_access_key_id=server["access_key"],
        aws_secret_access_key=server["secret_key"],
        region_name="us-east-1",
        config=Config(s3={"addressing_style": "path"}, proxies={}),
    )
    s3.create_bucket(Bucket=bucket)
    second.mkdir(parents=True)
    for delivery in sorted(deliveries.glob("*.zip")):
        folder = work / delivery.stem
        with zipfile.ZipFile(delivery) as archive:
            archive.extractall(folder)
        for article in sorted(folder.iterdir()):
            if checked:
                check(article)
            bagit.make_bag(str(article), {"Source-Organization": "Bench"})
            packed = work / f"{article.name}.tar"
            with tarfile.open(packed, "w") as tar:
                tar.add(article, article.name)
            s3.upload_file(str(packed), bucket, packed.name)
            shutil.copyfile(packed, second / packed.name)
            if checked:
                read_back(packed, s3.get_object(Bucket=bucket, Key=packed.name)["Body"], second / packed.name)
            packed.unlink()
        shutil.rmtree(folder)


def check(article: Path) -> None:
    """The XML is well-formed, the PDF opens and has pages, and PRONOM knows what each file is."""
    import pikepdf
    import pygfried
    from lxml import etree

    for file in sorted(article.iterdir()):
        if not pygfried.identify(str(file)):
            raise SystemExit(f"{file}: of no known format")
        if file.suffix == ".xml":
            etree.parse(str(file))
        elif file.suffix == ".pdf":
            with pikepdf.open(file) as pdf:
                if not len(pdf.pages):
                    raise SystemExit(f"{file}: no pages")


def read_back(packed: Path, stored: Any, copied: Path) -> None:
    """Both copies have the bytes that were put."""
    digests = []
    for stream in (packed.open("rb"), stored, copied.open("rb")):
        digest = hashlib.sha256()
        while block := stream.read(1 << 20):
            digest.update(block)
        stream.close()
        digests.append(digest.digest())
    if len(set(digests)) > 1:
        raise SystemExit(f"{packed.name}: other bytes came back")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], Path(sys.argv[4]), checked=sys.argv[5:] == ["checked"])
