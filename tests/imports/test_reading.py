"""Files of every format and encoding as records: each with its line, and none lost."""

import codecs
import csv
import io
import json
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.errors import InvalidInput
from app.imports.badrows import BadRow, bad_rows_csv
from app.imports.encoding import visible
from app.imports.reading import HEAD, Source, columns_of, open_source
from app.imports.tables import MAX_RECORD, Record

Write = Callable[..., Source]
# What a file can hold: no half surrogates. NUL and odd line breaks are in it.
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
ODD_TEXT = TEXT | st.sampled_from(['"', "'=1", "\r", "\n", "\r\n", ",", ";", "\t", "\u2028", "\0"])


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def go(content: str | bytes, name: str = "", kind: str = "", *, header: bool = True) -> Source:
        path = tmp_path / "file"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return open_source(path, name, kind, header=header)

    return go


def values(source: Source) -> list[dict[str, object]]:
    records = list(source.records())
    assert [r.problem for r in records if r.problem] == []
    return [r.values for r in records]


def problems(source: Source) -> list[tuple[int, str]]:
    return [(r.line, r.problem) for r in source.records() if r.problem]


@pytest.mark.parametrize(
    ("content", "title"),
    [
        ("é,ü\n1,Zürich 東京 🎂".encode(), "UTF-8"),
        ("é,ü\n1,Zürich 東京 🎂".encode("utf-8-sig"), "UTF-8 with a byte order mark"),
        ("é,ü\n1,Zürich 東京 🎂".encode("utf-16"), "UTF-16, little-endian"),
        (codecs.BOM_UTF16_BE + "é,ü\n1,Zürich 東京 🎂".encode("utf-16-be"), "UTF-16, big-endian"),
        ("é,ü\n1,Zürich 東京 🎂".encode("utf-32"), "UTF-32"),
    ],
)
def test_encodings_are_found_out(write: Write, content: bytes, title: str) -> None:
    source = write(content, "x.csv")
    assert (source.encoding.title, source.encoding.warning) == (title, "")
    assert values(source) == [{"é": "1", "ü": "Zürich 東京 🎂"}]


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be"])
def test_utf16_without_a_mark_is_known_by_its_zeros(write: Write, codec: str) -> None:
    source = write("question,answer\nWhere is Zürich?,Switzerland\n".encode(codec), "x.csv")
    assert values(source) == [{"question": "Where is Zürich?", "answer": "Switzerland"}]


@pytest.mark.parametrize(
    ("content", "title"),
    [(b"question\nZ\xfcrich \x80", "Windows-1252"), (b"question\nZ\xfcrich \x81", "Latin-1")],
)
def test_one_byte_encodings_are_a_guess_that_is_said(
    write: Write, content: bytes, title: str
) -> None:
    source = write(content, "x.csv")
    assert source.encoding.title == title
    assert "which is a guess" in source.encoding.warning
    assert str(values(source)[0]["question"]).startswith("Zürich ")


def test_damaged_byte_costs_its_row_only(write: Write) -> None:
    source = write("question\nZürich\nGen\xe8ve\n東京\n".encode() + b"\xff?\n", "x.csv")
    assert source.encoding.title == "UTF-8, damaged"
    assert "The rows they are in are left out." in source.encoding.warning
    assert [visible(str(r.values["question"])) for r in source.records()] == [
        "Zürich", "Genève", "東京", "\\xff?",
    ]  # fmt: skip


def test_half_a_character_in_utf16_stays_visible(write: Write) -> None:
    content = "question\nab\ncd".encode("utf-16").replace("b".encode("utf-16-le"), b"\x00\xd8")
    assert [visible(str(v["question"])) for v in values(write(content, "x.csv"))] == [
        "a\\x00\\xd8", "cd",
    ]  # fmt: skip
    assert values(write(content[:-1], "x.csv"))[1]["question"] == "c\udc64"


@pytest.mark.parametrize(
    ("name", "content", "title"),
    [
        ("", "question,answer\nWhy?,because\n", "CSV"),
        ("x.txt", "Frage;answer\nWarum, ach?;darum\n", "CSV with semicolons"),
        ("", "question\tanswer\nWhy, oh?\tbecause\n", "TSV (tabs)"),
        ("x.csv", "a|answer\nb|c\n", "CSV with bars"),
        ("x.csv", "problem\nWhy, oh why?\n", "CSV"),
        ("", "Why?\nWhy, oh, why?\n", "one prompt per line"),
        ("", "Why, oh why?", "one prompt per line"),
        ("", "First, why?\nThen, how?\nAt last, when?\n", "one prompt per line"),
        ("x.json", '{"text": "a"}\n{"text": "b"}\n', "JSON Lines"),
        ("x.txt", '[{"text": "a"}]', "JSON"),
        ("", '{"prompts": [\n{"text": "a"}]}', "JSON"),
        ("", '# c\n\n[[prompt]]\ntext = "a"\n', "TOML"),
        ("", 'text = "a"\n', "TOML"),
        ("", "\n" * 5000 + "x", "one prompt per line"),
    ],
)
def test_formats_are_found_out(write: Write, name: str, content: str, title: str) -> None:
    assert write(content, name).title == title


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "The file is empty."),
        (b" \n\n", "The file is empty."),
        (b"PK\x03\x04\x14\x00", "an Excel file. Save its table as CSV"),
        (b"\x1f\x8b\x08\x00", "It is compressed."),
        (b"%PDF-1.7", "It is a PDF."),
    ],
)
def test_what_is_no_text_is_refused_with_a_hint(
    write: Write, content: bytes, sentence: str
) -> None:
    with pytest.raises(InvalidInput, match=sentence):
        write(content, "x.csv")


def test_format_that_does_not_exist_is_refused(write: Write) -> None:
    with pytest.raises(InvalidInput, match="There is no format “yaml”"):
        write("a", kind="yaml")


def test_table_without_rows_is_said(write: Write) -> None:
    with pytest.raises(InvalidInput, match="There is no row in it under the names of columns"):
        write("question,answer\n", "x.csv").sample()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(
    rows=st.lists(st.tuples(ODD_TEXT, ODD_TEXT), min_size=1, max_size=5),
    delimiter=st.sampled_from(",\t"),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    end=st.sampled_from(["\n", "\r\n"]),
    codec=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)
def test_tables_come_as_they_were_written(
    write: Write,
    rows: list[tuple[str, str]],
    delimiter: str,
    quoting: Literal[0, 1],
    end: str,
    codec: str,
) -> None:
    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter=delimiter, quoting=quoting, lineterminator=end)
    writer.writerows([("question", "x"), *(("q" + a, b) for a, b in rows)])
    # One that ends lines by \n alone leaves a \r unquoted, which others take for a line's end.
    if quoting == csv.QUOTE_MINIMAL and end == "\n" and "\r" in buffer.getvalue():
        return
    source = write(buffer.getvalue().encode(codec), "x.csv" if delimiter == "," else "x.tsv")
    assert values(source) == [{"question": "q" + a, "x": b} for a, b in rows]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(
    rows=st.lists(st.tuples(ODD_TEXT, st.lists(ODD_TEXT, max_size=3)), min_size=1, max_size=5),
    kind=st.sampled_from(["json", "jsonl"]),
    ascii_only=st.booleans(),
    indent=st.sampled_from([None, 2]),
)
def test_json_comes_as_it_was_written(
    write: Write,
    rows: list[tuple[str, list[str]]],
    kind: str,
    ascii_only: bool,
    indent: int | None,
) -> None:
    objects = [{"text": a, "references": b} for a, b in rows]
    if kind == "json":
        content = json.dumps(objects, ensure_ascii=ascii_only, indent=indent)
    else:
        content = "\n".join(json.dumps(o, ensure_ascii=ascii_only) for o in objects)
    assert values(write(content, kind=kind)) == objects


def test_numbers_and_nested_values_stay_as_written(write: Write) -> None:
    content = (
        '[{"text": "a", "n": 3.10, "big": 1e400, "no": null, "is": true,'
        ' "answer": {"value": 7, "aliases": ["x", 2, null]}}]'
    )
    assert values(write(content)) == [
        {"text": "a", "n": "3.10", "big": "1e400", "no": None, "is": "yes", "answer.value": "7",
         "answer.aliases": ["x", "2"]}
    ]  # fmt: skip
    assert values(write('[[p]]\ntext = "a"\nn = 3.10\nd = 2024-05-01\n')) == [
        {"text": "a", "n": "3.10", "d": "2024-05-01"}
    ]


def test_rows_of_a_json_object_are_found(write: Write) -> None:
    for content in (
        '{"version": 1, "data": [{"text": "a"}, {"text": "b"}]}',
        '{"x": ["y"], "rows": [{"row_idx": 0, "row": {"text": "a"}}, {"row": {"text": "b"}}]}',
        '{"text": "a"}\n{"text": "b"}',
    ):
        assert values(write(content)) == [{"text": "a"}, {"text": "b"}]
    assert values(write('{"text": "a", "references": ["b"]}', "x.json")) == [
        {"text": "a", "references": ["b"]}
    ]


@pytest.mark.parametrize("name", ["", "x.json", "x.jsonl"])
def test_rows_after_a_very_long_first_line_are_there(write: Write, name: str) -> None:
    rows = [{"text": "a" * 2 * HEAD, "chat": [{"role": "user"}]}, {"text": "b"}, {"text": "c"}]
    source = write("\n".join(map(json.dumps, rows)), name)
    assert [record["text"] for record in values(source)] == ["a" * 2 * HEAD, "b", "c"]


def test_what_follows_a_json_document_is_told_or_read(write: Write) -> None:
    two = write('{\n"text": "a"}\n{\n"text": "b"}', kind="json")
    assert values(two) == [{"text": "a"}, {"text": "b"}]
    for content in (
        '[{"text": "a"}]\nxyz',
        '{"prompts": [{"text": "a"}]}\nxyz',
        '[}{"text": "a"}]',
    ):
        source = write(content, kind="json")
        assert [r.values for r in source.records() if not r.problem] == [{"text": "a"}]
        assert [why for _, why in problems(source) if why.startswith("no valid JSON")]


def test_quote_that_is_not_closed_costs_its_line(write: Write) -> None:
    content = 'question,answer\na,1\nb,"2\nc,3\n"d\ne",4\nf,"5"6\n"g",7\n'
    source = write(content, "x.csv")
    assert [line for line, why in problems(source) if "a quote opens a cell" in why] == [3, 7]
    assert [r.raw for r in source.records() if r.problem] == ['b,"2\n', 'f,"5"6\n']
    assert [(r.line, r.values["question"]) for r in source.records() if r.values] == [
        (2, "a"), (4, "c"), (5, "d\ne"), (8, "g"),
    ]  # fmt: skip


def test_tabs_are_often_written_without_quoting(write: Write) -> None:
    source = write('question\tanswer\n"Why" he said\t"open\nb\t2\n', "x.tsv")
    first, second = source.records()
    assert first == Record(
        2, {"question": '"Why" he said', "answer": '"open'},
        warning="quotes in it were taken as they are",
    )  # fmt: skip
    assert second.values == {"question": "b", "answer": "2"}


def test_rows_of_another_width_are_told_with_their_line(write: Write) -> None:
    source = write("question,answer\na,b,c\n\nd\n,\ne,f,,\n", "x.csv")
    assert problems(source) == [
        (2, "3 cells where the first line has 2: cells end at commas, and one that contains them"
            " needs quotes around it"),
        (4, "1 cell where the first line has 2: cells end at commas, and some are missing"),
    ]  # fmt: skip
    assert [r.values for r in source.records() if r.values] == [{"question": "e", "answer": "f"}]


def test_columns_have_names_each_its_own(write: Write) -> None:
    source = write("a,a,,a\n1,2,3,4\n", "x.csv", "csv")
    assert columns_of(source.sample()) == ["a", "a (2)", "column 3", "a (3)"]
    source = write("Why?,because\n", "x.csv", header=False)
    assert values(source) == [{"column 1": "Why?", "column 2": "because"}]


def test_broken_elements_do_not_spoil_the_others(write: Write) -> None:
    source = write('[\n{"text": "a"},\n{"text" "b}"},\n7,\n{"text": "c"},\n{"text": ', "x.json")
    assert [(r.line, r.values.get("text"), r.problem) for r in source.records()] == [
        (2, "a", ""),
        (3, None, "no valid JSON: expecting ':' delimiter (line 3, character 9)"),
        (4, "7", ""),
        (5, "c", ""),
        (6, None, "no valid JSON: expecting value (line 6, character 10)"),
    ]
    source = write('{"text": "a"}\nnonsense\n[1]\n{"text": "b"}\n', "x.jsonl")
    assert problems(source) == [
        (2, "no valid JSON: expecting value (character 1)"),
        (3, "not an object with names and values"),
    ]
    for content in ("[" * 50_000, '[{"a": ' * 50_000, '{"a":' * 50_000):
        assert len(problems(write(content, kind="json"))) == 1


def test_broken_tables_do_not_spoil_the_others(write: Write) -> None:
    content = (
        '[[p]]\ntext = "a"\n\n[[p]]\ntext = b\n\n[[p]]\ntext = """c\n[[p]]\n"""\n'
        '[[p]]\ntext = """d\n[[p]]\ntext = "e"\n'
    )
    source = write(content)
    assert [(r.line, r.values.get("text")) for r in source.records()] == [
        (1, "a"), (4, None), (7, "c\n[[p]]\n"), (11, None), (13, "e"),
    ]  # fmt: skip
    assert problems(source)[0][1] == "no valid TOML: invalid value (line 5)"


def test_huge_fields_and_lines_are_read_or_refused(write: Write) -> None:
    huge = "x" * 1_000_000
    assert values(write(f'question,answer\na,"{huge}"\n', "x.csv"))[0]["answer"] == huge
    assert values(write(json.dumps([{"text": huge}])))[0]["text"] == huge
    endless = "y" * (MAX_RECORD + 10)
    source = write(f"question,answer\n{endless},1\nb,2\n", "x.csv")
    assert problems(source) == [(2, "longer than 8,000,000 characters")]
    assert [r.values for r in source.records() if r.values] == [{"question": "b", "answer": "2"}]


def test_memory_stays_flat(tmp_path: Path) -> None:
    path = tmp_path / "big"
    for kind, begin, row, end in (
        ("csv", "question,answer\n", '"Why,\n{} {}?",because\n', ""),
        ("json", "[", '{{"question": "Why {} {}?", "answer": ["because"]}},\n', '{"q": "x"}]'),
        ("jsonl", "", '{{"question": "Why {} {}?", "answer": ["because"]}}\n', ""),
    ):  # fmt: skip
        with path.open("w") as file:
            file.write(begin)
            file.writelines(row.format(n, "é" * 4000) for n in range(700))
            file.write(end)
        assert path.stat().st_size > 5_000_000
        tracemalloc.start()
        count = sum(1 for _ in open_source(path, f"big.{kind}").records())
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert (count >= 700, peak < 4_000_000) == (True, True), (kind, count, peak)


@pytest.mark.parametrize("name", ["x.jsonl", "x.json"])
def test_column_that_only_a_late_row_has_is_known(write: Write, name: str) -> None:
    rows = [{"prompt": f"question {n}"} for n in range(1_500)]
    rows[1_200] |= {"references": "Paris"}
    rows[1_400] |= {"references": "Rome", "tags": "capitals"}
    content = "\n".join(map(json.dumps, rows)) if name == "x.jsonl" else json.dumps(rows)
    source = write(content, name)
    sample = source.sample()
    assert columns_of(sample) == ["prompt", "references", "tags"]
    assert len(sample) == 1_002


def test_lists_in_lists_lose_no_text(write: Write) -> None:
    content = '{"references": [["Paris", ["Ville", 3.10]], null, ["Rome"], [], true, {"a": [1]}]}'
    [row] = values(write(content, "x.jsonl"))
    assert row == {"references": ["Paris", "Ville", "3.10", "Rome", "yes", '{"a": ["1"]}']}


@pytest.mark.parametrize(
    ("content", "lines"),
    [
        ('[{"text": "a"}, {"text": "b"}, 5, {"text": "c"}]', [1, 2, 3, 4]),
        ('{"data": [{"text": "a"}, {"text": "b"}], "more": [{"text": "c"}]}', [1, 2, 3]),
        ('[\n{"text": "a"},\n\n{"text": "b"}\n]', [2, 4]),
        ('{\n"text": "a"}\n{"text": "b"} {"text": "c"}', [1, 3, 4]),
    ],
)
def test_elements_in_one_line_are_told_apart(write: Write, content: str, lines: list[int]) -> None:
    assert [record.line for record in write(content, kind="json").records()] == lines


@pytest.mark.parametrize("name", ["x.csv", "x.txt"])
@pytest.mark.parametrize(("delimiter", "short"), [(";", "semicolons"), ("\t", "tabs"), ("|", "")])
def test_separator_is_known_where_the_beginning_ends_inside_of_a_cell(
    write: Write, name: str, delimiter: str, short: str
) -> None:
    row = f'"Frage,\nzweite Zeile\nsagt er"{delimiter}"Ant\nwort"\n'
    source = write(f"Frage{delimiter}Antwort\n" + 300 * row, name)
    assert short in source.title
    expected = {"Frage": "Frage,\nzweite Zeile\nsagt er", "Antwort": "Ant\nwort"}
    assert values(source) == [expected] * 300
    lines = 20_000 * "Zeile\n"
    long = f'"{lines}"{delimiter}"Antwort"\n'
    assert len(values(write(f"Frage{delimiter}Antwort\n" + row + long + row, name))) == 3


def test_what_stands_beside_a_row_is_kept(write: Write) -> None:
    [row] = values(write('{"row": {"prompt": "a"}, "label": "correct"}', "x.jsonl"))
    assert row == {"row.prompt": "a", "label": "correct"}


def test_nan_is_nothing(write: Write) -> None:
    rows = '{"text": "a", "n": NaN, "m": -Infinity, "all": ["x", NaN], "said": "NaN"}'
    for content in (rows, f"[{rows}]"):
        assert values(write(content)) == [
            {"text": "a", "n": None, "m": "-Infinity", "all": ["x"], "said": "NaN"}
        ]


@pytest.mark.parametrize("name", ["x.csv", "x.txt"])
@pytest.mark.parametrize("said", ["sep=;\r\n", '"sep=;"\n', "sep=;\r"])
def test_separator_may_be_said_as_excel_reads_it(write: Write, name: str, said: str) -> None:
    source = write(f"{said}Frage;b,c;d\n1;2;3\n4;;6\n", name)
    assert values(source) == [
        {"Frage": "1", "b,c": "2", "d": "3"}, {"Frage": "4", "b,c": "", "d": "6"},
    ]  # fmt: skip


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_formats_are_found_out_whatever_ends_lines(write: Write, end: str) -> None:
    table = write(f"prompt\treferences{end}a\tb{end}c\td{end}", "x.txt")
    assert (table.title, len(values(table))) == ("TSV (tabs)", 2)
    lines = write(f'{{"text": "a", "chat": [{{"role": "user"}}]}}{end}{{"text": "b"}}{end}')
    assert [row["text"] for row in values(lines)] == ["a", "b"]


def test_an_equation_in_the_first_prompt_is_no_toml(write: Write) -> None:
    source = write("x = 5, so what is 2x?\nn=3 or n=4: which is prime?\n", "x.txt")
    assert (source.title, len(values(source))) == ("one prompt per line", 2)
    for first in ("n = 3", "n = 3.10 # as they said", "d = 2024-05-01T10:00:00Z", 'a = "b"'):
        assert write(f"{first}\n[[p]]\ntext = 'a'\n", "x.txt").title == "TOML"


def test_texts_of_several_lines_in_a_list_of_a_bad_row_stay_apart(write: Write) -> None:
    given = {"text": "", "references": ["a\nb", "c"], "aliases": ["d", "e"], "gold": ["[f"]}
    content = "".join(bad_rows_csv([BadRow(1, "no text", given, "")], list(given)))
    [row] = values(write(content, "x.csv"))
    assert (row["references"], row["aliases"]) == ('["a\\nb", "c"]', "d\ne")
    assert row["gold"] == '["[f"]'


def test_names_that_differ_in_each_of_many_rows_do_no_harm(write: Write) -> None:
    few: list[dict[str, object]] = [{"prompt": f"question {n}"} for n in range(1_000)]
    many: list[dict[str, object]] = [
        {"prompt": "b", "meta": {f"{n} {k}": 1 for k in range(7)}} for n in range(1_000)
    ]
    columns = columns_of(write("\n".join(map(json.dumps, few + many)), "x.jsonl").sample())
    assert columns[0] == "prompt"
    assert len(columns) == 498
