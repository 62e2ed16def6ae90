"""How answers say that they do not know, and that they are not sure. For normalised texts.

Two tiers: an answer that says nothing else abstains. A phrase inside a longer answer is only a
sign, for the same words stand in other sentences too; so it has to be the answer's own voice.
"""

import re

_SOME = r"(?:\w{1,14} )"
_SORRY = r"(?:(?:(?:im|i am) )?(?:very |so )?sorry |unfortunately |honestly |apologies )?(?:but )?"
_WHAT = (
    r"(?: (?:answer(?: to (?:this|that)(?: question)?)?|that|this|it|exactly|for sure|for certain"
    r"|exact \w{1,14}))?"
)
_WHOLE = re.compile(
    rf"{_SORRY}(?:"
    rf"(?:i )?(?:really |honestly |simply |just )?(?:dont|do not) (?:really )?know{_WHAT}"
    r"|idk|dunno|unknown|n / a|unclear|undetermined|unanswerable"
    r"|(?:(?:im|i am) )?(?:not (?:\w{1,14} )?(?:sure|certain)|unsure|uncertain)"
    r"|(?:i have )?no (?:idea|clue)"
    r"|not (?:publicly )?(?:known|available|disclosed)"
    rf"|(?:i )?(?:cannot|cant|can not|could not|couldnt) (?:say|tell|know|answer){_WHAT}"
    r"|cannot be (?:known|determined)"
    rf"|i (?:would not|wouldnt) know{_WHAT}|i have no way of knowing{_WHAT}"
    r"|(?:answer|it|that|this) is (?:unknown|not (?:publicly )?known|unclear)"
    r"|(?:not enough|insufficient|no) (?:information|data)(?: available)?"
    r"|i (?:dont|do not) have (?:that|this|enough|any) information"
    r")(?: sorry)?"
)
_ELSEWHERE = frozenset((
    "ich weiss nicht", "ich weiss es nicht", "weiss ich nicht", "keine ahnung", "unbekannt",
    "je ne sais pas", "je lignore", "inconnu", "no lo sé", "no sé", "desconocido", "não sei",
    "eu não sei", "non lo so", "non so", "ik weet het niet", "nie wiem", "не знаю", "я не знаю",
    "неизвестно", "我不知道", "不知道", "わかりません", "分かりません", "知りません",
    "모르겠습니다", "모릅니다",
))  # fmt: skip
_PHRASE = re.compile(
    rf"\bi {_SOME}{{0,2}}(?:dont|do not) {_SOME}?know\b"
    rf"|\bi {_SOME}{{0,2}}(?:dont|do not) {_SOME}?have {_SOME}{{0,5}}"
    r"(?:information|data|knowledge|records?|details|access|evidence|sources?|answer)\b"
    rf"|\b(?:i|im) {_SOME}{{0,2}}(?:cant|cannot|can not|could not|couldnt|unable to|not able to) "
    rf"{_SOME}?(?:answer|say|tell|verify|confirm|determine|find|provide|know|identify|share|recall"
    r"|give)\b"
    rf"|\b(?:i|im) {_SOME}{{0,2}}(?:not {_SOME}?(?:aware|familiar)|unaware)\b"
    rf"|\bi {_SOME}?have no {_SOME}{{0,2}}(?:idea|clue|information|knowledge|records?|data|way)\b"
    r"|\b(?:is|are|was|were|remains?) (?:currently |still )?(?:unknown|undisclosed"
    r"|not (?:publicly |widely )?(?:known|available|disclosed|documented))\b"
    r"|\b(?:beyond|outside)(?: scope)?(?: of)? my (?:knowledge|training)\b"
    r"|\b(?:rather|prefer)(?: to)? not guess\b|\brather than guess"
)
_UNSURE = re.compile(
    rf"\b(?:i|im) {_SOME}{{0,2}}(?:not {_SOME}?(?:sure|certain)|unsure|uncertain)\b"
)
_GUESS = (
    r"maybe|perhaps|possibly|probably|presumably|likely|(?:best|my|a) guess|i(?:d| would)? guess"
    r"|if i had to|might be|could be|may be|i think|i believe|i suspect"
)
_HEDGE = re.compile(
    rf"\b(?:{_GUESS}|not {_SOME}?(?:sure|certain)|unsure|as far as i (?:know|recall|remember)"
    r"|if i (?:recall|remember)|to best of my knowledge|please (?:verify|check)|double check"
    r"|(?:cant|cannot|unable to) (?:verify|confirm)|could be wrong|may be wrong)\b"
)
_GUESSES = re.compile(rf"\b(?:{_GUESS})\b")


def only_abstains(said: str) -> bool:
    """The whole answer says that it does not know, and nothing else."""
    return _WHOLE.fullmatch(said) is not None or said in _ELSEWHERE


def gives_up(said: str) -> bool:
    """Somewhere the answer says of itself that it does not know."""
    return _PHRASE.search(said) is not None


def is_unsure(said: str) -> bool:
    """Somewhere it says that it is not sure: without an answer that is an "I don't know"."""
    return _UNSURE.search(said) is not None


def guesses(said: str) -> bool:
    return _GUESSES.search(said) is not None


def hedges(said: str) -> bool:
    return _HEDGE.search(said) is not None
