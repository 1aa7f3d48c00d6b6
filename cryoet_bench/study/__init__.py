"""What to write: codecs, chunks and formats measured on a tomogram of yours, and what follows.

`configuration`, `families`, `promise` and `trial` are what a measured process imports: numpy, zarr
and numcodecs are enough for them, so that codecs with other pins are measured in an environment of
their own.
"""
