from __future__ import annotations

import hashlib
import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cryoet_bench.errors import InputError
from cryoet_bench.tomogram.portal import proof
from cryoet_bench.tomogram.portal.bucket import Bucket, Piece
from tests.tomogram.portal.bucket_server import BUCKET
from tests.tomogram.portal.conftest import HASTE
from tests.tomogram.portal.proxy import Fault, Proxy
from tests.tomogram.portal.server import Portal

MIB = 2**20


def etag_of(content: bytes, part: int) -> str:
    """What a bucket answers after an upload in parts, written as Amazon's support describes it."""
    digests = [
        hashlib.md5(content[start : start + part], usedforsecurity=False).digest()
        for start in range(0, len(content), part)
    ]
    whole = hashlib.md5(usedforsecurity=False)
    for digest in digests:
        whole.update(digest)
    return f"{whole.hexdigest()}-{len(digests)}"


@pytest.fixture(scope="module")
def content() -> bytes:
    return np.random.default_rng(0).bytes(13 * MIB + 7)


@pytest.mark.parametrize("part", [5 * MIB, 7 * MIB, 8 * MIB, 16 * MIB, 1024 * MIB])
def test_a_multipart_etag_proves_its_object_and_no_other(content: bytes, part: int) -> None:
    etag = etag_of(content, part)
    assert proof.can_prove(etag, len(content))
    assert proof.proven_by(etag, len(content), io.BytesIO(content)) == "multipart ETag"
    for place in (0, 5 * MIB, len(content) - 1):
        damaged = bytearray(content)
        damaged[place] ^= 1
        assert proof.proven_by(etag, len(content), io.BytesIO(damaged)) is None


def test_an_etag_of_unknown_parts_proves_nothing(content: bytes) -> None:
    etag = etag_of(content, 1_000_000)
    assert proof.proven_by(etag, len(content), io.BytesIO(content)) is None


def test_an_md5_proves_its_object() -> None:
    etag = hashlib.md5(b"voxels", usedforsecurity=False).hexdigest()
    assert proof.proven_by(etag, 6, io.BytesIO(b"voxels")) == "MD5"
    assert proof.proven_by(etag, 6, io.BytesIO(b"voxelt")) is None


@settings(max_examples=200)
@given(st.integers(1, 2**36), st.sampled_from([5, 8, 15, 16, 32, 64, 100, 128, 256, 512, 1024]))
def test_the_parts_that_clients_use_are_tried(size: int, mib: int) -> None:
    parts = -(-size // (mib * MIB))
    found = proof.part_sizes(f"{'0' * 32}-{parts}", size)
    assert found == [size] if parts == 1 else mib * MIB in found
    assert len(found) <= 16


@pytest.mark.parametrize("etag", ["", "0" * 31, f"{'0' * 32}-0", f"{'0' * 32}-", "opaque"])
def test_etags_that_are_no_checksum(etag: str) -> None:
    assert not proof.can_prove(etag, 100)


@pytest.fixture
def multipart(
    content: bytes, online: Portal, bucket_proxy: Proxy, tmp_path: Path
) -> tuple[Proxy, Path]:
    (online.root / BUCKET / "object").write_bytes(content)
    bucket_proxy.etag = lambda _: etag_of(content, 5 * MIB)
    return bucket_proxy, tmp_path


def test_an_object_that_its_multipart_etag_proves_is_read_once(
    content: bytes, multipart: tuple[Proxy, Path]
) -> None:
    proxy, folder = multipart
    with Bucket(BUCKET, HASTE) as bucket:
        version = bucket.versions(["object"])["object"]
        assert version
        piece = Piece("object", version, "object")
        assert bucket.download([piece], folder, lambda _: None) == ["multipart ETag"]
    assert (folder / "object").read_bytes() == content
    assert proxy.sent.total() == len(content)
    assert piece.verified(folder / "object") == "multipart ETag"


def test_a_span_is_read_over_other_connections_in_other_requests(
    content: bytes, multipart: tuple[Proxy, Path]
) -> None:
    """What flips the same bit of every answer is noticed: the answers are others."""
    proxy, folder = multipart
    received: list[int] = []
    with Bucket(BUCKET, HASTE) as bucket:
        version = bucket.versions(["object"])["object"]
        assert version
        piece = Piece("object", version, "span", (100, 100_100))
        assert bucket.download([piece], folder, received.append) == ["two reads that agree"]
        assert (folder / "span").read_bytes() == content[100:100_100]
        assert sum(received) == 2 * piece.size
        assert piece.verified(folder / "span") == "two reads that agree"
        assert len(set(proxy.clients)) > 1
        (folder / "span").write_bytes(bytes(piece.size))
        assert piece.verified(folder / "span") is None
        (folder / "span").unlink()
        for part in (0.0, 0.3, 0.999):
            proxy.reset(Fault("garbled", 0, 10**6, part))
            received.clear()
            with pytest.raises(InputError, match="other bytes when it was read again"):
                bucket.download([piece], folder, received.append)
            assert sum(received) == 0
            assert not (folder / "span").exists()


def test_a_key_that_is_missing_in_one_answer_only_is_there(
    content: bytes, multipart: tuple[Proxy, Path]
) -> None:
    proxy, _ = multipart
    proxy.reset(Fault("gone", 0, 0))
    with Bucket(BUCKET, HASTE) as bucket:
        found = bucket.versions(["object", "nothing"])
    assert found["object"] is not None
    assert found["nothing"] is None
