"""The short answer inside of a text, as it was written."""

import re

from app.suggest.normalise import compact, normalise, set_of, words

SHORT = 90  # characters that a chip shows

_LINK = re.compile(r"\[([^\[\]\n]{1,200})\]\([^()\s]{1,300}\)")
_LINE_MARK = re.compile(r"(?:#{1,6}|>|[-*+•])[ \t]+")
_EMPHASIS = re.compile(r"\*\*|__|`+")
_WRAPPED = re.compile(r"(?<!\w)([*_])([^\s*_][^*_\n]{0,200})\1(?!\w)")
_QUOTES = {'"': '"', "“": "”", "„": "“", "«": "»", "'": "'", "‘": "’"}
_SPACE = re.compile(r"\s+")

_BOXED = re.compile(r"\\boxed\{([^{}\n]{1,90})\}")
_ANSWER = re.compile(r"\banswer(?:\*\*)?(?::|[ \t]is\b:?)(?:\*\*)?[ \t]{0,4}([^\n]{1,120})", re.I)
_BOLD = re.compile(r"\*\*([^*\n]{1,90})\*\*")
_QUOTED = re.compile(r"[\"“«]([^\"“”«»\n]{2,90})[\"”»]")
_SENTENCE_END = re.compile(r"[.!?;](?=\s|$)")
_IS = re.compile(r"\s(?:is|was|are|were)\s")
_LABEL = re.compile(r"(?:final )?answer\s?:\s*", re.I)
_NO_ANSWER = set_of("not no never unknown unclear probably there here what")
_SENTENCE = 160  # characters of a sentence that is looked into
_END = 6  # words that may be the answer at its end


def first_line(text: str) -> str:
    """The first line with something on it, without Markdown, cut to what fits."""
    lines = text.lstrip()[: 4 * SHORT].splitlines()
    return cut(_unmarked(lines[0])) if lines else ""


def tidy(text: str) -> str:
    """A short answer without marks, quotes and the full stop around it."""
    line = _LABEL.sub("", _unmarked(text[: 4 * SHORT]), count=1)
    line = line.rstrip(" .!;:,") or line
    if len(line) > 2 and _QUOTES.get(line[0]) == line[-1]:
        line = line[1:-1].rstrip(" .!;:,")
    return cut(line)


def cut(text: str) -> str:
    return text if len(text) <= SHORT else text[: SHORT - 1].rstrip() + "…"


def called_answer(text: str) -> str:
    """What a text calls its answer: in a box, or after "Answer:"."""
    for pattern in (_BOXED, _ANSWER):
        found = pattern.findall(text)
        if found and (short := _answer(_SENTENCE_END.split(found[-1])[0])):
            return short
    return ""


def marked(text: str, asked: str) -> str:
    """What a text that calls nothing its answer marks as it: what is alone in bold or quotes.

    ``asked`` is the question, normalised: what is quoted from there is no answer.
    """
    for pattern in (_BOLD, _QUOTED):
        answers = {
            compact(words(one)): short
            for one in pattern.findall(text)
            if not one.rstrip().endswith(":")
            and normalise(one) not in asked
            and (short := _answer(one))
        }
        if len(answers) == 1:
            return answers.popitem()[1]
    return ""


def end_of_sentence(text: str) -> str:
    """What a text of one sentence says of its subject: "Paris" of "The capital is Paris."."""
    if len(text) > _SENTENCE or "\n" in text:
        return ""
    line = tidy(text)
    if _SENTENCE_END.search(line) or len(parts := _IS.split(line)) != 2:
        return ""
    subject, end = parts
    about = subject.lower().split()
    if not about or not _NO_ANSWER.isdisjoint((about[0], about[-1])) or len(end.split()) > _END:
        return ""
    return _answer(end)


def _answer(text: str) -> str:
    """A candidate made tidy; empty where it denies rather than answers."""
    short = tidy(text)
    return short if short and words(short)[:1] and _NO_ANSWER.isdisjoint(words(short)[:2]) else ""


def _unmarked(line: str) -> str:
    line = line.strip()
    while mark := _LINE_MARK.match(line):
        line = line[mark.end() :]
    if "](" in line:
        line = _LINK.sub(r"\1", line)
    line = _WRAPPED.sub(r"\2", _EMPHASIS.sub("", line))
    return _SPACE.sub(" ", line).strip()
