"""No output of a command may replace a source, or anything but an earlier output of its kind."""

from __future__ import annotations

import hashlib
import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
import zarr

from cryoet_bench import cli

COMMANDS: dict[str, list[str]] = {
    "qc": ["qc", "{source}", "--html", "{target}"],
    "qc of many": ["qc", "{source}", "other.tif", "--table", "{target}"],
    "verify": ["verify", "other.tif", "{source}", "--json", "{target}"],
    "bench": ["bench", "--tomogram", "{source}", "--json", "{target}"],
    "noise": ["noise", "--tomogram", "{source}", "--json", "{target}"],
}


def link(name: str, to: str | Path) -> str:
    Path(name).symlink_to(to)
    return name


def hard_link(name: str, to: str | Path) -> str:
    Path(name).hardlink_to(to)
    return name


def existing(name: str, text: str) -> str:
    Path(name).write_text(text)
    return name


def pipe(name: str) -> str:
    os.mkfifo(name)
    return name


def bound(name: str) -> str:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(name)
    return name


VOLUME, STORE = "v.tif", "v.zarr"
# What is examined, a way to name a wrong target (made in the working folder), and what is said.
WAYS: dict[str, tuple[str, Callable[[], str | Path], str]] = {
    "the source": (VOLUME, lambda: VOLUME, "is a source"),
    "its full path": (VOLUME, lambda: Path(VOLUME).absolute(), "is a source"),
    "its full path, given the short one": (VOLUME, lambda: Path.cwd() / VOLUME, "is a source"),
    "a dot before it": (VOLUME, lambda: f"./{VOLUME}", "is a source"),
    "two dots in it": (VOLUME, lambda: f"folder/../{VOLUME}", "is a source"),
    "slashes in it": (VOLUME, lambda: f".//folder/..//{VOLUME}", "is a source"),
    "a link to it": (VOLUME, lambda: link("l.html", VOLUME), "is a source"),
    "a link to a link": (VOLUME, lambda: link("l2", link("l1", VOLUME)), "is a source"),
    "a hard link": (VOLUME, lambda: hard_link("hard.html", VOLUME), "is a source"),
    "through a linked folder": (VOLUME, lambda: link("here", ".") + f"/{VOLUME}", "is a source"),
    "the source, given as a URL": ("file://{folder}/v.tif", lambda: VOLUME, "is a source"),
    "a link as the source": ("linked.tif", lambda: VOLUME, "is a source"),
    "the source store": (STORE, lambda: STORE, "is a source"),
    "a chunk of it": (STORE, lambda: f"{STORE}/c/0/0/0", "inside the source"),
    "its metadata": (STORE, lambda: f"{STORE}/zarr.json", "inside the source"),
    "a new file in it": (STORE, lambda: f"{STORE}/report.html", "inside the source"),
    "a new file deep in it": (STORE, lambda: f"{STORE}/c/0/report.html", "inside the source"),
    "through a link to it": (STORE, lambda: link("z", STORE) + "/r.html", "inside the source"),
    "a hard link of a chunk": (STORE, lambda: hard_link("k", f"{STORE}/c/0/0/0"), "no earlier"),
    "in another store": (VOLUME, lambda: f"{STORE}/r.html", "inside the Zarr"),
    "in the store, given a part": (f"{STORE}/c", lambda: f"{STORE}/r.html", "inside the Zarr"),
    "another volume": (VOLUME, lambda: "precious.mrc", "no earlier"),
    "a text": (VOLUME, lambda: existing("notes.txt", "by hand"), "no earlier"),
    "an empty file": (VOLUME, lambda: existing("empty", ""), "no earlier"),
    "another's page": (
        VOLUME,
        lambda: existing("p.html", "<!doctype html><title>cryoet-bench qc report</title>"),
        "no earlier",
    ),
    "another's JSON": (VOLUME, lambda: existing("p.json", '{"format": "mine"}'), "no earlier"),
    "another's Parquet": (VOLUME, lambda: existing("p.parquet", "PAR1PAR1"), "no earlier"),
    "a folder": (VOLUME, lambda: "folder", "is a folder"),
    "this folder": (VOLUME, lambda: ".", "is a folder"),
    "an empty name": (VOLUME, lambda: "", "is a folder"),
    "the root": (VOLUME, lambda: "/", "is a folder"),
    "a link to a folder": (VOLUME, lambda: link("f.html", "folder"), "is a folder"),
    "a device": (VOLUME, lambda: "/dev/null", "is a device"),
    "a link to a device": (VOLUME, lambda: link("d.html", "/dev/full"), "is a device"),
    "a pipe": (VOLUME, lambda: pipe("pipe"), "is a pipe"),
    "a link to a pipe": (VOLUME, lambda: link("lp", pipe("pipe")), "is a pipe"),
    "a socket": (VOLUME, lambda: bound("socket"), "is a socket"),
    "a link to itself": (VOLUME, lambda: link("loop", "loop"), "is a link to itself"),
    "no such folder": (VOLUME, lambda: "absent/r.html", "there is no folder"),
    "a link to no such folder": (VOLUME, lambda: link("x", "absent/r.html"), "there is no folder"),
    "a file for a folder": (VOLUME, lambda: f"{VOLUME}/r.html", "cannot write"),
    "a name too long": (VOLUME, lambda: "r" * 300, "too long"),
    "in the cache of tomograms": (VOLUME, lambda: "cache/tomograms/r.html", "inside the source"),
}  # fmt: skip


def main(monkeypatch: pytest.MonkeyPatch, arguments: list[str]) -> int:
    monkeypatch.setattr(sys, "argv", ["cryoet-bench", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return int(ended.value.code or 0)


def state(folder: Path) -> dict[str, str]:
    """Return the checksum of each file below a folder, and what every other thing there is."""
    return {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest()
        if path.is_file() and not path.is_symlink()
        else oct(path.lstat().st_mode)
        for path in sorted(folder.rglob("*"))
    }


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with volumes in it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CRYOET_BENCH_CACHE", "cache")
    for name in ("folder", "cache/tomograms"):
        Path(name).mkdir(parents=True)
    data = np.arange(4**3, dtype=np.uint8).reshape(4, 4, 4)
    tifffile.imwrite(VOLUME, data)
    tifffile.imwrite("other.tif", data)
    zarr.create_array(STORE, data=data, chunks=(2, 2, 2))
    Path("precious.mrc").write_bytes(data.tobytes())
    link("linked.tif", VOLUME)
    return tmp_path


@pytest.mark.parametrize("command", COMMANDS)
def test_a_wrong_target_is_one_sentence_and_nothing_is_touched(
    command: str,
    here: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert len(WAYS) >= 30
    for way, (source, target, words) in WAYS.items():
        wrong = str(target())
        before = state(here)
        filled = {"source": source.format(folder=here), "target": wrong}
        code = main(monkeypatch, [part.format(**filled) for part in COMMANDS[command]])
        said = capsys.readouterr()
        assert (way, code) == (way, 2)
        assert words in said.err, way
        assert len(said.err.splitlines()) == 1, way
        assert said.out == "", way
        assert state(here) == before, way
        for made in set(here.iterdir()) - {here / name for name in BASE}:
            made.unlink()


BASE = ("folder", "cache", VOLUME, "other.tif", STORE, "precious.mrc", "linked.tif")


def test_two_outputs_of_one_name_are_told_before_anything_is_written(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    link("same", "report")
    for names in (("report", "report"), ("report", "./report"), ("report", "same"), ("-", "-")):
        arguments = ["qc", VOLUME, "--json", names[0], "--html", names[1]]
        assert main(monkeypatch, arguments) == 2
        assert "choose two names" in capsys.readouterr().err
        assert not (here / "report").exists()
