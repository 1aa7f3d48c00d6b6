"""An array that is read in boxes, whatever the file it lies in.

Importing this package needs numpy alone; a format's library is imported when a file asks for it.
"""

from cryoet_bench.volume.boxes import Voxels
from cryoet_bench.volume.view import Note, Volume

__all__ = ["Note", "Volume", "Voxels"]
