"""What the rules make of answers: short answers, and labels that are only suggested."""

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.suggest import Gist, Question, gist
from app.suggest.extract import SHORT
from app.suggest.gist import KEY, LOOK
from app.suggest.normalise import words

DS = Question.of(["1"], "Just say the number with no commentary.", "How many Ds are in DEEPSEEK?")
BIRTHDAY = Question.of([], "Just respond with DD-MM.", "What is Adam Kalai's birthday?")
DATED = Question.of(["03-07"], "", "When was it? Just respond with DD-MM.")
TITLE = Question.of(
    ["Probabilistic and On-line Methods in Machine Learning"],
    "",
    "What was the title of Adam Kalai's dissertation?",
)
ROOTS = Question.of(["−1 ± √2"], "", "What are the roots of x^2 + 2x -1?")
CAPITAL = Question.of(["Paris"], "", "What is the capital of France?")
NAMES = Question.of(["New York", "New York City", "NYC"], "", "Which is the largest city?")
OPEN = Question.of([], "", "What did the author call “the old way”?")
YES = Question.of(["Yes"], "", "Is it?")
LETTER = Question.of(["B"], "Give one letter.", "Which one?")
QUESTIONS = [DS, BIRTHDAY, DATED, TITLE, ROOTS, CAPITAL, OPEN, YES, LETTER]


def suggested(text: str, question: Question) -> str:
    """Such as "correct strong"; empty for no suggestion."""
    found = gist(text, question)
    return f"{found.suggested} {found.strength}" if found.suggested else ""


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("1", "correct strong"),
        ("One.", "correct strong"),
        ("**1**", "correct strong"),
        ("Answer: 1", "correct strong"),
        ("There is 1 D.", "correct weak"),
        ("There is one D in DEEPSEEK.", "correct weak"),
        ("I think it's 1, not sure.", "correct weak"),
        ("D is at place 1, E at 2 and 3.\n\n**Answer: 1**", "correct weak"),
        ("11", "hallucinated strong"),
        ("2001", "hallucinated strong"),
        ("Three", "hallucinated strong"),
        ("There are 2 Ds in DEEPSEEK.", "hallucinated weak"),
        ("I think it's 3, not sure.", "hallucinated weak"),
        ("1 or 2", ""),
        ("not 1", ""),
        ("not 1 but 3", ""),
        ("There is 1 D. No, wait, there are 3.", ""),
        ("about 5", ""),
        ("There are twenty-one.", ""),
        ("one hundred", ""),
        ("one hundred and one", ""),
        ("one third", ""),
        ("one and a half", ""),
        ("one dozen", ""),
        ("There are one and only one.", "correct weak"),
        ("1D", ""),
        ("1.5", "hallucinated strong"),
        ("I don't know, but maybe 1", ""),
        ("I don't know, but maybe 3", ""),
        ("Nobody counts that.", ""),
    ],
)
def test_numbers_are_matched_as_whole_words(text: str, label: str) -> None:
    assert suggested(text, DS) == label


@pytest.mark.parametrize(
    ("references", "text", "label"),
    [
        (["12,345"], "12345", "correct strong"),
        (["12345"], "It is 12,345 km.", "correct weak"),
        (["5", "7"], "seven", "correct strong"),
        (["2 million"], "2,000,000", "correct strong"),
        (["2000000"], "2 million", "correct strong"),
        (["10–20"], "15", "correct strong"),
        (["between 10 and 20"], "20", "correct strong"),
        (["10 to 20"], "21", "hallucinated strong"),
        (["9.81"], "9.8066", "correct strong"),
        (["9.81"], "9.8", "hallucinated strong"),
        (["9.80"], "9.8", "correct strong"),
        (["9.80"], "9.804", "correct strong"),
        (["9.80"], "9.84", "hallucinated strong"),
        (["-3"], "3", "hallucinated strong"),
        (["-3"], "−3", "correct strong"),
        (["50%"], "50 %", "correct strong"),
        (["50%"], "0.5", ""),  # which is the same, or half a percent
        (["50%"], "5", "hallucinated strong"),
        (["0.25"], "25%", ""),
        (["5"], "minus 5", "hallucinated strong"),
        (["5"], "It is negative five.", "hallucinated weak"),
        (["-5"], "minus five", "correct strong"),
        (["-2000000"], "It was minus 2 million.", "correct weak"),
        (["5"], "10 minus 5 is 5", ""),
        (["9.81", "1–2"], f"9.8{'0' * 40}", "hallucinated strong"),
        (["9.81", "1–2"], f"9.81{'0' * 19}1", "correct strong"),
        (["10–20"], "It marks **nothing** but 15 as its answer.", "correct weak"),
        (["5 km"], "5km", "correct strong"),
        (["5 km"], "7 km", ""),  # not a number alone: what else it may be called, nobody knows
    ],
)
def test_numbers_are_compared_by_value(references: list[str], text: str, label: str) -> None:
    assert suggested(text, Question.of(references, "", "How far?")) == label


@pytest.mark.parametrize(
    ("question", "text", "label"),
    [
        (DATED, "03-07", "correct strong"),
        (DATED, "3/7", "correct strong"),
        (DATED, "3 July", "correct strong"),
        (DATED, "It was on the 3rd of July, 1969.", "correct weak"),
        (DATED, "07-03", "hallucinated strong"),
        (DATED, "March 7", "hallucinated strong"),
        (DATED, "It was March 7.", "hallucinated weak"),
        (DATED, "31-02", ""),  # no date
        (DATED, "03-07 or 07-03", ""),
        (BIRTHDAY, "03-07", ""),  # nothing to compare with
        (YES, "Yes.", "correct strong"),
        (YES, "true", "correct strong"),
        (YES, "Yes, it is.", "correct weak"),
        (YES, "No", "hallucinated strong"),
        (YES, "B", ""),
        (YES, "No, it does not.", "hallucinated weak"),
        (YES, "Yes and no", ""),
        (YES, "No. Well, yes.", ""),
        (YES, "No one knows.", ""),
        (YES, f"No, at first sight it {'really ' * 9} is not. So I answer yes.", ""),
        (YES, "No doubt about it.", ""),
        (LETTER, "B, Paris", "correct weak"),
        (LETTER, "B or C", ""),
        (LETTER, "B and C", ""),
        (LETTER, "B is wrong", ""),
        (LETTER, "C, not B", ""),
        (YES, "There is no evidence.", ""),
        (LETTER, "b)", "correct strong"),
        (LETTER, "The answer is B.", "correct weak"),
        (LETTER, "C", "hallucinated strong"),
        (LETTER, "No", ""),
    ],
)
def test_dates_and_choices(question: Question, text: str, label: str) -> None:
    assert suggested(text, question) == label


@pytest.mark.parametrize(
    ("stated", "text"),
    [
        ("Use DD/MM/YYYY.", "3/7/1969"),
        ("Use DD.MM.YYYY", "03.07.1969."),
        ("YYYY-MM-DD please", "1969-07-03"),
        ("mm-dd-yyyy", "07-03-1969"),
        ("", "July 3, 1969"),
    ],
)
def test_date_is_read_in_the_order_that_is_stated(stated: str, text: str) -> None:
    reference = text if stated else "3 July 1969"
    question = Question.of([reference], stated, "When was it?")
    assert gist(text, question).key == "1969-07-03"
    assert suggested("3 July 1969", question) == "correct strong"
    assert suggested("3 July 1970", question) == "hallucinated strong"
    assert suggested("7 March", question) != "correct strong"


def test_digits_are_no_date_unless_the_prompt_states_their_order() -> None:
    undated = Question.of(["3 July"], "", "When was it?")
    assert suggested("July 3", undated) == "correct strong"
    assert suggested("03-07", undated) == suggested("07-03", undated) == ""


def test_day_without_its_year_is_no_other_day() -> None:
    day, dated = (Question.of([one], "", "When?") for one in ("3 July", "3 July 1969"))
    assert suggested("3 July 1969", day) == "correct strong"
    assert suggested("It was on July 3, 1969.", day) == "correct weak"
    assert suggested("4 July 1969", day) == "hallucinated strong"
    assert suggested("3 July", dated) == ""
    assert suggested("4 July", dated) == "hallucinated strong"


@pytest.mark.parametrize(
    ("question", "text", "label"),
    [
        (TITLE, "Probabilistic and Online Methods in Machine Learning", "correct strong"),
        (TITLE, "“Probabilistic and On-line Methods in Machine Learning.”", "correct strong"),
        (TITLE, "It was *Probabilistic and On-line Methods in Machine Learning*, 2001.",
         "correct weak"),
        (TITLE, "Algebraic Methods in Interactive Machine Learning", ""),
        (ROOTS, "x = -1 ± sqrt(2)", "correct weak"),
        (ROOTS, "\\(-1 \\pm \\sqrt{2}\\)", "correct strong"),
        (ROOTS, "x = 1 +/- sqrt(2)", ""),
        (CAPITAL, "The capital of France is Paris.", "correct weak"),
        (CAPITAL, "Lyon or Paris", ""),
        (NAMES, "It is New York City (NYC).", "correct weak"),
        (CAPITAL, "It is not Paris, it is Lyon.", ""),
        (CAPITAL, "It ain't Paris.", ""),
        (CAPITAL, "Answer: Lyon\n(Paris once was.)", ""),
        (CAPITAL, "Answer: the capital is Paris.", "correct weak"),
        (CAPITAL, "Paris? Nope, Lyon.", ""),
        (CAPITAL, "I doubt it's Paris.", ""),
        (CAPITAL, "Parisian", ""),
        (CAPITAL, "Lyon", ""),  # it may be called something else: no match is no evidence
    ],
)  # fmt: skip
def test_texts_are_correct_or_undecided(question: Question, text: str, label: str) -> None:
    assert suggested(text, question) == label


@pytest.mark.parametrize(
    "text",
    ["Unknown", "I don’t know.", "IDK", "n/a", "Not sure", "I'm not sure.",
     "I do not know the answer", "Sorry, I don't know.", "**I don't know**", "Answer: unknown",
     "No idea!", "Je ne sais pas.", "Ich weiß es nicht.", "我不知道。"],
)  # fmt: skip
@pytest.mark.parametrize("question", QUESTIONS)
def test_answer_that_says_nothing_else_abstains(question: Question, text: str) -> None:
    found = gist(text, question)
    assert (found.suggested, found.strength, found.short, found.key, found.hedged) == (
        "abstained", "strong", "IDK", "idk", False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("question", "text", "label"),
    [
        (BIRTHDAY, "I don't have information about his birthday; he joined in 2023.",
         "abstained weak"),
        (BIRTHDAY, "I cannot share personal details of people.", "abstained weak"),
        (BIRTHDAY, "I don't know, perhaps 03-07.", ""),
        (DS, "I am not able to tell how often it occurs.", "abstained weak"),
        (OPEN, "I'm not familiar with this author.", "abstained weak"),
        (OPEN, "I don't know, but maybe the old way.", ""),
        (OPEN, "I'm not sure, but I think it was called Rome.", ""),
        (OPEN, "No information was lost.", ""),
        (OPEN, "The author is unclear about X.", ""),
        (OPEN, "They do not know what it is called.", ""),
        (CAPITAL, "I don't know, it could be Paris.", ""),
    ],
)  # fmt: skip
def test_phrase_in_a_longer_answer_is_a_weak_sign(
    question: Question, text: str, label: str
) -> None:
    assert suggested(text, question) == label


def test_reference_goes_before_an_abstention() -> None:
    assert suggested("Unknown", Question.of(["unknown"], "", "Who?")) == "correct strong"


@pytest.mark.parametrize(
    ("text", "hedged"),
    [
        ("I think it's 1, not sure.", True),
        ("Possibly 3", True),
        ("I don't know, but maybe 3", True),
        ("1. Please verify.", True),
        ("1", False),
        ("There are 3.", False),
        ("I'm not sure.", False),
        ("I don't have any information about that.", False),
        ("In May 2001", False),
    ],
)
def test_hedged_is_what_commits_and_doubts(text: str, hedged: bool) -> None:
    assert gist(text, DS).hedged is hedged


@pytest.mark.parametrize(
    ("question", "text", "short", "key"),
    [
        (BIRTHDAY, "The birthday is 03-07.", "03-07", "--07-03"),
        (BIRTHDAY, "03/07", "03/07", "--07-03"),
        (BIRTHDAY, "His birthday is July 3rd, 1975.", "July 3rd 1975", "--07-03"),
        (DS, "There are three Ds.", "3", "3"),
        (DS, "not 1", "not 1", "not1"),
        (DS, "Let me count 1, 2 and 3.\nSo the final answer is **3**.", "3", "3"),
        (TITLE, "The title of his dissertation was “Boosting and Other Topics”, CMU 2002.",
         "Boosting and Other Topics", "boostingandothertopics"),
        (TITLE, "*Probabilistic and Online Methods in Machine Learning* (2001)",
         "Probabilistic and On-line Methods in Machine Learning",
         "probabilisticandonlinemethodsinmachinelearning"),
        (OPEN, "It was called **Rome**.", "Rome", "rome"),
        (OPEN, "It is Rome.", "Rome", "rome"),
        (OPEN, "Rome", "Rome", "rome"),
        (OPEN, "Here it was called “the old way”, by many.",
         "Here it was called “the old way”, by many", "hereitwascalledoldwaybymany"),
        (OPEN, "\n\n  second line first\nthird", "second line first", ""),
        (OPEN, "", "", ""),
        (OPEN, "...", "...", ""),
    ],
)  # fmt: skip
def test_short_answer_and_its_key(question: Question, text: str, short: str, key: str) -> None:
    found = gist(text, question)
    assert (found.short, found.key) == (short, key)


def test_long_prose_has_a_first_line_and_no_key() -> None:
    text = "Rome was not built in a day, and it was built by many people over many years. " * 30
    found = gist(text, OPEN)
    assert len(found.short) == SHORT
    assert found.short.startswith("Rome was not built")
    assert (found.key, found.suggested) == ("", None)


def test_end_of_a_long_text_is_looked_at() -> None:
    text = f"Let me think. {'I read on. ' * 1_000}\n\nThe capital is Paris."
    assert suggested(text, CAPITAL) == "correct weak"


def test_word_cut_in_two_matches_nothing() -> None:
    text = "x" * (LOOK - 6) + " Paris" + "ian " + "y " * 3 * LOOK
    assert text[: LOOK + 1].endswith("Pari" + "s") or text[:LOOK].endswith("Paris")
    assert suggested(text, CAPITAL) == ""


@given(st.text(), st.lists(st.text(max_size=30), max_size=3), st.text(max_size=30))
def test_any_text_has_a_gist(text: str, references: list[str], answer_format: str) -> None:
    found = gist(text, Question.of(references, answer_format, text))
    assert len(found.short) <= SHORT
    assert len(found.key) <= KEY
    assert (found.suggested is None) == (found.strength == "")
    assert bool(found.suggested) <= bool(found.reason)


WORDS = st.text(st.characters(categories=["L", "Zs", "P"]), max_size=20).filter(
    lambda text: not {"1", "answer"} & set(words(text))
)


@given(WORDS, st.sampled_from(["not 1", "1 or 2", "11", "2001", "1 and 3", "never 1"]), WORDS)
def test_reference_denied_doubled_or_within_a_number_is_never_correct(
    before: str, said: str, after: str
) -> None:
    assert gist(f"{before} {said} {after}", DS).suggested != "correct"


@pytest.mark.parametrize(
    "piece",
    ["a", "1 ", "i ", "1,111", "*", "**a", "[a](", "\\boxed{", '"', "i dont ", "answer: ", "é",
     "- ", "\n", "1. a\n", "not ", "Paris or ", "I am really not really "],
)  # fmt: skip
def test_time_does_not_grow_with_the_text(piece: str) -> None:
    def seconds(text: str) -> float:
        found = []
        for _ in range(5):
            started = time.process_time()
            for question in QUESTIONS:
                gist(text, question)
            found.append(time.process_time() - started)
        return min(found)

    short, long = piece * (4_000 // len(piece)), piece * (1_000_000 // len(piece))
    # 250 times as long; a look at each character would show.
    assert seconds(long) < 10 * seconds(short) + 0.02


@pytest.mark.parametrize("text", ["1" * 80, "1" * 300, "1" * 5_000, "1" * 300_000])
def test_endless_number_is_cut_on_the_chip_and_never_correct(text: str) -> None:
    found = gist(text, DS)
    assert len(found.short) <= SHORT
    assert len(found.key) <= KEY
    assert found.suggested == ("hallucinated" if len(text) <= 2 * LOOK else None)


def test_gist_is_a_value() -> None:
    one: Any = gist("1", DS)
    assert one == Gist("1", "1", "correct", "strong", "The whole answer is a reference.")
    with pytest.raises(AttributeError):
        one.short = "2"
