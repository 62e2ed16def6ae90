"""Prompts out of files that others made.

encoding.py   which encoding a file is in; what is no text in it stays visible
formats.py    which format it is in
tables.py     CSV, TSV and plain lines as records
documents.py  JSON Lines, JSON and TOML as records
reading.py    a file as records, each with its line
mapping.py    which column is what, and a record as what it says of a prompt
staging.py    a file held against the library: what is new, changed, the same, twice in it or bad
prompts.py    the dry run, and the one transaction
uploads.py    files that wait to be imported, outside of the database
badrows.py    what could not be imported, as a file to be put right
exporting.py  the library as CSV and JSON Lines, which come back as they were

Files are read in a stream and staged on disk, so that their size does not matter.
"""
