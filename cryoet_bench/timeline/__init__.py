"""Which software is measured: the releases of zarr and numcodecs, one commit each."""
