"""What a bare loop with the same client takes to get every bag of a bucket and hash it: nothing checked, no rows."""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import boto3
from botocore.config import Config

AT_ONCE = 4
"""As many as the archive reads side by side in one store."""
BUFFER = 1 << 20


def main(bucket: str) -> None:
    """Print the seconds, the bytes and the bags, as JSON."""
    server = json.loads(os.environ["BENCH_S3"])
    client = boto3.client(
        "s3",
        endpoint_url=server["endpoint_url"],
        aws_access_key_id=server["access_key"],
        aws_secret_access_key=server["secret_key"],
        region_name="us-east-1",
        config=Config(
            s3={"addressing_style": "path"},
            max_pool_connections=AT_ONCE,
            response_checksum_validation="when_required",
            proxies={},
        ),
    )
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket)
    keys = [item["Key"] for page in pages for item in page.get("Contents", []) if item["Key"].endswith(".tar")]
    keys = [key for key in keys if not key.startswith("canaries/")]

    def get(key: str) -> int:
        digest, size = hashlib.sha256(), 0
        body = client.get_object(Bucket=bucket, Key=key)["Body"]
        while block := body.read(BUFFER):
            digest.update(block)
            size += len(block)
        digest.hexdigest()
        return size

    began = time.perf_counter()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        size = sum(pool.map(get, keys))
    sys.stdout.write(json.dumps({"seconds": time.perf_counter() - began, "bytes": size, "bags": len(keys)}))


if __name__ == "__main__":
    main(sys.argv[1])
