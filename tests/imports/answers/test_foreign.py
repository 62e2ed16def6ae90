"""What promptfoo 0.121 and Inspect 0.3.285 really wrote (shortened), as grids."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import Session

from app.db import Database
from app.errors import InvalidInput
from app.exports.jsonl import export_jsonl
from app.exports.rows import open_export
from app.grids import get_grid
from app.imports.answers.zips import zipfile
from tests.imports.answers.importing import bring_in, look

SAMPLES = Path(__file__).parent / "samples"
PASS = {"pass": "correct", "fail": "hallucinated"}


def lines(session: Session, public_id: str) -> list[Any]:
    export = open_export(session, get_grid(session, public_id))
    return [json.loads(line) for line in "".join(export_jsonl(export)).splitlines()]


def said(record: Any) -> tuple[Any, ...]:
    return (
        record["prompt"], record["model"], record["variant"], record["repeat"],
        record["attempts"][0]["text"], record["label"],
    )  # fmt: skip


def test_promptfoo_results_become_a_grid(database: Database) -> None:
    content = (SAMPLES / "promptfoo.json").read_bytes()
    first = look(database, content)
    assert (first.found.source, first.meanings) == ("promptfoo", {"fail": "", "pass": ""})
    assert first.found.importable == 0  # that an assertion passed may mean anything
    grid = bring_in(database, content, "out.json", meanings=PASS)
    with database.read() as session:
        head, *answers, _ = lines(session, grid.public_id)
    assert (head["title"], head["repeats"]) == ("tiny", 2)
    assert [p["text"] for p in head["prompts"]] == [
        "How many Ds are in DEEPSEEK?", "=Capital of France?",
    ]  # fmt: skip
    assert head["prompts"][0]["references"] == ["1"]
    assert [m["model"] for m in head["models"]] == ["echo", "one"]
    wordings = [v["wording"] for v in head["variants"]]
    assert [w["slug"] for w in wordings] == ["as-published", "promptfoo-may-abstain"]
    assert wordings[1]["opt_out"] == "If you are not sure, say so."
    assert (wordings[1]["title"], wordings[1]["mode"]) == ("may abstain", "parts")
    assert said(answers[0]) == (1, "echo", 1, 1, "How many Ds are in DEEPSEEK?", "hallucinated")
    assert {said(a)[5] for a in answers if a["model"] == "one" and a["prompt"] == 1} == {"correct"}
    [label] = answers[0]["labels"]
    assert (label["reviewer"], label["note"]) == ("promptfoo", 'Expected output to contain "1"')
    assert answers[1]["attempts"][0]["user_message"].endswith("If you are not sure, say so.")
    assert look(database, content, meanings=PASS).counts["here"] == 1


def test_promptfoo_errors_are_no_answers(database: Database) -> None:
    whole = json.loads((SAMPLES / "promptfoo.json").read_bytes())
    results = whole["results"]["results"] = whole["results"]["results"][:3]
    results[0] |= {"response": {"error": "429"}, "failureReason": 2, "error": "429"}
    results[1]["response"] |= {"output": {"a": [1]}, "finishReason": "length"}
    results[2]["gradingResult"] |= {"componentResults": []}
    results.append("no result")
    whole["config"] = "no description in it"
    found = look(database, json.dumps(whole), meanings=PASS)
    assert [p.text for p in found.bad] == ["not an object with names and values"]
    grid = bring_in(database, json.dumps(whole), meanings=PASS)
    with database.read() as session:
        _, first, second, third, _ = lines(session, grid.public_id)
    assert (first["state"], first["attempts"][0]["error_message"]) == ("failed", "429")
    assert (second["attempts"][0]["outcome"], second["attempts"][0]["text"]) == (
        "truncated", '{"a": [1]}',
    )  # fmt: skip
    assert [len(a["labels"]) for a in (first, second, third)] == [0, 1, 0]
    assert second["labels"][0]["label"] is None  # a cut answer takes no label, its note stays


def test_inspect_logs_become_a_grid_whichever_way_they_are_packed(database: Database) -> None:
    content = (SAMPLES / "inspect.json").read_bytes()
    log = json.loads(content)
    packed = {}
    for method in (zipfile.ZIP_DEFLATED, zipfile.ZIP_ZSTANDARD):
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w", method) as archive:
            archive.writestr("header.json", json.dumps({**log, "samples": None}))
            for sample in log["samples"]:
                name = f"samples/{sample['id']}_epoch_{sample['epoch']}.json"
                archive.writestr(name, json.dumps(sample))
        packed[method] = file.getvalue()
    first = look(database, content)
    assert (first.found.source, first.meanings) == (
        "inspect",
        {"C": "correct", "I": "hallucinated"},
    )
    grid = bring_in(database, content, "log.json")
    with database.read() as session:
        head, *answers, _ = lines(session, grid.public_id)
    assert (head["title"], [m["model"] for m in head["models"]]) == ("tiny", ["mockllm/model"])
    assert head["variants"][0]["system_prompt"] == "Be brief."
    assert {tuple(p["references"]) for p in head["prompts"]} == {("1",), ("Paris", "paris")}
    assert sorted(a["repeat"] for a in answers) == [1, 1, 2, 2]
    for answer in answers:
        [attempt] = answer["attempts"]
        assert [la["reviewer"] for la in answer["labels"]] == [
            "Inspect: match",
            "Inspect: includes",
        ]
        assert (attempt["input_tokens"], attempt["reasoning_tokens"]) == (11, 1)
        assert attempt["finish_reason"] == "stop"
    for data in packed.values():
        found = look(database, data, "log.eval").found
        assert (found.title, found.counts["answers"]) == ("Inspect log (.eval)", 4)


def test_scores_that_nobody_explained_wait(database: Database) -> None:
    log = json.loads((SAMPLES / "inspect.json").read_bytes())
    log["samples"][0]["scores"]["match"]["value"] = "N"
    log["samples"][1]["scores"]["match"]["value"] = {"a": 1}
    log["samples"][2] |= {"error": {"message": "broke"}, "attachments": {"x1": "Long?"}}
    log["samples"][2]["input"] = [
        {"role": "system", "content": "s"}, {"role": "user", "content": "attachment://x1"},
    ]  # fmt: skip
    content = json.dumps(log)
    found = look(database, content)
    assert [value.text for value in found.found.unknown] == ["N"]
    assert [r.text for r in found.remarks] == ["the score of match is no single value: left out"]
    grid = bring_in(database, content, meanings={"N": "abstained"})
    with database.read() as session:
        head, *answers, _ = lines(session, grid.public_id)
    assert answers[0]["labels"][0]["label"] == "abstained"
    assert (answers[2]["state"], answers[2]["labels"]) == ("failed", [])
    assert "Long?" in [p["text"] for p in head["prompts"]]


def test_epochs_that_are_none_make_their_sample_bad(database: Database) -> None:
    log = json.loads((SAMPLES / "inspect.json").read_bytes())
    log["samples"][0]["epoch"], log["samples"][1]["output"]["time"] = 2**70, 1e308
    log["samples"][2]["epoch"] = -1
    found = look(database, json.dumps(log))
    assert (found.counts["bad"], found.counts["answers"]) == (3, 1)
    assert found.bad[0].text == "not as expected: epoch: a number from 1 to 10,000, please"


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"PK\x03\x04 and nothing else", "This ZIP cannot be read"),
        (b"", "The file is empty."),
        (b"\x1f\x8b\x08", "It is compressed."),
    ],
)
def test_what_cannot_be_read_is_refused_with_a_sentence(
    database: Database, content: bytes, why: str
) -> None:
    with pytest.raises(InvalidInput, match=why):
        look(database, content)


def zipped(members: dict[str, str], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, text in members.items():
            archive.writestr(name, text)
    return file.getvalue()


SAMPLE = {
    "id": 1, "epoch": 1, "input": "Capital of France?", "target": "Paris",
    "output": {"model": "m", "choices": [{"message": {"content": "Paris"}}]},
}  # fmt: skip


@pytest.mark.parametrize(
    ("members", "why"),
    [
        ({"samples/1_epoch_1.json": "{}"}, "neither one of ours nor a log of Inspect"),
        ({"header.json": "{no", "samples/1_epoch_1.json": "{}"}, "header.json in this Inspect log"),
        ({"header.json": "[1]", "samples/1_epoch_1.json": "{}"}, "header.json in this Inspect log"),
    ],
)
def test_archive_without_a_header_is_refused(
    database: Database, members: dict[str, str], why: str
) -> None:
    with pytest.raises(InvalidInput, match=why):
        look(database, zipped(members), "log.eval")


@pytest.mark.parametrize(
    "method",
    [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA,
     zipfile.ZIP_ZSTANDARD],
)  # fmt: skip
def test_damaged_bytes_of_an_archive_are_told(database: Database, method: int) -> None:
    noise = "".join(f"{n * 7919 % 10007:x}" for n in range(500))
    samples = {f"samples/{n}.json": json.dumps(SAMPLE | {"id": n, "more": noise}) for n in (1, 2)}
    whole = zipped({"header.json": "{}", **samples}, method)
    at = whole.index(b"samples/2.json") + 60
    broken = whole[:at] + bytes(byte ^ 0xA5 for byte in whole[at : at + 40]) + whole[at + 40 :]
    looked = look(database, broken, "log.eval")
    assert (looked.counts["answers"], looked.counts["bad"]) == (1, 1)
    assert looked.bad[0].text.startswith("samples/2.json is damaged")
    ours = zipped({"grid.jsonl": '{"kind": "grid"}\n' + noise}, method)
    at = ours.index(b"grid.jsonl") + 50
    broken = ours[:at] + bytes(byte ^ 0xA5 for byte in ours[at : at + 40]) + ours[at + 40 :]
    with pytest.raises(InvalidInput, match="This ZIP cannot be read"):
        look(database, broken, "grid.zip")


def test_promptfoo_may_tell_fractions_of_a_millisecond(database: Database) -> None:
    content = json.loads((SAMPLES / "promptfoo.json").read_bytes())
    for result in content["results"]["results"]:
        result["latencyMs"] = 12.7
    assert look(database, json.dumps(content)).counts["new"] == 16


def test_nothing_of_a_sample_is_lost_unsaid(database: Database) -> None:
    content = json.loads((SAMPLES / "inspect.json").read_bytes())
    [sample, *_] = content["samples"]
    sample |= {
        "choices": [f"choice {n}" for n in range(28)],
        "target": [f"target {n}" for n in range(120)],
        "scores": {"model": {"value": "C", "explanation": 60_000 * "x"}},
    }
    said = [
        {"type": "reasoning", "reasoning": "gAAAA", "summary": "I weigh it.", "redacted": True},
        {"type": "reasoning", "reasoning": "", "redacted": True},
        {"type": "text", "text": "Paris"},
    ]
    sample["output"]["choices"][0]["message"]["content"] = said
    content["samples"] = [sample]
    told = json.dumps(content)
    assert [one.text for one in look(database, told).remarks] == [
        "of 120 targets, the first 100 are kept",
        "a note was cut to 50,000 characters",
    ]
    grid = bring_in(database, told)
    with database.read() as session:
        head, answer, _ = lines(session, grid.public_id)
    [prompt] = head["prompts"]
    assert prompt["text"].endswith("\nZ) choice 25\n1) choice 26\n2) choice 27")
    assert len(prompt["references"]) == 100
    [attempt] = answer["attempts"]
    assert (attempt["text"], attempt["thinking_text"]) == ("Paris", "I weigh it.")
    assert (attempt["thinking_kind"], attempt["thought"]) == ("summary", "yes")
    assert len(answer["labels"][0]["note"]) == 50_000


def test_thinking_that_only_its_tokens_tell_of_is_hidden(database: Database) -> None:
    content = json.loads((SAMPLES / "inspect.json").read_bytes())
    for sample in content["samples"]:
        sample["output"]["usage"] = {"reasoning_tokens": 900}
    grid = bring_in(database, json.dumps(content))
    with database.read() as session:
        _, answer, *_ = lines(session, grid.public_id)
    [attempt] = answer["attempts"]
    assert (attempt["thinking_kind"], attempt["thought"]) == ("hidden", "yes")
