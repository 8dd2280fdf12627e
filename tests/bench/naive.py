"""What one writes in an afternoon: unzip, make_bag, tar, upload, copy; nothing is checked and nothing is read back."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tarfile
import zipfile
from pathlib import Path

import bagit
import boto3
from botocore.config import Config


def main(deliveries: Path, work: Path, bucket: str, second: Path) -> None:
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
            bagit.make_bag(str(article), {"Source-Organization": "Bench"})
            packed = work / f"{article.name}.tar"
            with tarfile.open(packed, "w") as tar:
                tar.add(article, article.name)
            s3.upload_file(str(packed), bucket, packed.name)
            shutil.copyfile(packed, second / packed.name)
            packed.unlink()
        shutil.rmtree(folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], Path(sys.argv[4]))
