"""``python -m cryoet_bench`` is the command ``cryoet-bench``."""

from cryoet_bench.cli import main

main()
