"""Objects in the portal's public bucket: which version is there, and its bytes, without an account.

s3fs makes the requests; what is added here are the checks that nobody else makes: that the bytes
are those of the version that was planned, all of them and unharmed. The ETag proves a whole object;
where it cannot, a second read over other connections must agree.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from io import BufferedIOBase, BytesIO
from pathlib import Path
from typing import Any, Self

import s3fs
from aiohttp import ClientError as ConnectionFault
from botocore.exceptions import BotoCoreError
from fsspec.asyn import sync
from tenacity import AsyncRetrying

from cryoet_bench.errors import InputError
from cryoet_bench.tomogram.portal import proof
from cryoet_bench.tomogram.portal.patience import PATIENCE, Pace, Patience, UnavailableError
from cryoet_bench.volume.anonymous import anonymous

PUBLIC_BUCKET = "cryoet-data-portal-public"
_PARALLEL = 4
_BLOCK = 1 << 18
_PRECONDITION = ("PreconditionFailed", "412")
# Beside a piece that two reads agreed on: the checksum of its bytes.
DIGEST = ".sha256"

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
        """Bytes of it."""
        return self.version.size if self.span is None else self.span[1] - self.span[0]

    @property
    def reads(self) -> int:
        """How often it is read: twice where its ETag proves nothing."""
        provable = self.span is None and proof.can_prove(self.version.etag, self.size)
        return 1 if provable else 2

    def verified(self, path: Path) -> str | None:
        """Return how the bytes in a file were verified; None where they were not."""
        if not path.is_file() or path.stat().st_size != self.size:
            return None
        with path.open("rb") as file:
            proven = self.proven(file)
            if proven:
                return proven
            noted = path.with_name(path.name + DIGEST)
            file.seek(0)
            agreed = noted.is_file() and noted.read_text("ascii") == _sha256(file)
        return proof.TWO_READS if agreed else None

    def proven(self, content: BufferedIOBase) -> str | None:
        """Return how the ETag proves bytes; None where it does not."""
        if self.span is not None:
            return None
        return proof.proven_by(self.version.etag, self.size, content)

    def halves(self) -> list[Piece]:
        """Return two pieces that are this one: another way to ask for the same bytes.

        What damages an answer at the same place every time is noticed so.
        """
        start, stop = self.span or (0, self.version.size)
        middle = (start + stop) // 2
        spans = [(start, middle), (middle, stop)]
        return [Piece(self.key, self.version, "", it) for it in spans if it[0] < it[1]]


class Bucket:
    """A bucket that is read anonymously.

    The endpoint is that of the AWS libraries; ``AWS_ENDPOINT_URL`` overrides it, as everywhere.
    """

    def __init__(self, name: str, patience: Patience = PATIENCE) -> None:
        self.name = name
        self.patience = patience
        # The second has connections of its own, for what is asked twice.
        self._system, self._second = _system(patience), _system(patience)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for system in (self._system, self._second):
            if system._s3 is not None:
                system.close_session(system.loop, system._s3creator)

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
    ) -> Sequence[str]:
        """Bring pieces into the files of `folder`; each appears there only when it is verified.

        Parameters
        ----------
        pieces : iterable of Piece
            What is to be transferred.
        folder : pathlib.Path
            Where `Piece.file` lies.
        advance : callable
            Called with the bytes that came in, negative when an attempt was in vain.

        Returns
        -------
        sequence of str
            How each was verified.

        Raises
        ------
        InputError
            A piece cannot be had, or is not the planned version any more.
        OSError
            The folder cannot be written.
        """
        attempts = (partial(self._fetch, piece, folder, advance) for piece in pieces)
        return self._run(attempts, hint="; what arrived is kept, so run the same command again")

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
            # A chunk that is not stored reads as the fill value: that must not be a mistake.
            with contextlib.suppress(FileNotFoundError):
                await self._call("head_object", Key=key, system=self._second)
                raise UnavailableError(f"{key} is there in one answer and not in another") from None
            return None

    async def _fetch(self, piece: Piece, folder: Path, advance: Callable[[int], None]) -> str:
        path = folder / piece.file
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f"{path.name}.part")
        received = 0

        def count(size: int) -> None:
            nonlocal received
            received += size
            advance(size)

        try:
            with unfinished.open("w+b") as file:
                async with contextlib.aclosing(self._blocks(piece)) as blocks:
                    async for block in blocks:
                        file.write(block)
                        count(len(block))
                file.flush()
                os.fsync(file.fileno())
                verified = await self._verified(piece, file, count)
                if verified == proof.TWO_READS:
                    file.seek(0)
                    path.with_name(path.name + DIGEST).write_text(_sha256(file), "ascii")
        except BaseException:
            advance(-received)
            raise
        unfinished.rename(path)
        return verified

    async def _content(self, piece: Piece) -> bytes:
        content = b"".join([block async for block in self._blocks(piece)])
        await self._verified(piece, BytesIO(content), lambda _: None)
        return content

    async def _verified(
        self, piece: Piece, file: BufferedIOBase, advance: Callable[[int], None]
    ) -> str:
        """Return how the bytes of a file were verified to be those of a piece.

        Raises
        ------
        UnavailableError
            They are others, or another read gives others.
        """
        _require(file.seek(0, os.SEEK_END) == piece.size, piece)
        file.seek(0)
        proven = await asyncio.to_thread(piece.proven, file)
        if proven:
            return proven
        _require(piece.span is not None or not proof.is_certain(piece.version.etag), piece)
        digest = hashlib.sha256()
        for half in piece.halves():
            async with contextlib.aclosing(self._blocks(half, self._second)) as blocks:
                async for block in blocks:
                    digest.update(block)
                    advance(len(block))
        file.seek(0)
        if digest.hexdigest() != await asyncio.to_thread(_sha256, file):
            raise UnavailableError(f"{piece.key} came with other bytes when it was read again")
        return proof.TWO_READS

    async def _blocks(
        self, piece: Piece, system: s3fs.S3FileSystem | None = None
    ) -> AsyncGenerator[bytes]:
        """Yield the bytes of a piece of the planned version."""
        options = {"IfMatch": f'"{piece.version.etag}"'}
        if piece.span is not None:
            options["Range"] = _byte_range(piece.span)
        try:
            answer = await self._call("get_object", Key=piece.key, system=system, **options)
        except FileNotFoundError as error:
            raise _changed(piece.key) from error
        with contextlib.closing(answer["Body"]) as body:
            # Some servers do not know If-Match and send what they have.
            if _version(answer).etag != piece.version.etag:
                raise _changed(piece.key)
            _require(_announces(answer, piece), piece)
            pace = Pace(self.patience)
            while True:
                with _faults_named(piece.key):
                    block = await body.read(_BLOCK)
                if not block:
                    break
                pace.note(len(block))
                yield block

    async def _call(
        self, method: str, *, system: s3fs.S3FileSystem | None = None, **options: Any
    ) -> dict[str, Any]:
        asked = system or self._system
        with _faults_named(options.get("Key", self.name)):
            async with asyncio.timeout(self.patience.window):
                return dict(await asked._call_s3(method, Bucket=self.name, **options))


def _system(patience: Patience) -> s3fs.S3FileSystem:
    system = s3fs.S3FileSystem(
        **anonymous(),
        skip_instance_cache=True,
        config_kwargs={
            # One place decides about repetitions: Patience.
            "retries": {"total_max_attempts": 1},
            "connect_timeout": patience.timeout,
            "read_timeout": patience.timeout,
        },
    )
    system.retries = 1
    return system


def _sha256(file: BufferedIOBase) -> str:
    return hashlib.file_digest(file, "sha256").hexdigest()


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
        raise UnavailableError(f"{key}: {str(error) or type(error).__name__}") from error


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
