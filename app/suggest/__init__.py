"""What rules make of an answer: its short form, and a label they propose. Pure: text in, text out.

``normalise.py`` makes texts comparable, ``values.py`` finds numbers, dates and choices,
``match.py`` compares with the references, ``abstain.py`` knows how people say that they don't know,
``extract.py`` finds the short answer in a longer one, and ``gist.py`` puts them together.
"""

from app.suggest.gist import METHOD, Gist, Suggested, gist
from app.suggest.match import Question

__all__ = ["METHOD", "Gist", "Question", "Suggested", "gist"]
