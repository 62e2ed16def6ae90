"""Compose: from a form to a grid. Every button works without scripts and keeps what was typed."""

from dataclasses import dataclass, field
from typing import Any

from fastapi import APIRouter
from fastapi.responses import RedirectResponse, Response
from sqlmodel import Session
from starlette.datastructures import FormData

from app import prompts as library
from app.catalogue import entries, only_practice, suggested, thinking_choices
from app.ceilings import Ceilings
from app.errors import BluffcheckError, InvalidInput
from app.plans import GridInput, PromptRef, VariantInput
from app.prompts import PromptInput
from app.tables import Answerable
from app.web import actions
from app.web.deps import Form, Reading, Server, Services, decimal
from app.web.preview import preview_of
from app.web.problems import validated
from app.web.render import page

router = APIRouter()
BOX_WORDINGS = ["not-mentioned", "allowed"]
BOX_THINKING = ["off", "on"]
PROMPT_FIELDS = ("text", "references", "answer_format", "question", "constraint", "answerable")


@dataclass
class PromptFields:
    """One prompt's fields as typed; ``references`` has one per line."""

    text: str = ""
    references: str = ""
    answer_format: str = ""
    question: str = ""
    constraint: str = ""
    answerable: str = Answerable.unknown.value

    @property
    def blank(self) -> bool:
        return not any([self.text, self.references, self.answer_format, self.constraint])


@dataclass
class ComposeForm:
    """The whole form as typed, checked only by ``parse``."""

    title: str = ""
    prompts: list[PromptFields] = field(default_factory=lambda: [PromptFields()])
    library: list[str] = field(default_factory=list)
    models: list[str] = field(default_factory=list)
    model_extra: str = ""
    wordings: list[str] = field(default_factory=lambda: list(BOX_WORDINGS))
    thinking: list[str] = field(default_factory=lambda: list(BOX_THINKING))
    forced: list[str] = field(default_factory=list)  # "off provider/model-id"
    repeats: str = "3"
    system_prompt: str = ""
    temperature: str = ""
    max_tokens: str = "16000"
    max_calls: str = ""
    max_cost_usd: str = ""

    @classmethod
    def read(cls, data: FormData) -> "ComposeForm":
        def texts(name: str) -> list[str]:
            # Browsers send CRLF for every line break that was typed.
            return [str(v).replace("\r\n", "\n") for v in data.getlist(name)]

        columns = {name: texts(f"prompt_{name}") for name in PROMPT_FIELDS}
        rows = [
            PromptFields(**{name: v[i] for name, v in columns.items() if i < len(v)})
            for i in range(len(columns["text"]))
        ]
        single = {
            name: str(data[name]).replace("\r\n", "\n")
            for name in (
                "title",
                "model_extra",
                "repeats",
                "system_prompt",
                "temperature",
                "max_tokens",
                "max_calls",
                "max_cost_usd",
            )
            if name in data
        }
        return cls(
            prompts=rows or [PromptFields()],
            library=texts("library"),
            models=texts("model"),
            wordings=texts("wording"),
            thinking=texts("thinking"),
            forced=texts("forced"),
            **single,
        )

    @property
    def all_models(self) -> list[str]:
        return [*self.models, *self.model_extra.replace(",", " ").split()]

    def parse(self) -> GridInput:
        """Raises InvalidInput with everything that is wrong, in words of the form."""
        typed: list[PromptInput | PromptRef] = [
            validated(PromptRef, key=key) for key in self.library
        ]
        for number, row in enumerate(self.prompts, start=1):
            if row.blank:
                continue
            try:
                typed.append(
                    validated(
                        PromptInput,
                        text=row.text,
                        references=row.references.split("\n"),
                        answer_format=row.answer_format,
                        question=row.question,
                        constraint=row.constraint,
                        answerable=row.answerable,
                    )
                )
            except InvalidInput as exc:
                raise InvalidInput(f"Prompt {number}: {exc}") from exc
        models = self.all_models
        forced: dict[str, list[str]] = {}
        for thinking, _, model in (one.partition(" ") for one in self.forced):
            forced.setdefault(model, []).append(thinking)
        missing = [
            what
            for what, given in (
                ("Write a prompt, or pick one from the library.", typed),
                ("Choose at least one model.", models),
                ("Choose at least one wording.", self.wordings),
                ("Choose at least one thinking setting.", self.thinking),
            )
            if not given
        ]
        if missing:
            raise InvalidInput(" ".join(missing))
        variants = [
            validated(
                VariantInput,
                wording=wording,
                thinking=thinking,
                system_prompt=self.system_prompt,
                temperature=decimal(self.temperature) or None,
                max_tokens=self.max_tokens.strip() or 16_000,
            )
            for wording in self.wordings
            for thinking in self.thinking
        ]
        return validated(
            GridInput,
            title=self.title,
            prompts=typed,
            models=models,
            variants=variants,
            repeats=self.repeats.strip() or 1,
            forced=forced,
            max_calls=self.max_calls.strip() or None,
            max_cost_usd=decimal(self.max_cost_usd) or None,
        )


def example(server: Services) -> ComposeForm:
    """The paper's three prompts, with the person's own models when there are any."""
    return ComposeForm(
        title="Why Language Models Hallucinate: the paper's examples",
        library=library.example_keys(),
        models=suggested(server.providers),
        wordings=["as-published", "allowed"],
        thinking=["off", "on"],
        repeats="3",
    )


@router.get("/compose")
def show_compose(server: Server, session: Reading, start: str = "", model: str = "") -> Response:
    form = ComposeForm(models=[model] if model else suggested(server.providers))
    return compose_page(server, session, example(server) if start == "paper" else form)


@router.post("/compose")
def edit_compose(server: Server, session: Reading, data: Form) -> Response:
    """Everything the form does short of starting: add or remove a prompt, show the preview."""
    form = ComposeForm.read(data)
    action = str(data.get("action", ""))
    if action == "add":
        form.prompts.append(PromptFields())
    elif action.startswith("remove-") and action[7:].isdecimal():
        del form.prompts[int(action[7:]) : int(action[7:]) + 1]
        form.prompts = form.prompts or [PromptFields()]
    return compose_page(server, session, form)


@router.post("/compose/preview")
def preview_compose(server: Server, data: Form) -> Response:
    """The preview, and what the models chosen now can be asked."""
    form = ComposeForm.read(data)
    return page(
        "partials/preview_update.html",
        form=form,
        thinking_settings=thinking_choices(server.providers, form.all_models),
        **preview_of(server, form.parse),
    )


@router.post("/grids")
def start_from_form(server: Server, session: Reading, data: Form) -> Response:
    form = ComposeForm.read(data)
    try:
        given = form.parse()
        grid, _ = actions.start_grid(server, given)
    except BluffcheckError as exc:
        return compose_page(server, session, form, error=str(exc), status=exc.status)
    return RedirectResponse(f"/grids/{grid.public_id}", status_code=303)


@router.post("/example")
def start_example(server: Server) -> Response:
    """Run the paper's example at once: only offered while it costs nothing."""
    form = example(server)
    if not only_practice(server.providers):
        return RedirectResponse("/compose?start=paper", status_code=303)
    grid, _ = actions.start_grid(server, form.parse())
    return RedirectResponse(f"/grids/{grid.public_id}", status_code=303)


def compose_page(
    server: Services, session: Session, form: ComposeForm, error: str = "", status: int = 200
) -> Response:
    return page(
        "pages/compose.html",
        status_code=status,
        error=error,
        **choices(server, session, form),
        **preview_of(server, form.parse),
    )


def choices(server: Services, session: Session, form: ComposeForm) -> dict[str, Any]:
    """What the form's fields offer."""
    settings = server.settings
    return {
        "form": form,
        "entries": entries(server.providers),
        "wordings": library.wordings(session),
        "thinking_settings": thinking_choices(server.providers, form.all_models),
        "library": library.library(session),
        "answerables": list(Answerable),
        "not_listed": _not_listed(server, form),
        "ceilings": Ceilings(settings.max_calls_default, settings.max_cost_default),
    }


def _not_listed(server: Services, form: ComposeForm) -> list[str]:
    listed = {m.id for e in entries(server.providers) if e.ready for m in e.models}
    return [m for m in form.models if m not in listed]
