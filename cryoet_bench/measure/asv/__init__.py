"""The one adapter to asv: nothing outside this folder knows its classes or its files.

It leans on names that asv does not promise to keep, so the project pins ``asv>=0.6.6,<0.7``.
Importing these modules needs the standard library and asv alone: asv's own interpreter does.
"""
