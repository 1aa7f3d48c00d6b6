"""Files that are written whole or not at all, never over what is not ours, and locks.

Standard library only: asv's own interpreter imports this.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from cryoet_bench.errors import InputError

PRINTED = Path("-")
_HEAD = 4096
_PARQUET_MAGIC = b"PAR1"
_ZARR_METADATA = ("zarr.json", ".zarray", ".zgroup", ".zattrs")


@contextlib.contextmanager
def staged(path: Path) -> Iterator[Path]:
    """Yield a path beside `path` to write to; it takes the place of `path` when the block ends.

    Nothing is left of it when the block raises, and `path` stays as it was.

    Raises
    ------
    OSError
        The folder cannot be written to.
    """
    # Not named after `path`, whose name may be as long as the file system allows.
    folder = Path(tempfile.mkdtemp(prefix=".new-", dir=path.parent))
    try:
        written = folder / path.name
        yield written
        for file in [written] if written.is_file() else written.rglob("*"):
            if file.is_file():
                _flush(file)
        if written.is_dir():
            _take_place(written, path)
        else:
            written.replace(path)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _flush(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _take_place(written: Path, folder: Path) -> None:
    """Put a folder where `folder` is; of several processes that do so, the last one wins."""
    retired = written.with_name(f"{written.name}.old")
    while True:
        with contextlib.suppress(FileNotFoundError):
            folder.rename(retired)
        try:
            written.rename(folder)
        except OSError as error:
            if error.errno not in {errno.ENOTEMPTY, errno.EEXIST}:
                raise
            shutil.rmtree(retired, ignore_errors=True)
        else:
            return


def write_text(path: Path, text: str) -> None:
    """Write a text file as UTF-8, whole or not at all.

    Raises
    ------
    OSError
        It cannot be written.
    """
    with staged(path) as written:
        written.write_text(text, "utf-8")


def append(path: Path, line: bytes, *, whole: int) -> int:
    """Add a line to a file that is only appended to, on the disk before this returns.

    Parameters
    ----------
    path : pathlib.Path
        The file; it and its folder need not exist yet.
    line : bytes
        With its end.
    whole : int
        How many of the file's bytes are known to be whole lines. Whole lines that another process
        has added to them stay; a line without its end was being written by a run that was killed,
        and goes.

    Returns
    -------
    int
        How many bytes are whole lines now.

    Raises
    ------
    OSError
        It cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+b") as file:
        whole = min(whole, file.seek(0, os.SEEK_END))
        file.seek(whole)
        whole += file.read().rfind(b"\n") + 1
        file.truncate(whole)
        file.write(line)
        file.flush()
        os.fsync(file.fileno())
    return whole + len(line)


@contextlib.contextmanager
def locked(path: Path, *, wait: bool = True) -> Iterator[None]:
    """Hold an exclusive lock on a file, which is made when it is missing.

    Parameters
    ----------
    path : pathlib.Path
        The lock; its content is not touched.
    wait : bool
        Wait for another process that holds it.

    Raises
    ------
    BlockingIOError
        Another process holds it, and `wait` is false.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


@dataclass(frozen=True)
class Kind:
    """A kind of file that a command writes where the user says.

    Parameters
    ----------
    name : str
        For sentences, e.g. "HTML report of qc".
    mark : bytes
        Stands in the first 4096 or the last 4096 bytes of every file of this kind, or in the
        footer of a Parquet file, and in no other file: an earlier one is known by it.
    binary : bool
        Nothing to print on a terminal.
    """

    name: str
    mark: bytes
    binary: bool = False


@dataclass(frozen=True)
class Output:
    """A file that may be written: it is none of the sources, and replaces only its own kind.

    Parameters
    ----------
    path : pathlib.Path
        As the user gave it; ``-`` is the standard output.
    kind : Kind
        What is written.
    sources : tuple of pathlib.Path
        Files and folders that must stay as they are.
    """

    path: Path
    kind: Kind
    sources: tuple[Path, ...] = ()

    @property
    def is_printed(self) -> bool:
        """Whether it goes to the standard output."""
        return self.path == PRINTED

    def check(self) -> None:
        """Raise InputError unless `write` may put a file here, now."""
        if self.is_printed:
            if self.kind.binary:
                raise InputError(f"the {self.kind.name} cannot be printed: name a file for it")
            return
        try:
            self._check()
        except OSError as error:
            raise self._refusal(error) from error

    def write(self, content: bytes | str) -> None:
        """Write the file whole, or print it; text becomes UTF-8.

        Raises
        ------
        InputError
            It cannot be written, or something else has appeared here; what was here before still
            is.
        """
        data = content.encode("utf-8", "backslashreplace") if isinstance(content, str) else content
        if self.is_printed:
            sys.stdout.flush()
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()
            return
        self.check()
        try:
            with staged(_real(self.path)) as written:
                written.write_bytes(data)
        except OSError as error:
            raise self._refusal(error) from error

    def _check(self) -> None:
        path = _real(self.path)
        for source in self.sources:
            if _is_same(path, source):
                raise InputError(
                    f"{self.path} is a source ({source}), which the {self.kind.name} would "
                    "replace: choose another name"
                )
            if source.is_dir() and any(_is_same(folder, source) for folder in path.parents):
                raise InputError(
                    f"{self.path} lies inside the source {source}: choose another folder"
                )
        for folder in path.parents:
            if any((folder / name).is_file() for name in _ZARR_METADATA):
                raise InputError(
                    f"{self.path} lies inside the Zarr {folder}: choose another folder"
                )
        self._check_folder(path.parent)
        self._check_earlier(path)

    def _check_folder(self, folder: Path) -> None:
        if not folder.exists():
            raise InputError(
                f"cannot write {self.path}: there is no folder {folder}; make it first"
            )
        if not folder.is_dir():
            raise InputError(f"cannot write {self.path}: {folder} is not a folder")
        if not os.access(folder, os.W_OK | os.X_OK):
            raise InputError(f"cannot write {self.path}: the folder {folder} is read-only")

    def _check_earlier(self, path: Path) -> None:
        """Raise InputError unless there is nothing at a resolved path, or an earlier output."""
        try:
            mode = path.lstat().st_mode
        except FileNotFoundError:
            return
        if not stat.S_ISREG(mode):
            # A link is left only where links lead in a circle.
            what = next(
                (name for is_this, name in _NO_FILES.items() if is_this(mode)), "no plain file"
            )
            raise InputError(f"{self.path} is {what}: name a file for the {self.kind.name}")
        if self.kind.mark not in _ends(path):
            raise InputError(
                f"{self.path} exists and is no earlier {self.kind.name}: it stays as it is; "
                "choose another name, or move it away"
            )

    def _refusal(self, error: OSError) -> InputError:
        reasons = {
            errno.ENOSPC: "the disk is full",
            errno.EDQUOT: "the quota of the disk is used up",
            errno.ENAMETOOLONG: "the name is too long",
        }
        reason = reasons.get(error.errno or 0, error.strerror or str(error))
        return InputError(f"cannot write {self.path}: {reason}")


_NO_FILES = {
    stat.S_ISDIR: "a folder",
    stat.S_ISCHR: "a device",
    stat.S_ISBLK: "a device",
    stat.S_ISFIFO: "a pipe",
    stat.S_ISSOCK: "a socket",
    stat.S_ISLNK: "a link to itself",
}


def output(path: Path, kind: Kind, sources: Iterable[str | Path] = ()) -> Output:
    """Return where something may be written, checked before any work is done.

    Parameters
    ----------
    path : pathlib.Path
        A file, or ``-`` for the standard output.
    kind : Kind
        What is written: an earlier file of the same kind is replaced, nothing else.
    sources : iterable of str or pathlib.Path
        What the command reads. Names that are no paths do no harm.

    Raises
    ------
    InputError
        The path names a source or lies inside one (by whatever name or link), or inside a Zarr;
        there is another file, a folder, a device, a pipe or a socket; or it cannot be written.
    """
    try:
        # A command may change its working folder before it writes.
        place = path if path == PRINTED else path.absolute()
        wanted = Output(place, kind, tuple(_place(source) for source in sources))
    except OSError as error:
        raise InputError(f"cannot write {path}: the working folder is gone") from error
    wanted.check()
    return wanted


def outputs(
    wanted: Mapping[Kind, Path | None], sources: Iterable[str | Path] = ()
) -> dict[Kind, Output]:
    """Return the outputs of one command, as `output` does; those without a path are left out.

    Raises
    ------
    InputError
        As `output`, or two of them have one path.
    """
    places = list(sources)
    checked: dict[Kind, Output] = {}
    for kind, path in wanted.items():
        if path is None:
            continue
        target = output(path, kind, places)
        for other in checked.values():
            if _is_same(_real(target.path), other.path):
                raise InputError(
                    f"{path} is named for the {other.kind.name} and for the {kind.name}: "
                    "choose two names"
                )
        checked[kind] = target
    return checked


def _place(source: str | Path) -> Path:
    return Path(str(source).removeprefix("file://")).expanduser().absolute()


def _real(path: Path) -> Path:
    """Return a path without links and "..", also where a link leads to itself or to nothing."""
    return Path(os.path.realpath(path))


def _is_same(path: Path, other: Path) -> bool:
    """Return whether two names, the first without links, are of one file or of none as yet."""
    try:
        return path == _real(other) or path.samefile(other)
    except (OSError, ValueError):
        return False


def _ends(path: Path) -> bytes:
    """Return the start and the end of a file, of a Parquet file the whole footer."""
    with path.open("rb") as file:
        head = file.read(_HEAD)
        size = file.seek(0, os.SEEK_END)
        length = _HEAD
        if head[:4] == _PARQUET_MAGIC and size > 12:
            # Its last eight bytes are the footer's length and the magic again.
            file.seek(size - 8)
            length = 8 + int.from_bytes(file.read(4), "little")
        file.seek(max(0, size - length))
        return head + b"\0" + file.read(length)
