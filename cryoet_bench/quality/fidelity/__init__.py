"""Fidelity of a stored copy: what storing a volume did to it."""
