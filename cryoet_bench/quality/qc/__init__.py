"""QC of one tomogram: is this volume sound?

>>> inspection = examine(array, voxel_spacing=10.0)
>>> inspection.verdict
'pass'
>>> inspection["outliers"].sentence
'No voxel lies beyond 6 robust sd.'

`sweep` runs the compiled loops of `kernels` and `tiles` over a volume, in the `frame` of a box in
its middle: once for `sums`, once for what `centre` makes exact. `survey` is what they found, within
the `borders` of `padding`. `checks`, `grey_values`, `parts` and `cryoet` (with its `spectrum`)
answer the questions of the catalogue from it; `continuity` asks `slice_order`, `block_order` and
`line_order`, which rest on `breaks`, `slices`, `copies`, `cuboids` and `lines`. An `inspection` is
all of that for one volume, a `batch` for those that a `search` finds, in `rows`; `report` and
`viewer` show it.
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
