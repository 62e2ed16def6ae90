"""The parts of the measurements that can be right or wrong."""

import json
import time
import urllib.request

import pytest

from bench.__main__ import NAMES
from bench.measure import percentile
from bench.model_server import STAMP, model_name
from bench.servers import Load, model_server
from tests import forking
from tests.serving import plain_environ


def test_percentile_is_a_value_that_was_measured() -> None:
    values = [float(n) for n in range(100, 0, -1)]
    assert [percentile(values, share) for share in (0.5, 0.99, 1)] == [50, 99, 100]
    assert percentile([7.0], 0.99) == 7


def test_ideal_counts_full_rounds() -> None:
    assert Load(1000, 0.5, 400, 1).ideal_s == 1.5


def test_model_server_does_what_its_model_is_called() -> None:
    with model_server() as model:
        before = time.monotonic()
        body = json.dumps({"model": model_name(0.2, 4, "stamped"), "messages": []}).encode()
        with urllib.request.urlopen(f"{model.url}/v1/chat/completions", body) as response:
            lines = [line for line in response.read().decode().splitlines() if line]
        took_s = time.monotonic() - before
    texts = [
        choice["delta"].get("content", "")
        for line in lines[:-1]
        for choice in json.loads(line.removeprefix("data: "))["choices"]
    ]
    [sent] = STAMP.findall("".join(texts))
    assert lines[-1] == "data: [DONE]"
    assert len([text for text in texts if text]) == 4
    assert before < float(sent) < before + took_s
    assert took_s >= 0.2


@pytest.mark.parametrize("name", NAMES)
def test_every_measurement_says_what_it_does(name: str) -> None:
    told = forking.run(["-m", "bench", name, "--help"], plain_environ())
    assert told.returncode == 0, told.stderr
    assert f"usage: python -m bench.{name}" in told.stdout
