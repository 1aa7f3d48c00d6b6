"""How many threads and requests a volume is read and written with, for every library alike."""

THREADS = 1
"""Threads of Blosc, of zarr 3's pool for codecs, and of tensorstore."""

CONCURRENCY = 10
"""Requests that zarr 3 sends before it waits for an answer; its default since 3.0."""
