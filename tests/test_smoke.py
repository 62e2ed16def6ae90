"""The shortest way through everything: a grid by API, labelled, exported."""

import csv
import io

from fastapi.testclient import TestClient

from tests.polling import wait_until_done


def test_grid_from_api_to_csv(client: TestClient) -> None:
    created = client.post(
        "/api/grids",
        json={
            "title": "Ds",
            "prompts": [{"text": "How many Ds are in DEEPSEEK?", "references": ["1"]}],
            "models": ["practice/bluffer", "practice/thinker"],
            "variants": [{"wording": "allowed", "thinking": "on"}],
            "repeats": 3,
        },
    )
    assert created.status_code == 201, created.text
    body = created.json()
    assert body["answers"] == 6
    grid = wait_until_done(client, body["id"])
    assert grid["progress"]["done"] == 6  # type: ignore[index]

    answers = client.get(f"/api/grids/{body['id']}/answers").json()
    thinker = [a for a in answers["items"] if a["model"] == "practice/thinker"]
    assert [a["text"] for a in thinker] == ["1", "1", "1"]
    label = client.put(f"/api/answers/{thinker[0]['id']}/label", json={"label": "correct"})
    assert label.json()["final"] == "correct"

    text = client.get(f"/grids/{body['id']}/export.csv?labelled=1").content.decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [(r["model_asked"], r["label"], r["reviewer"]) for r in rows] == [
        ("practice/thinker", "correct", "api")
    ]
