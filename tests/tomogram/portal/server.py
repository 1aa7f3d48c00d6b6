"""A stand-in of the CryoET Data Portal on this machine: ``python -m tests.tomogram.portal.server``.

It serves the portal's own GraphQL schema and an S3 bucket, with the tomograms of one run at their
real shapes, filled with noise. It prints what to set so that every command uses it, and runs until
it is interrupted. ``--small`` makes quarter-sized tomograms in quarter-sized chunks.
"""

import argparse
import contextlib
import sys
import tempfile
import threading
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.tomogram.portal import bucket_server, graphql_api, volumes
from tests.tomogram.portal.volumes import Stored


@dataclass(frozen=True)
class Portal:
    """Where the stand-in answers, and what it has."""

    graphql: str
    s3: str
    root: Path
    stored: Collection[Stored]

    @property
    def environment(self) -> dict[str, str]:
        """Variables that make every command use it."""
        return {"CRYOET_BENCH_PORTAL_URL": self.graphql, "AWS_ENDPOINT_URL": self.s3}


@contextlib.contextmanager
def running(
    stored: Collection[Stored], root: Path, *, graphql_port: int = 0, s3_port: int = 0
) -> Iterator[Portal]:
    """Write the tomograms into `root` and serve them."""
    for it in stored:
        it.write(root)
    catalogue = graphql_api.Catalogue(volumes.tables(stored))
    server = graphql_api.serve(catalogue, graphql_port)
    try:
        with bucket_server.serve(root, s3_port) as address:
            port = server.server_address[1]
            yield Portal(f"http://127.0.0.1:{port}/graphql", address, root, stored)
    finally:
        server.shutdown()
        server.server_close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--small", action="store_true", help="quarter-sized tomograms")
    parser.add_argument("--graphql-port", type=int, default=8765)
    parser.add_argument("--s3-port", type=int, default=8766)
    options = parser.parse_args()
    stored = volumes.challenge(4, chunk=64) if options.small else volumes.challenge()
    with (
        tempfile.TemporaryDirectory(prefix="portal-") as folder,
        running(
            stored,
            Path(folder),
            graphql_port=options.graphql_port,
            s3_port=options.s3_port,
        ) as portal,
        contextlib.suppress(KeyboardInterrupt),
    ):
        for name, value in portal.environment.items():
            sys.stdout.write(f"export {name}={value}\n")
        sys.stdout.flush()
        threading.Event().wait()


if __name__ == "__main__":
    main()
