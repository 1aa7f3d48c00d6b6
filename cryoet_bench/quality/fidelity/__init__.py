"""Fidelity of a stored copy: what storing a volume did to it.

`compare` measures everything and names what it recognises; `fsc` and `ssim` are there alone, too.
All take anything that has a shape, a dtype and slices: numpy, memory-mapped and zarr arrays.

A `comparison` measures: whether there is any difference (`identity`), another `grey_scale`, then
`spectrum`, `pixels`, `ssim` and `picking`. Its `diagnosis` names `defects` from the `evidence`:
`alignment`, `damage` and `losses`, or `sizes` where the shapes differ. A `verification` holds all
of it against `profiles`, a `migration` does so for many copies, and `report` shows it.
"""

from cryoet_bench.quality.fidelity.comparison import Comparison, compare
from cryoet_bench.quality.fidelity.pixels import PixelErrors
from cryoet_bench.quality.fidelity.spectrum import fsc
from cryoet_bench.quality.fidelity.ssim import Similarity, ssim
from cryoet_bench.quality.metrics.fsc import Correlation

__all__ = ["Comparison", "Correlation", "PixelErrors", "Similarity", "compare", "fsc", "ssim"]
