"""Answers and labels out of files: grids that were asked elsewhere.

records.py     what a grid and its answers are in a file: the lines of our own JSONL, checked
stage.py       all that a file says, as such records, in a small database of its own on disk
vocabulary.py  what the values of labels mean: recognised from all of them, or said by a person
own.py         our own JSONL and ZIP
rows.py        our own CSV of answers
columns.py     what the columns of a table are
table.py       any other table, and our own CSV of labels
names.py       what columns of such tables are called
bodies.py      what others tell of an answer, as records
foreign.py     what the files of others have in common
promptfoo.py   the results of promptfoo
inspectlogs.py the logs of Inspect
zips.py        ZIP files, also with Zstandard inside
reading.py     which of these a file is, and reading it
grids.py       the dry run: what importing would do, and whether it is here already
storing.py     the one transaction
incoming.py    one grid of the file on its way into the tables
named.py       labels that say which answer they are of
here.py        answers that are here, found by what a file calls them
holding.py     each label held against the answer that it names
labels.py      labels held against the grids that are here: what adding them would do
labelling.py   the one transaction that adds them
badlines.py    what cannot be imported, to be put right
uploads.py     files that wait to be imported

Every format becomes the records of our own JSONL, so there is one way into the tables.
"""
