"""A stand-in of the CryoET Data Portal on this machine: ``python -m tests.tomogram.portal.server``.

It serves the portal's own GraphQL schema and an S3 bucket, with the tomograms of one run at their
real shapes, filled with noise. It prints what to set so that every command uses it, and runs until
it is interrupted. ``--small`` makes quarter-sized tomograms in quarter-sized chunks.
"""

import argparse
import contextlib
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.tomogram.portal import bucket_server, graphql_api, volumes
from tests.tomogram.portal.graphql_api import Tables


@dataclass(frozen=True)
class Portal:
    """Where the stand-in answers, and the folder of its buckets."""

    graphql: str
    s3: str
    root: Path

    @property
    def environment(self) -> dict[str, str]:
        """Variables that make every command use it."""
        return {"CRYOET_BENCH_PORTAL_URL": self.graphql, "AWS_ENDPOINT_URL": self.s3}


@contextlib.contextmanager
def serving(
    root: Path, tables: Tables, *, graphql_port: int = 0, s3_port: int = 0
) -> Iterator[Portal]:
    """Serve records, and the bucket in the folder `root`."""
    with (
        graphql_api.serving(graphql_api.Catalogue(tables), graphql_port) as graphql,
        bucket_server.serving(root, s3_port) as s3,
    ):
        yield Portal(graphql, s3, root)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--small", action="store_true", help="quarter-sized tomograms")
    parser.add_argument("--graphql-port", type=int, default=8765)
    parser.add_argument("--s3-port", type=int, default=8766)
    options = parser.parse_args()
    # Ended by ctrl-C or by kill, it takes the bucket's server and folder with it.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    stored = volumes.challenge(4, chunk=64) if options.small else volumes.challenge()
    ports = {"graphql_port": options.graphql_port, "s3_port": options.s3_port}
    with (
        contextlib.suppress(KeyboardInterrupt),
        tempfile.TemporaryDirectory(prefix="portal-") as folder,
    ):
        for it in stored:
            it.write(Path(folder))
        with serving(Path(folder), volumes.tables(stored), **ports) as portal:
            for name, value in portal.environment.items():
                sys.stdout.write(f"export {name}={value}\n")
            sys.stdout.flush()
            threading.Event().wait()


if __name__ == "__main__":
    main()
