"""Definitions of the measures of a copy, in numpy alone: what every measured release can compute.

`benchmarks/` computes them on small volumes; `quality.fidelity` streams volumes of any size into
the same sums. So one pair of volumes has one value, wherever it is shown.
"""
