"""How it is measured: plan, run, noise, and the one adapter to asv."""
