"""How a tomogram is stored: named codecs, layouts and engines, on every release of the timeline.

The modules import neither numpy nor zarr before these are needed: asv starts a process for each
value, many of which only look a number up or find that a case does not exist on this release.
"""
