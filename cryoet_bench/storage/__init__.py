"""How a tomogram is stored: named codecs, layouts and engines, on every release of the timeline."""
