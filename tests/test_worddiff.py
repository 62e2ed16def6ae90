"""What differs between two texts: nothing lost, nothing invented, and never for long."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.worddiff import Part, diff_words

TEXTS = st.text(alphabet=st.sampled_from(" \n\tabc.,'_-é日本語\u0301"), max_size=60)


def without_space(text: str) -> str:
    return "".join(text.split())


@given(TEXTS, TEXTS)
def test_both_texts_can_be_read_out_of_it(first: str, second: str) -> None:
    parts = diff_words(first, second).parts
    assert "".join(p.text for p in parts if p.kind != "gone") == second
    was = "".join(p.text for p in parts if p.kind != "new")
    assert without_space(was) == without_space(first)
    assert all(p.text for p in parts)


def test_words_are_compared_whole() -> None:
    diff = diff_words("On 03-07, I don't know.", "On 03-08, I don't know!")
    assert diff.parts == [
        Part("same", "On"),
        Part("gone", " 03-07"),
        Part("same", " "),
        Part("new", "03-08"),
        Part("same", ", I don't know"),
        Part("gone", "."),
        Part("new", "!"),
    ]
    assert diff.sentence == "2 words differ: 1 only in A, 1 only in B."


def test_scripts_without_spaces_are_compared_by_character() -> None:
    diff = diff_words("日本語のテスト", "日本語でテスト")
    assert [p.text for p in diff.parts] == ["日本語", "の", "で", "テスト"]


@pytest.mark.parametrize(
    ("first", "second", "sentence"),
    [
        ("", "", "The words are the same."),
        ("  ", "", "The words are the same."),
        ("", "\n", "The words are the same."),
        ("a  b\n", "a b", "The words are the same."),
        ("It is 1", "It is 1.", "The words are the same; punctuation differs."),
        ("", "one", "1 word differs: 0 only in A, 1 only in B."),
        ("one two", "", "2 words differ: 2 only in A, 0 only in B."),
        ("x " * 1500, "y " * 1500, "3,000 words differ: 1,500 only in A, 1,500 only in B."),
    ],
)
def test_it_is_said_in_a_sentence(first: str, second: str, sentence: str) -> None:
    assert diff_words(first, second).sentence == sentence


def test_long_texts_are_compared_by_line() -> None:
    lines = [f"{n} " + "a b c " * 40 for n in range(200)]
    other = [*lines[:50], "new", *lines[60:], "a b"]
    other[3] = "b " * 200
    diff = diff_words("\n".join(lines), "\n".join(other))
    assert diff.unit == "line"
    assert (diff.gone, diff.new) == (1 + 10, 1 + 2)
    assert diff.sentence.endswith("Compared by line, for their length.")


def test_what_is_too_different_is_shown_whole() -> None:
    first = "\n".join(f"a{n}\nb{n}" for n in range(20_000))
    second = "\n".join(f"a{n}\nc{n}" for n in range(20_000))
    diff = diff_words(first, second)
    assert diff.parts == [Part("gone", first), Part("new", second)]
    assert diff.sentence.startswith("Too long or too different to be compared")


MEGABYTE = 1_000_000


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("a " * (MEGABYTE // 2), "b a " * (MEGABYTE // 4)),
        ("a\n" * (MEGABYTE // 2), "b\na\n" * (MEGABYTE // 4)),
        (" " * MEGABYTE, "\n" * MEGABYTE),
        ("a" * MEGABYTE, "." * MEGABYTE),
        ("a_.'" * (MEGABYTE // 4), "_a'." * (MEGABYTE // 4)),
        (
            "\n".join(f"a{n} b{n}" for n in range(70_000)),
            "\n".join(f"a{n} c{n}" for n in range(70_000)),
        ),
    ],
    ids=["repeated", "lines", "space", "one word", "marks", "every second"],
)
def test_time_is_bounded(first: str, second: str) -> None:
    began = time.process_time()
    diff_words(first, second)
    assert time.process_time() - began < 10  # some seconds at worst; unbounded it takes hours
