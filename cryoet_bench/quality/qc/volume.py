"""The view of a volume that qc and verify share."""

from cryoet_bench.tomogram.sources import open_volume
from cryoet_bench.volume import Volume
from cryoet_bench.volume.reading import readable
from cryoet_bench.volume.spacing import Spacing

__all__ = ["Spacing", "Volume", "open_volume", "readable"]
