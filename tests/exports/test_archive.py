"""The ZIP: everything, the same as the single files, and written without going back."""

import io
import zipfile

import pytest

from app.db import Database
from app.exports import rows
from app.exports.archive import DICTIONARY, export_zip
from app.exports.csv import answers_csv, labels_csv
from app.exports.jsonl import content_hash
from app.exports.markdown import export_markdown
from tests.exports.reading import exported_text, open_newest, small_grid


def unpacked(database: Database) -> dict[str, str]:
    with database.read() as session:
        pieces = list(export_zip(open_newest(session)))
    assert len(pieces) > 1
    with zipfile.ZipFile(io.BytesIO(b"".join(pieces))) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name).decode() for name in archive.namelist()}


def test_zip_has_all_files(database: Database) -> None:
    with database.write() as session:
        small_grid(session)
        session.commit()
    files = unpacked(database)
    figures = [name for name in files if name.startswith("figures/")]
    assert set(files) - set(figures) == {
        "README.txt", "DICTIONARY.md", "answers.csv", "labels.csv", "grid.jsonl", "grid.md",
        "measures.csv",
    }  # fmt: skip
    assert "figures/bars.svg" in figures
    assert all(files[name].startswith("<svg") for name in figures)
    assert files["answers.csv"] == exported_text(database, answers_csv)
    assert files["labels.csv"] == exported_text(database, labels_csv)
    assert files["grid.md"] == exported_text(database, export_markdown)
    lines = files["grid.jsonl"].splitlines()
    assert content_hash(lines) in lines[-1]
    assert files["DICTIONARY.md"] == DICTIONARY
    assert files["README.txt"].startswith("=Ds & more\n\n4 answers of a comparison")
    for name in files:
        assert name.partition("/")[0] in files["README.txt"] or name == "README.txt"


def test_batches_join_without_a_seam(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    with database.write() as session:
        small_grid(session)
        session.commit()
    makers = answers_csv, labels_csv
    whole = [exported_text(database, make) for make in makers]
    monkeypatch.setattr(rows, "BATCH", 1)
    assert [exported_text(database, make) for make in makers] == whole
    with database.read() as session:
        export = open_newest(session)
        assert [len(list(make(export))) for make in makers] == [1 + 4, 1 + 3]
