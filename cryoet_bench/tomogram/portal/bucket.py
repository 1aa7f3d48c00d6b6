"""Objects in the portal's public bucket: which version is there, and its bytes, without an account.

s3fs makes the requests; what is added here are the checks that nobody else makes: that the bytes
are those of the version that was planned, all of them and unharmed.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import re
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Self

import s3fs
from aiohttp import ClientError as ConnectionFault
from botocore.exceptions import BotoCoreError
from fsspec.asyn import sync
from tenacity import AsyncRetrying

from cryoet_bench.errors import InputError
from cryoet_bench.tomogram.portal.patience import PATIENCE, Patience, UnavailableError
from cryoet_bench.volume.anonymous import anonymous

PUBLIC_BUCKET = "cryoet-data-portal-public"
_PARALLEL = 4
_BLOCK = 1 << 18
_PRECONDITION = ("PreconditionFailed", "412")
_MD5 = re.compile(r"[0-9a-f]{32}")

Attempt = Callable[[], Coroutine[Any, Any, Any]]


@dataclass(frozen=True)
class Version:
    """What the bucket holds under a key at one moment."""

    size: int
    etag: str


@dataclass(frozen=True)
class Piece:
    """A whole object or a span of its bytes, and the file it is kept in until all are there."""

    key: str
    version: Version
    file: str
    span: tuple[int, int] | None = None

    @property
    def size(self) -> int:
        """Bytes to be transferred."""
        return self.version.size if self.span is None else self.span[1] - self.span[0]

    def is_whole(self, path: Path) -> bool:
        """Whether a file holds exactly these bytes, as far as the bucket lets one know."""
        if not path.is_file():
            return False
        with path.open("rb") as file:
            return self.holds(path.stat().st_size, lambda: hashlib.file_digest(file, "md5"))

    def holds(self, size: int, md5: Callable[[], Any]) -> bool:
        """Whether bytes of that size and MD5 are these."""
        # The ETag of an object that was stored in one request is the MD5 of its bytes.
        known = self.span is None and _MD5.fullmatch(self.version.etag) is not None
        return size == self.size and (not known or md5().hexdigest() == self.version.etag)


class Bucket:
    """A bucket that is read anonymously.

    The endpoint is that of the AWS libraries; ``AWS_ENDPOINT_URL`` overrides it, as everywhere.
    """

    def __init__(self, name: str, patience: Patience = PATIENCE) -> None:
        self.name = name
        self.patience = patience
        self._system = s3fs.S3FileSystem(
            **anonymous(),
            skip_instance_cache=True,
            config_kwargs={
                # One place decides about repetitions: Patience.
                "retries": {"total_max_attempts": 1},
                "connect_timeout": patience.timeout,
                "read_timeout": patience.timeout,
            },
        )
        self._system.retries = 1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._system.close_session(self._system.loop, self._system._s3creator)

    def check(self) -> None:
        """Ask for the bucket's listing, of one object.

        Raises
        ------
        InputError
            There is no answer, or the bucket is not there.
        """
        self._run([self._listed])

    def versions(self, keys: Iterable[str]) -> dict[str, Version | None]:
        """Return what is stored under each key now; None where nothing is.

        Raises
        ------
        InputError
            The bucket cannot be asked.
        """
        wanted = list(keys)
        found = self._run(partial(self._version, key) for key in wanted)
        return dict(zip(wanted, found, strict=True))

    def read(self, key: str, span: tuple[int, int] | None = None) -> bytes:
        """Return the bytes of a small object, or a span of them.

        Raises
        ------
        InputError
            There is no such object, or it cannot be read.
        """
        version = self.versions([key])[key]
        if version is None:
            raise InputError(f"the bucket {self.name} has no object {key}")
        [content] = self._run([partial(self._content, Piece(key, version, "", span))])
        return bytes(content)

    def download(
        self, pieces: Iterable[Piece], folder: Path, advance: Callable[[int], None]
    ) -> None:
        """Bring pieces into the files of `folder`; each appears there only when it is whole.

        Parameters
        ----------
        pieces : iterable of Piece
            What is to be transferred.
        folder : pathlib.Path
            Where `Piece.file` lies.
        advance : callable
            Called with the bytes that came in, negative when an attempt was in vain.

        Raises
        ------
        InputError
            A piece cannot be had, or is not the planned version any more.
        OSError
            The folder cannot be written.
        """
        attempts = (partial(self._fetch, piece, folder, advance) for piece in pieces)
        self._run(attempts, hint="; what arrived is kept, so run the same command again")

    def _run(self, attempts: Iterable[Attempt], hint: str = "") -> list[Any]:
        return list(sync(self._system.loop, self._all, list(attempts), hint))

    async def _all(self, attempts: list[Attempt], hint: str) -> list[Any]:
        """Make all attempts, a few at a time; the first that fails for good ends the others."""
        slots = asyncio.Semaphore(_PARALLEL)

        async def one(attempt: Attempt) -> Any:
            async with slots:
                return await self._patiently(attempt, hint)

        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(one(attempt)) for attempt in attempts]
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from None
        return [task.result() for task in tasks]

    async def _patiently(self, attempt: Attempt, hint: str) -> Any:
        try:
            return await AsyncRetrying(**self.patience.policy())(attempt)
        except UnavailableError as error:
            raise InputError(
                f"the bucket {self.name} did not deliver, asked {self.patience.attempts} times: "
                f"{error}{hint}"
            ) from error

    async def _listed(self) -> None:
        try:
            await self._call("list_objects_v2", MaxKeys=1)
        except FileNotFoundError as error:
            raise InputError(f"there is no bucket {self.name}") from error

    async def _version(self, key: str) -> Version | None:
        try:
            return _version(await self._call("head_object", Key=key))
        except FileNotFoundError:
            return None

    async def _fetch(self, piece: Piece, folder: Path, advance: Callable[[int], None]) -> None:
        path = folder / piece.file
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f"{path.name}.part")
        received = 0
        try:
            with unfinished.open("wb") as file:
                async with contextlib.aclosing(self._blocks(piece)) as blocks:
                    async for block in blocks:
                        file.write(block)
                        received += len(block)
                        advance(len(block))
                file.flush()
                os.fsync(file.fileno())
            _require(piece.is_whole(unfinished), piece)
        except BaseException:
            advance(-received)
            raise
        unfinished.rename(path)

    async def _content(self, piece: Piece) -> bytes:
        content = b"".join([block async for block in self._blocks(piece)])
        md5 = partial(hashlib.md5, content, usedforsecurity=False)
        _require(piece.holds(len(content), md5), piece)
        return content

    async def _blocks(self, piece: Piece) -> AsyncGenerator[bytes]:
        """Yield the bytes of a piece of the planned version."""
        options = {"IfMatch": f'"{piece.version.etag}"'}
        if piece.span is not None:
            options["Range"] = _byte_range(piece.span)
        try:
            answer = await self._call("get_object", Key=piece.key, **options)
        except FileNotFoundError as error:
            raise _changed(piece.key) from error
        with contextlib.closing(answer["Body"]) as body:
            # Some servers do not know If-Match and send what they have.
            if _version(answer).etag != piece.version.etag:
                raise _changed(piece.key)
            _require(_announces(answer, piece), piece)
            while True:
                with _faults_named(piece.key):
                    block = await body.read(_BLOCK)
                if not block:
                    break
                yield block

    async def _call(self, method: str, **options: Any) -> dict[str, Any]:
        with _faults_named(options.get("Key", self.name)):
            return dict(await self._system._call_s3(method, Bucket=self.name, **options))


@contextlib.contextmanager
def _faults_named(key: str) -> Iterator[None]:
    """Tell what is over for good from what may pass when asked again."""
    try:
        yield
    except FileNotFoundError:
        raise
    except PermissionError as error:
        raise InputError(f"the bucket refuses {key} to anonymous readers: {error}") from error
    except (OSError, BotoCoreError, ConnectionFault) as error:
        if getattr(error.__cause__, "response", {}).get("Error", {}).get("Code") in _PRECONDITION:
            raise _changed(key) from error
        raise UnavailableError(f"{key}: {error or type(error).__name__}") from error


def _require(whole: bool, piece: Piece) -> None:
    if not whole:
        raise UnavailableError(f"{piece.key} came with other bytes than its version has")


def _byte_range(span: tuple[int, int]) -> str:
    return f"bytes={span[0]}-{span[1] - 1}"


def _announces(answer: dict[str, Any], piece: Piece) -> bool:
    """Whether an answer is going to be all bytes of a piece, and no others."""
    if answer["ContentLength"] != piece.size:
        return False
    if piece.span is None:
        return True
    wanted = _byte_range(piece.span).replace("=", " ")
    return str(answer.get("ContentRange", "")).startswith(f"{wanted}/")


def _version(answer: dict[str, Any]) -> Version:
    try:
        return Version(int(answer["ContentLength"]), answer["ETag"].strip('"'))
    except KeyError as error:
        raise UnavailableError(f"the bucket's answer has no {error}") from error


def _changed(key: str) -> InputError:
    return InputError(
        f"{key} changed in the bucket while it was fetched: "
        "run the same command again to fetch the new version"
    )
