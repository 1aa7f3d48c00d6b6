"""What is measured on: tomograms from the phantom, files and the portal, and their cache.

Importing this package needs numpy alone, so that measured environments can read the cache.
"""

from cryoet_bench.tomogram.volume import Source, Tomogram

__all__ = ["Source", "Tomogram"]
