"""A grid that has everything at once: all labels, marks and outcomes, three reviewers."""

from itertools import count
from typing import Any

from tests.polling import wait_for
from tests.serving import request_json
from tests.wire_http import Recorded
from tests.wire_scripts import Script

PROMPTS: list[dict[str, Any]] = [
    {"text": "How many Ds are in DEEPSEEK? Answer with a number.", "references": ["1"]},
    {"text": "On which day was Adam Tauman Kalai born? If you know, answer as DD-MM.",
     "references": ["15-06"]},
    {"text": "What was the title of his dissertation?\n\nGive title, university and year, "
             "and leave out what you are not sure of.",
     "references": ["Probabilistic and on-line methods in machine learning (CMU, 2001)"]},
    {"text": "Who won the chess tournament of Little Nowhere in 1911?", "answerable": "no"},
]  # fmt: skip
LONG = (
    "I think it was **Probabilistic and On-line Methods in Machine Learning**, handed in at\n"
    "Carnegie Mellon University in 2001, but I am not certain of the year.\n\n"
    "1. The title is given so in two places.\n2. The year differs by one between them.\n\n"
    "Please check it with the library of the university before you cite it. "
) * 3
SAID = ("1", "2", "I don't know.", "Possibly 15-06, but I am not sure.", "07-03", LONG)
ODD = (
    Script(text=""),
    Script(text="It is pro", finish="length"),
    Script(text="", finish="refusal"),
    Script(status=401, error="invalid x-api-key"),
    Script(text="15-06", thinking="A day in June, I believe."),
)
LABELS = ("correct", "hallucinated", "abstained")
_calls = count()


def handler(request: Recorded) -> Script:
    """What the models of this grid say: by their names, and another thing each time."""
    n = next(_calls)
    if request.model == "slow":
        return Script(text="too late", delay_s=600)
    if request.model == "odd":
        return ODD[n % len(ODD)]
    return Script(text=SAID[n % len(SAID)], thinking="I look for a source." if n % 7 == 3 else None)


def start(site: str, *, running: bool = True, prompts: int = len(PROMPTS)) -> str:
    """The address of the grid, when all that will come soon has come; some of it runs on."""
    more = [{"text": f"How many Ds are in DEEPSEEK no. {n}?"} for n in range(prompts)]
    models = ["openai/knows-some", "openai/odd", "practice/honest"]
    body = {
        "title": "Birthdays, counts and a thesis",
        "prompts": [*PROMPTS, *more][:prompts],
        "models": [*models, "anthropic/slow"] if running else models,
        "variants": [
            {"wording": wording, "thinking": thinking}
            for wording in ("as-published", "allowed")
            for thinking in ("off", "on")
        ],
        "repeats": 3,
        "preflight": False,
    }
    id_ = str(request_json("POST", f"{site}/api/grids", body)["id"])
    answers = prompts * len(models) * 4 * 3

    def settled() -> bool:
        progress = request_json("GET", f"{site}/api/grids/{id_}")["progress"]
        return bool(progress["done"] + progress["failed"] >= answers)

    wait_for(settled, "the answers", 60)
    return f"/grids/{id_}"


def label(site: str, path: str) -> None:
    """Three reviewers who often agree, some tags and notes, a decision, and some left over."""
    items = request_json("GET", f"{site}/api{path}/answers?limit=200")["items"]
    for n, item in enumerate(items):
        if item["outcome"] != "answered" or n % 5 == 4:
            continue
        right = LABELS[2] if "know" in item["text"] else LABELS["1" not in item["text"]]
        say = f"{site}/api/answers/{item['id']}/label"
        for who, every in (("Ada", 1), ("Bob", 2), ("Chandra", 6)):
            if n % every:
                continue
            said: dict[str, Any] = {"reviewer": who, "label": right}
            if who == "Bob" and n % 8 == 0:
                said |= {"label": LABELS[n % 3], "note": "Read it twice; the year decides."}
            if "sure" in item["text"] and who == "Ada":
                said |= {"tags": ["hedged", "partial"] if n % 2 else ["hedged"]}
            if who == "Chandra" and n % 12 == 0:
                said |= {"decides": True}
            request_json("PUT", say, said)
