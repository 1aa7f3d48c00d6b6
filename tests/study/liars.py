"""Codecs that do not keep what they promise, registered as a package of a user's would do it."""

from __future__ import annotations

import numpy as np
from numcodecs.abc import Codec
from numcodecs.compat import ensure_contiguous_ndarray
from numcodecs.registry import register_codec


class Honest(Codec):
    """Keeps everything."""

    codec_id = "test_honest"

    def encode(self, buf):
        return ensure_contiguous_ndarray(buf).tobytes()

    def decode(self, buf, out=None):
        return self.change(np.frombuffer(buf, "u1").copy())

    def change(self, content):
        return content


class BitFlipper(Honest):
    """Loses the last bit of one voxel."""

    codec_id = "test_bit_flipper"

    def change(self, content):
        content[4000] ^= 1
        return content


class ByteSwapper(Honest):
    """Returns each voxel in the other byte order."""

    codec_id = "test_byte_swapper"

    def change(self, content):
        return content.view("<u4").byteswap().view("u1")


class WrongType(Honest):
    """Returns the values as another type of the same width."""

    codec_id = "test_wrong_type"

    def change(self, content):
        return content.view("<f4").astype("<f8")


class Unbound(Honest):
    """Is told an error bound, and makes a hundred times that."""

    codec_id = "test_unbound"

    def __init__(self, bound=0.0):
        self.bound = bound

    def change(self, content):
        values = content.view("<f4")
        values[123] += 100 * self.bound
        return values.view("u1")


class Bound(Unbound):
    """Is told an error bound, and uses most of it."""

    codec_id = "test_bound"

    def change(self, content):
        values = content.view("<f4")
        values += 0.9 * self.bound
        return values.view("u1")


class Crash(Honest):
    """Takes the process with it."""

    codec_id = "test_crash"

    def encode(self, buf):
        import os

        os._exit(3)


for _codec in (Honest, BitFlipper, ByteSwapper, WrongType, Unbound, Bound, Crash):
    register_codec(_codec)
