"""How tomograms are stored and read: one module for each thing a user does, one class a question.

Lower is better in every benchmark. The core tier holds the most telling cases of each question and
is part of the full one: `question.Benchmark` says which, and asv copies that into
``benchmarks.json``. ``python -m benchmarks.listing`` prints the page of all benchmarks.
"""
