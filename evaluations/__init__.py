"""The runnable comparisons behind every claim."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
"""The checkout."""

REAL = ROOT.parent / "shared" / "tomograms" / "13pf_MT.tif"
"""A real tomogram, of microtubules, where it lies beside the checkout."""
