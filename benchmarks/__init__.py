"""How tomograms are stored and read: one module for each thing a user does, one class a question.

Every benchmark carries its tier ("core" or "full") as an attribute, which asv copies into
``benchmarks.json``; the core tier contains the most telling cases of each question and is part
of the full one. ``python -m benchmarks.tiers core`` prints what ``asv run --bench`` takes.

All values are better when lower, but for benchmarks whose attribute ``higher_is_better`` is true
(the compression ratio, kept for people).
"""
