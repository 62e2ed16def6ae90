"""People and programs that use a server until it dies, and remember what it told them."""

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.runner.books import Books

MODELS = ["openai-chat/plain", "anthropic/plain"]
PROMPTS = 30  # of each grid
LABELS = ["correct", "hallucinated", "abstained"]


@dataclass
class Told:
    """What a server has confirmed. Answers with even numbers are labelled, others run again."""

    done: dict[int, tuple[str, int]] = field(default_factory=dict)  # text, how many attempts
    labels: dict[tuple[int, str], str] = field(default_factory=dict)
    perhaps: dict[tuple[int, str], set[str]] = field(default_factory=dict)  # since then
    again: set[int] = field(default_factory=set)  # perhaps called again, because we asked for it
    counts: dict[str, int] = field(default_factory=dict)
    unexpected: list[str] = field(default_factory=list)

    def missing(self, books: Books) -> Iterator[str]:
        """What was confirmed, and is not in the books."""
        for id_, (text, attempts) in self.done.items():
            if id_ in self.again:
                continue
            answer, own = books.answers[id_], books.by_answer[id_]
            kept = books.attempts[answer["attempt_id"]]["text"] if answer["attempt_id"] else None
            if (answer["state"], kept, len(own)) != ("done", text, attempts):
                yield f"answer {id_} was done: {answer['state']}, {kept}, {len(own)} attempts"
        for key, value in self.labels.items():
            if books.labels.get(key) not in {value, *self.perhaps[key]}:
                yield f"label {key}: {books.labels.get(key)}, not {value}"


class Visitor(threading.Thread):
    """Does one thing after the other until the server does not answer any more."""

    def __init__(self, url: str, told: Told, name: str, seed: str) -> None:
        super().__init__(name=name)
        self.url = url
        self.told = told
        self.random = random.Random(seed)
        self.stopped = threading.Event()

    def run(self) -> None:
        try:
            with httpx.Client(base_url=self.url, timeout=30, trust_env=False) as client:
                self.client = client
                self.visit()
        except httpx.TransportError:
            return  # it was killed

    def visit(self) -> None:
        raise NotImplementedError

    def ask(self, method: str, path: str, body: object = None, *accepted: int) -> Any:
        response = self.client.request(method, path, json=body)
        kind = f"{method} {path.rpartition('/')[2].partition('?')[0]} {response.status_code}"
        self.told.counts[kind] = self.told.counts.get(kind, 0) + 1
        if not response.is_success and response.status_code not in accepted:
            self.told.unexpected.append(f"{method} {path}: {response.status_code} {response.text}")
        return response.json() if response.is_success else None

    def answers(self) -> tuple[str, list[dict[str, Any]]]:
        """The answers of one of the newest grids; those that are done were promised."""
        grid = self.random.choice(self.ask("GET", "/api/grids?limit=4")["items"])["id"]
        found = self.ask("GET", f"/api/grids/{grid}/answers?limit=1000")["items"]
        for answer in found:
            if answer["state"] == "done" and answer["id"] not in self.told.again:
                self.told.done[answer["id"]] = (answer["text"], len(answer["attempts"]))
        return grid, found


class Reviewer(Visitor):
    """Labels what is done, now and then something else than before."""

    def visit(self) -> None:
        while not self.stopped.is_set():
            self.answers()
            fit = [id_ for id_ in list(self.told.done) if id_ % 2 == 0]
            for id_ in self.random.sample(fit, min(len(fit), 20)):
                key, value = (id_, self.name), self.random.choice(LABELS)
                self.told.perhaps.setdefault(key, set()).add(value)
                self.ask(
                    "PUT", f"/api/answers/{id_}/label", {"label": value, "reviewer": self.name}
                )
                self.told.labels[key] = value
                self.told.perhaps[key].clear()


class Owner(Visitor):
    """Starts a grid, cancels some of what it sees, and runs some of it again."""

    def visit(self) -> None:
        word = self.random.randbytes(4).hex()
        prompts = [{"text": f"{word}: how many Ds are in DEEPSEEK? ({n})"} for n in range(PROMPTS)]
        self.ask("POST", "/api/grids", {"prompts": prompts, "models": MODELS})
        while not self.stopped.is_set():
            grid, found = self.answers()
            chosen = self.random.choice(found)
            url = f"/api/grids/{grid}"
            match self.random.randrange(5):
                case 0:
                    what = {"answer": chosen["id"], "extent": self.random.choice(["answer", "row"])}
                    self.ask("POST", f"{url}/cancellation", what)
                case 1:
                    self.ask("POST", f"{url}/reruns", {}, 409)
                case 2 if chosen["id"] % 2:
                    self.told.again.add(chosen["id"])
                    what = {"answer": chosen["id"], "failed": False}
                    self.ask("POST", f"{url}/reruns", what, 409)
                case 3:
                    self.ask("PUT", f"{url}/pause")
                    self.ask("DELETE", f"{url}/pause")


@contextmanager
def visiting(url: str, told: Told, seed: str) -> Iterator[None]:
    """Somebody labels and somebody starts and stops things, until the server is killed."""
    visitors = [
        Reviewer(url, told, "Ada", f"{seed} Ada"),
        Reviewer(url, told, "Bob", f"{seed} Bob"),
        Owner(url, told, "Eve", f"{seed} Eve"),
    ]
    for visitor in visitors:
        visitor.start()
    try:
        yield
    finally:
        for visitor in visitors:
            visitor.stopped.set()
            visitor.join(40)
        assert not any(visitor.is_alive() for visitor in visitors)
