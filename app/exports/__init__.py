"""A grid as files to keep, to recount and to publish.

``rows`` which answers, and how they are read in batches; ``dictionary`` what each field means;
``csv``, ``jsonl``, ``markdown``, ``html`` one format each; ``archive`` all of them in a ZIP;
``formats`` what there is of a grid, with numbers of rows and sizes. All of them are generators of
pieces: nothing holds more than a batch of answers.
"""

from app.exports.rows import safe_cell

__all__ = ["safe_cell"]
