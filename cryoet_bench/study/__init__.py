"""What to write: codecs, chunks and formats measured on tomograms, and what follows from that.

A `campaign` takes boxes of tomograms (`subject`) and the configurations of a `matrix`, examines and
times them (`examination`, `trial`, each in a `process`), and keeps every trial in a `ledger`.
`results` reads the ledger back, `schema` the files that users write. `pareto`, `whole`, `uses`,
`recommendation`, `cost`, `scaling` and `transfer` judge what was measured; `advice`, `sheet`,
`overview`, `charts`, `page` and `viewer` show it, `tables` and `files` write it down.

A measured process imports `configuration`, `families`, `promise` and `trial`: numpy, zarr and
numcodecs are enough for them, so codecs with other pins are measured in an environment of their
own.
"""
