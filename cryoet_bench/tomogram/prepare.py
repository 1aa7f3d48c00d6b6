"""Make sure that a tomogram is in the cache, in a process that has numpy alone.

``python -m cryoet_bench.tomogram.prepare NAME`` prints what the record keeps of the tomogram, as
JSON, and exits with 2 and one sentence when it cannot be had.
"""

from __future__ import annotations

import json
import sys

from cryoet_bench.errors import InputError
from cryoet_bench.tomogram.sources import obtain


def main(arguments: list[str]) -> int:
    """Obtain the one tomogram named and return the exit code."""
    if len(arguments) != 1:
        print("usage: python -m cryoet_bench.tomogram.prepare NAME", file=sys.stderr)  # noqa: T201
        return 2
    try:
        tomogram = obtain(arguments[0])
    except InputError as error:
        print(f"cryoet-bench: {error}", file=sys.stderr)  # noqa: T201
        return 2
    print(json.dumps(tomogram.facts))  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
