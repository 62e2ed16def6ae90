"""What columns are taken for, and what a row then says of a prompt."""

import re
from pathlib import Path

import pytest

from app.errors import InvalidInput
from app.imports.mapping import (
    DATASETS,
    Mapping,
    RowProblem,
    completed,
    draft,
    original_cell,
    recognise,
)
from app.imports.names import FIELDS, KNOWN
from app.imports.reading import columns_of, open_source
from app.imports.tables import Record
from app.prompts import PromptInput

DOCUMENT = (Path(__file__).parents[2] / "docs/imports.md").read_text()


def first_prompt(tmp_path: Path, content: str, name: str = "x.csv") -> tuple[Mapping, PromptInput]:
    path = tmp_path / "file"
    path.write_text(content)
    source = open_source(path, name)
    sample = source.sample()
    mapping = recognise(source, columns_of(sample))
    mapping.check()
    return mapping, completed(draft(sample[0], mapping), {})


def test_simpleqa_is_recognised(tmp_path: Path) -> None:
    mapping, prompt = first_prompt(
        tmp_path,
        "metadata,problem,answer\n"
        "\"{'topic': 'Science and technology', 'answer_type': 'Person', 'urls':"
        " ['https://en.wikipedia.org/wiki/A', 'https://b.example/']}\","
        "Who received the IEEE Frank Rosenblatt Award in 2010?,Michio Sugeno\n",
    )
    assert mapping.dataset == "SimpleQA"
    assert prompt == PromptInput(
        text="Who received the IEEE Frank Rosenblatt Award in 2010?",
        references=["Michio Sugeno"],
        answerable="yes",
        tags=["Science and technology", "Person", "SimpleQA"],
        source="https://en.wikipedia.org/wiki/A; https://b.example/",
    )


def test_simpleqa_verified_is_recognised(tmp_path: Path) -> None:
    mapping, prompt = first_prompt(
        tmp_path,
        "original_index,problem,answer,topic,answer_type,multi_step,requires_reasoning,urls\n"
        '5,"What day, month, and year?","120,000; about",Politics,Date,False,True,'
        '"https://a.example,https://b.example"\n',
    )
    assert mapping.dataset == "SimpleQA Verified"
    assert prompt.references == ["120,000; about"]
    assert prompt.tags == ["Politics", "Date", "requires-reasoning", "SimpleQA Verified"]
    assert prompt.source == "https://a.example,https://b.example"


def test_truthfulqa_is_recognised(tmp_path: Path) -> None:
    mapping, prompt = first_prompt(
        tmp_path,
        "Type,Category,Question,Best Answer,Correct Answers,Incorrect Answers,Source\n"
        "Adversarial,Misconceptions,What happens if you eat watermelon seeds?,"
        "The seeds pass through you,Nothing happens; The seeds pass through you,"
        "You grow watermelons; You die,https://wonderopolis.org/x\n",
    )
    assert mapping.dataset == "TruthfulQA"
    assert prompt.references == ["The seeds pass through you", "Nothing happens"]
    assert prompt.tags == ["Adversarial", "Misconceptions", "TruthfulQA"]
    assert (prompt.answerable, prompt.source) == ("unknown", "https://wonderopolis.org/x")


@pytest.mark.parametrize(
    ("content", "name"),
    [
        ("Question,Reference answer\nWhy?,because\n", "x.csv"),
        ("input;Expected-Output\nWhy?;because\n", "x.csv"),
        ("Prompt\tgold\nWhy?\tbecause\n", "x.txt"),
        ('{"query": "Why?", "answers": {"text": ["because"]}}', "x.json"),
        ('{"question": "Why?", "possible_answers": "[\\"because\\"]"}', "x.jsonl"),
        ('[[q]]\nquestion = "Why?"\nanswer = "because"\n', "x.toml"),
    ],
)
def test_usual_names_of_columns_are_recognised(tmp_path: Path, content: str, name: str) -> None:
    assert first_prompt(tmp_path, content, name)[1] == PromptInput(
        text="Why?", references=["because"]
    )


def test_prompt_wins_over_question(tmp_path: Path) -> None:
    mapping, prompt = first_prompt(tmp_path, "question,prompt\nWhy?,Why? If you know\n")
    assert (prompt.text, prompt.question) == ("Why? If you know", "Why?")
    assert mapping.columns == {"question": "question", "prompt": "text"}


@pytest.mark.parametrize(
    ("cell", "separator", "found"),
    [
        ("a\nb", "", ["a", "b"]),
        ('["a", "b; c"]', "", ["a", "b; c"]),
        ("[a] or b", "", ["[a] or b"]),
        ("a; b;c", "; ", ["a", "b", "c"]),
        ("a | b", " | ", ["a", "b"]),
        ("a\nb, c", "none", ["a\nb, c"]),
        ("", "", []),
    ],
)
def test_several_references_in_one_cell(cell: str, separator: str, found: list[str]) -> None:
    mapping = Mapping({"q": "text", "a": "references"}, separator=separator)
    prompt = completed(draft(Record(1, {"q": "Why?", "a": cell}), mapping), {})
    assert prompt.references == found


@pytest.mark.parametrize(
    ("column", "value", "sentence"),
    [
        ("text", "", "prompt: a prompt needs a text"),
        ("text", "a\0b", "prompt: contains a NUL character; remove it"),
        ("text", "a\udcffb", "contains what is no text, “a\\\\xffb”"),
        ("references", ["x", "\ud800"], "contains what is no text, “\\\\ud800”"),
        ("text", "x" * 50_001, "prompt: String should have at most 50000 characters"),
        ("references", ["a", "x" * 50_001], "reference answers 2: String should have at most"),
        ("answerable", "perhaps", "answerable: “perhaps” is none of yes, no, unknown"),
        ("key", "a b", "key: “a b” cannot be one"),
        ("key", "new", "key: “new” cannot be one"),
        ("tags", "x" * 501, "tags 1: String should have at most 500 characters"),
    ],
)
def test_rows_that_are_no_prompt_say_why(column: str, value: object, sentence: str) -> None:
    record = Record(1, {"text": "Why?", column: value})
    mapping = Mapping({"text": "text", column: column})
    with pytest.raises(RowProblem, match=sentence):
        completed(draft(record, mapping), {})


@pytest.mark.parametrize(
    ("columns", "sentence"),
    [
        ({"a": "references"}, "Say which column holds the prompts."),
        ({"a": "text", "b": "text"}, "Only one column can be the prompt."),
        ({"a": "text", "b": "colour"}, "There is no field “colour”."),
    ],
)
def test_mappings_that_make_no_sense_are_refused(columns: dict[str, str], sentence: str) -> None:
    with pytest.raises(InvalidInput, match=sentence):
        Mapping(columns).check()


def test_long_sources_are_cut_and_unreadable_metadata_is_told() -> None:
    mapping = Mapping({"q": "text", "s": "source", "m": "metadata"})
    found = draft(Record(1, {"q": "Why?", "s": "x" * 600, "m": "{'a': __import__('os')}"}), mapping)
    assert len(completed(found, {}).source) == 500
    assert found.warnings == [
        "its metadata could not be read and was left out",
        "its source was cut to 500 characters",
    ]


def test_examples_of_the_document_say_the_same(tmp_path: Path) -> None:
    examples = re.findall(r"^```(\w+)\n(.+?)^```$", DOCUMENT, re.DOTALL | re.MULTILINE)
    kinds = [kind for kind, _ in examples if kind != "sh"]
    assert kinds == ["csv", "tsv", "jsonl", "json", "toml", "text"]
    for kind, content in examples[: len(kinds)]:
        path = tmp_path / "file"
        path.write_text(content)
        source = open_source(path, "")
        mapping = recognise(source, columns_of(source.sample()))
        found = [completed(draft(record, mapping), {}) for record in source.records()]
        assert [p.text for p in found] == ["Which year, exactly?", 'Who said "yes"?'], kind
        if kind != "text":
            assert [p.references for p in found] == [["1969", "nineteen sixty-nine"], ["Ada"]]
            assert [p.tags for p in found] == [["space"], ["people"]]


def test_known_names_of_columns_stand_in_the_document() -> None:
    section = DOCUMENT.split("## Columns")[1].split("## ")[0]
    told = {
        re.findall(r"`([^`]+)`", field)[0]: re.findall(r"`([^`]+)`", names)
        for field, names in re.findall(r"^\| (`.+?) \| (`.+) \|$", section, re.MULTILINE)
    }
    assert set(told) == set(FIELDS)
    assert {field: sorted(names) for field, names in told.items() if field != "question"} == {
        field: sorted(names.split()) for field, names in KNOWN.items()
    }
    for dataset in DATASETS:
        assert f"| {dataset.name} |" in DOCUMENT


def test_apostrophes_of_our_own_are_taken_away_and_no_others() -> None:
    for safe, original in (
        ("'=1+1", "=1+1"), ("''a", "'a"), ("'tis", "'tis"), ("' -1", " -1"), ("a'", "a'"),
        ("'", "'"),
    ):  # fmt: skip
        assert original_cell(safe) == original
