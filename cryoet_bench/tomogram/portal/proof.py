"""What proves that bytes are those of an object in the bucket: its ETag."""

from __future__ import annotations

import hashlib
import math
import re
from io import BufferedIOBase

_MIB = 2**20
# The parts in which clients upload: AWS's command (8 MiB) and consoles, its SDKs, rclone, s3cmd,
# s3fs and Cyberduck, and what people set instead.
_PART_SIZES = tuple(
    it * _MIB for it in (5, 8, 10, 15, 16, 20, 25, 32, 50, 64, 100, 128, 256, 512, 1024)
)
_MD5 = re.compile(r"[0-9a-f]{32}")
_MULTIPART = re.compile(r"([0-9a-f]{32})-([1-9]\d{0,4})")
_BLOCK = 1 << 20

MD5 = "MD5"
TWO_READS = "two reads that agree"


def is_certain(etag: str) -> bool:
    """Return whether an ETag disproves all other bytes: it does not hang on the size of parts."""
    return _MD5.fullmatch(etag) is not None or etag.endswith("-1")


def can_prove(etag: str, size: int) -> bool:
    """Return whether an ETag may prove an object of so many bytes."""
    return _MD5.fullmatch(etag) is not None or bool(part_sizes(etag, size))


def part_sizes(etag: str, size: int) -> list[int]:
    """Return the part sizes in bytes with which an object may have been uploaded.

    Parameters
    ----------
    etag : str
        Of a multipart upload: it ends with the number of parts.
    size : int
        Of the object, in bytes.

    Returns
    -------
    list of int
        Those that clients use, and the least whole number of MiB; empty for another ETag.
    """
    match = _MULTIPART.fullmatch(etag)
    if match is None or size == 0:
        return []
    parts = int(match[2])
    if parts == 1:
        return [size]
    least = math.ceil(size / parts / _MIB) * _MIB
    return sorted(it for it in {*_PART_SIZES, least} if math.ceil(size / it) == parts)


def proven_by(etag: str, size: int, content: BufferedIOBase) -> str | None:
    """Return how an ETag proves the bytes of an object; None where it does not.

    The ETag of a multipart upload is the MD5 of the MD5s of its parts, with their number:
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html
    """
    if _MD5.fullmatch(etag):
        return MD5 if _digest(content, size).hex() == etag else None
    for part in part_sizes(etag, size):
        content.seek(0)
        of_parts = b"".join(
            _digest(content, min(part, size - start)) for start in range(0, size, part)
        )
        digest = hashlib.md5(of_parts, usedforsecurity=False).hexdigest()
        if digest == etag.partition("-")[0]:
            return "multipart ETag"
    return None


def _digest(content: BufferedIOBase, size: int) -> bytes:
    """Return the MD5 of the next bytes of a file."""
    md5 = hashlib.md5(usedforsecurity=False)
    while size and (block := content.read(min(_BLOCK, size))):
        md5.update(block)
        size -= len(block)
    return md5.digest()
