"""Texts made comparable: what is the same, what stays different, and nothing that breaks it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.suggest.normalise import compact, normalise, words

HOSTILE = st.one_of(
    st.text(),
    st.text(st.sampled_from("aA one1 -–−.,:/'\"*_#`[]()<>√±+\n\t&½İǰ²①ﬁ ́ͅ٣"), max_size=40),
)


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("I don’t KNOW", "i dont know"),
        ("‘‘Paris’’", "paris"),
        ("**Paris**.", "paris"),
        ("# _Paris_!", "paris"),
        ("`Paris`", "paris"),
        ("[Paris](https://example.org/a)", "paris"),
        ("The Title of a Book", "title of book"),
        ("Vitamin A", "vitamin a"),
        ("12,345", "12345"),
        ("1,234,567.50", "1234567.50"),
        ("1,23", "1,23"),
        ("One, TWO and twelve", "1 2 and 12"),
        ("twenty-one", "twenty one"),
        ("one hundred", "one hundred"),
        ("no one knows", "no one knows"),
        ("one of them", "one of them"),
        ("ﬁne Ｂｅｒｌｉｎ Straße", "fine berlin strasse"),
        ("−1 ± √2", "-1 ± √ 2"),
        ("-1 +/- sqrt(2)", "-1 ± √ 2"),
        ("03–07", "03-07"),
        ("C++ and C#, not C", "c++ and c# not c"),
        ("v1.2.3", "v1.2.3"),
        ("1. Lyon\n2. Paris", "lyon paris"),
        ("1. The letter D", "1 letter d"),
        ("zero\u200bwidth soft\u00adhyphen", "zerowidth softhyphen"),
    ],
)
def test_what_is_written_differently_becomes_the_same(text: str, same: str) -> None:
    assert normalise(text) == same


@pytest.mark.parametrize("text", ["On-line Methods", "online methods", "On line “methods”"])
def test_hyphens_and_spaces_join_where_titles_are_compared(text: str) -> None:
    assert compact(words(text)) == "onlinemethods"


def test_numbers_stay_apart_when_words_are_joined() -> None:
    assert compact(words("1 1")) == "1 1"
    assert compact(words("1 -1")) == "1 -1"
    assert compact(words("Mark 2")) == "mark2"


@given(HOSTILE)
def test_normalising_twice_changes_nothing(text: str) -> None:
    once = normalise(text)
    assert normalise(once) == once


@given(HOSTILE)
def test_case_marks_and_space_around_do_not_matter(text: str) -> None:
    assert normalise(f"  **{text}**.\n") == normalise(text)
