"""The API as its own document tells it, asked by schemathesis with what that does not say.

On SQLite only: what differs on Postgres is tested where it does.
"""

from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest
import schemathesis
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from app.main import create_app
from app.settings import Settings
from tests.conftest import BASE_URL
from tests.factories import run_grid

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
EXAMPLES = 4  # of each operation; 40 found no more
GIVEN = ("method", "url", "params", "headers", "json", "data", "content")
TOML = ("POST /api/grids/probe",)  # which is not generated; test_probes.py has its odd input


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    folder = tmp_path_factory.mktemp("schema")
    app = create_app(Settings(data_dir=folder, discover=False, practice_latency_ms=0))
    with TestClient(app, base_url=BASE_URL) as client:
        yield client


def test_no_answer_is_a_fault_or_undocumented(client: TestClient) -> None:
    grid_id = run_grid(client)
    answer_id = client.get(f"/api/grids/{grid_id}/answers").json()["items"][0]["id"]
    asked: dict[str, set[int]] = {}
    problems: list[str] = []
    numbers = count()

    def ask(case: Any) -> None:
        number = next(numbers)
        # Mostly what is there; it deletes only what is not.
        parameters = case.path_parameters or {}
        there = {"grid_id": grid_id, "answer_id": answer_id}
        if number % 4 and operation.label != "DELETE /api/grids/{grid_id}":
            parameters |= {name: there[name] for name in parameters.keys() & there.keys()}
        sent = case.as_transport_kwargs(base_url=BASE_URL)
        if isinstance(sent.get("data"), bytes):
            sent["content"] = sent.pop("data")
        got = client.request(**{k: v for k, v in sent.items() if k in GIVEN and v is not None})
        asked.setdefault(operation.label, set()).add(got.status_code)
        try:
            case.validate_response(got, checks=CHECKS)
        except (FailureGroup, Failure) as found:
            problems.append(f"{operation.label}: {found}")

    document = client.get("/api/openapi.json").json()
    for result in schemathesis.openapi.from_dict(document).get_all_operations():
        assert isinstance(result, Ok)
        operation = result.ok()
        if operation.label in TOML:
            continue
        few = settings(
            max_examples=EXAMPLES,
            derandomize=True,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        few(given(case=operation.as_strategy())(ask))()
    assert problems == []
    paths = document["paths"]
    every = {f"{m.upper()} {path}" for path, methods in paths.items() for m in methods}
    assert asked.keys() == every - set(TOML)
    assert sum(200 in statuses or 201 in statuses for statuses in asked.values()) > 8
