"""Every command ends in 0, 1 or 2, without a traceback, however it is called and wherever."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
import tifffile

from cryoet_bench import cli, conclusion
from cryoet_bench.errors import InputError

# One line each, split at spaces; "~" stands for an empty argument.
BAD = Path(__file__).with_name("bad_invocations.txt").read_text("utf-8").splitlines()


class Web(BaseHTTPRequestHandler):
    """A server on which everything is wrong, in the way that the path names."""

    def do_GET(self) -> None:
        kind = self.path.split("/")[1]
        if kind == "reset":
            self.connection.close()
        elif kind == "loop":
            self.send_response(307)
            self.send_header("Location", self.path)
            self.end_headers()
        else:
            self.send_response(200 if kind == "garbage" else 500)
            self.end_headers()
            self.wfile.write(b"garbage")

    do_HEAD = do_GET  # noqa: N815  (the name that the server looks for)

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@contextmanager
def web() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Web) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a volume and much that is none; nothing outside of this machine answers."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CRYOET_BENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("CRYOET_BENCH_PORTAL_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    tifffile.imwrite("v.tif", np.arange(216, dtype=np.float32).reshape(6, 6, 6))
    tifffile.imwrite("flat.tif", np.zeros((4, 4), np.uint8))
    np.save("complex.npy", np.zeros((4, 4, 4), np.complex64))
    Path("half.tif").write_bytes(Path("v.tif").read_bytes()[:200])
    Path("magic.tif").write_bytes(b"II*\0")
    Path("empty").touch()
    Path("empty.mrc").touch()
    Path("text.mrc").write_text("not a volume\n" * 100)
    Path("zeros.mrc").write_bytes(bytes(2048))
    for name, metadata in (("json", "{"), ("list", "[]"), ("null", "null")):
        Path(f"{name}.zarr").mkdir()
        Path(f"{name}.zarr", "zarr.json").write_text(metadata)
    Path("hollow.zarr").mkdir()
    Path("hollow.zarr", ".zgroup").write_text('{"zarr_format": 2}')
    Path("loop").symlink_to("loop")
    Path("nowhere").symlink_to("absent")
    Path("secret").mkdir(mode=0)
    os.mkfifo("pipe")
    return tmp_path


def test_bad_invocations_are_told_in_a_sentence(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert len(BAD) >= 120
    wrong = []
    with web() as address:
        for line in BAD:
            words = line.format(web=address).replace("name-of-300", "n" * 300).split(" ")
            arguments = ["" if word == "~" else word for word in words]
            code = conclusion.conclude(partial(cli._run, arguments))
            said = capsys.readouterr()
            text = said.out + said.err
            if code != 2 or "Traceback" in text or "not foreseen" in text or not said.err:
                wrong.append((line, code, text[-300:]))
    assert not wrong


def command(
    *arguments: str, shell: str = '"$@"', **variables: str | None
) -> subprocess.CompletedProcess[bytes]:
    """Run the installed command from a shell, in an environment that is changed."""
    environment = {key: it for key, it in (os.environ | variables).items() if it is not None}
    start = [sys.executable, "-c", "from cryoet_bench.cli import main; main()", *arguments]
    return subprocess.run(
        ["bash", "-c", shell, "bash", *start], env=environment, capture_output=True, check=False
    )


HOSTILE: dict[str, dict[str, str | None]] = {
    "a terminal of few characters and no width": {
        "PYTHONIOENCODING": "latin-1", "COLUMNS": "\N{SUPERSCRIPT TWO}", "LINES": "-1",
        "GIT_DIR": "/absent", "GIT_WORK_TREE": "/absent",
    },
    "no locale, no home, no place for temporary files": {
        "LC_ALL": "C", "PYTHONUTF8": "0", "HOME": None, "TMPDIR": "/absent", "COLUMNS": "0",
        "AWS_PROFILE": "nobody", "AWS_ACCESS_KEY_ID": "half",
    },
    "a home that cannot be written": {"HOME": "/proc", "XDG_CACHE_HOME": None, "TERM": "nonsense"},
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_environment_is_no_obstacle(name: str, tmp_path: Path) -> None:
    source = os.fsdecode(bytes(tmp_path) + b"/caf\xe9 \xff.tif")
    tifffile.imwrite(source, np.arange(216, dtype=np.float32).reshape(6, 6, 6))
    page = tmp_path / "r.html"
    done = command("qc", source, "--html", str(page), **HOSTILE[name])
    assert done.returncode in (0, 1), done.stderr
    assert b"Traceback" not in done.stderr
    assert b"Use it?" in done.stdout
    assert page.exists()


@pytest.mark.parametrize(
    ("shell", "code"),
    [
        ('set -o pipefail; "$@" | true', 2),
        ('"$@" > /dev/full', 2),
        ('"$@" >&-', 0),
        ('"$@" 2>&-', 0),
        ('mkdir "$TMP/gone"; cd "$TMP/gone"; rmdir "$TMP/gone"; "$@"', 0),
    ],
)
def test_an_output_that_nobody_takes(shell: str, code: int, tmp_path: Path) -> None:
    done = command("timeline", "list", "--json", shell=shell, TMP=str(tmp_path))
    assert done.returncode == code
    assert b"Traceback" not in done.stderr
    assert b"Exception ignored" not in done.stderr


def test_what_is_not_foreseen_is_a_sentence_and_a_traceback_for_who_asks(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def broken() -> int:
        raise KeyError("a fault of ours\nin two lines")

    def interrupted() -> int:
        raise KeyboardInterrupt

    def refused() -> int:
        raise InputError("caf\udce9 is no tomogram")

    for work, debug, code, words in (
        (broken, False, 2, "not foreseen, KeyError"),
        (broken, True, 2, "in broken"),
        (interrupted, False, 130, "interrupted"),
        (refused, False, 2, "caf\\udce9 is no tomogram"),
    ):
        assert conclusion.conclude(work, debug=debug) == code
        said = capsys.readouterr().err
        assert words in said
        assert ("Traceback" in said) == debug
        assert debug or len(said.splitlines()) == 1
