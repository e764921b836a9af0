"""Prepare MinIO for Chartrier: a bucket made with locks, and a user without admin rights.

``docker-compose.yml`` runs it at every start; it is harmless when everything is there. Only this
program and MinIO have the root account: the service never holds it, so no credential of the service
could change a policy.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from urllib.parse import urlsplit

from minio import Minio
from minio.credentials import StaticProvider
from minio.minioadmin import MinioAdmin

POLICY = Path(__file__).with_name("policy.json")


def secret(name: str) -> str:
    """Return the content of a file of /run/secrets."""
    return (Path("/run/secrets") / name).read_text(encoding="utf-8").strip()


def main() -> int:
    """Make bucket, policy and user; return 1 for an existing bucket without locks, else 0."""
    endpoint = urlsplit(os.environ["MINIO_ENDPOINT"])
    bucket = os.environ["MINIO_BUCKET"]
    root = (secret("minio_root_user"), secret("minio_root_password"))
    secure = endpoint.scheme == "https"
    store = Minio(endpoint=endpoint.netloc, access_key=root[0], secret_key=root[1], secure=secure)
    if not store.bucket_exists(bucket_name=bucket):
        store.make_bucket(bucket_name=bucket, object_lock=True)
    try:
        store.get_object_lock_config(bucket_name=bucket)
    except Exception as error:  # noqa: BLE001 - after any error the bucket is not fit
        sys.stderr.write(f"The bucket {bucket} was made without object locks, which cannot be added: {error}\n")
        return 1
    admin = MinioAdmin(endpoint=endpoint.netloc, credentials=StaticProvider(*root), secure=secure)
    user = secret("s3_access_key")
    admin.policy_add("chartrier", policy_file=str(POLICY))
    admin.user_add(user, secret("s3_secret_key"))
    admin.attach_policy(["chartrier"], user=user)
    sys.stderr.write(f"bucket {bucket} and its user are ready\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
