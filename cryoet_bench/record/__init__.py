"""What was measured: one benchmark, one journal, one estimator, one query."""
