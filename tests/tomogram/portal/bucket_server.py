"""A real S3 server with anonymous GetObject and ListBucket: ``rclone serve s3`` on a folder."""

import contextlib
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

BUCKET = "cryoet-data-portal-public"


@contextlib.contextmanager
def serving(root: Path, port: int = 0) -> Iterator[str]:
    """Serve the folders of `root` as buckets on loopback and yield the server's address."""
    rclone = shutil.which("rclone", path=str(Path(sys.executable).parent)) or "rclone"
    # Objects that a test replaces on disk are seen at once.
    options = ("--addr", f"127.0.0.1:{port}", "--config", "", "--dir-cache-time", "0s")
    command = [rclone, "serve", "s3", *options, str(root)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            for line in process.stderr:
                if found := re.search(r"Starting s3 server on \[(http://[^/]+)/\]", line):
                    break
            else:
                raise RuntimeError("rclone serve s3 did not start")
            yield found[1]
        finally:
            process.terminate()
