"""QC of one tomogram: is this volume sound?

>>> inspection = examine(array, voxel_spacing=10.0)
>>> inspection.verdict
'pass'
>>> inspection["outliers"].sentence
'No voxel lies beyond 6 robust sd.'
"""

from cryoet_bench.quality.qc.checks import half_set_ratio
from cryoet_bench.quality.qc.inspection import Inspection, examine, inspect
from cryoet_bench.quality.qc.viewer import view
from cryoet_bench.tomogram.sources import open_volume
from cryoet_bench.volume import Volume

__all__ = [
    "Inspection",
    "Volume",
    "examine",
    "half_set_ratio",
    "inspect",
    "open_volume",
    "view",
]
