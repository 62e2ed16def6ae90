"""The forms that say what is to be called: for a new grid, and for what is added to one."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Self

from starlette.datastructures import FormData

from app.additions import AdditionInput
from app.errors import InvalidInput
from app.plans import GridInput, PromptRef, VariantInput
from app.prompts import PromptInput, same, shorten
from app.pubid import is_public_id, new_public_id
from app.tables import Answerable, Prompt
from app.web.problems import validated
from app.web.typed import count_typed, decimal, whole

BOX_WORDINGS = ["not-mentioned", "allowed"]
BOX_THINKING = ["off", "on"]
PROMPT_FIELDS = (
    "text", "references", "answer_format", "question", "constraint", "answerable", "tags", "source",
)  # fmt: skip
MAX_TYPED = 500  # prompts that are not out of the library: forms have few fields
ELSEWHERE = "Start it with “python -m app run”, or POST it to /api/grids/probe."


@dataclass
class PromptFields:
    """One prompt's fields as typed; ``references`` has one per line, ``tags`` commas between."""

    text: str = ""
    references: str = ""
    answer_format: str = ""
    question: str = ""
    constraint: str = ""
    answerable: str = Answerable.unknown.value
    tags: str = ""
    source: str = ""

    @classmethod
    def of(cls, prompt: PromptInput) -> Self:
        """Raises InvalidInput for a reference of several lines, which would become several."""
        if any("\n" in reference for reference in prompt.references):
            raise InvalidInput(
                f"“{shorten(prompt.text)}” has a correct answer of several lines, which this form"
                f" cannot show. {ELSEWHERE}"
            )
        return cls(
            prompt.text,
            "\n".join(prompt.references),
            prompt.answer_format,
            prompt.question,
            prompt.constraint,
            prompt.answerable.value,
            ", ".join(prompt.tags),
            prompt.source,
        )

    @property
    def blank(self) -> bool:
        return not any(getattr(self, name) for name in PROMPT_FIELDS if name != "answerable")


@dataclass
class ComposeForm:
    """The whole form as typed, checked only by ``parse``."""

    id: str = field(default_factory=new_public_id)  # by which one that is sent twice is known
    title: str = ""
    prompts: list[PromptFields] = field(default_factory=lambda: [PromptFields()])
    library: list[str] = field(default_factory=list)  # keys
    gone: list[str] = field(default_factory=list)  # keys of which there is no prompt
    find: str = ""  # what is searched there
    find_tag: str = ""
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
    def of(cls, given: GridInput, library: Sequence[Prompt]) -> Self:
        """What asks the same; prompts that are in the library are picked there."""
        first, *others = given.variants
        for name in ("system_prompt", "temperature", "max_tokens"):
            if any(getattr(variant, name) != getattr(first, name) for variant in others):
                raise InvalidInput(
                    f"Its variants differ in {name.replace('_', ' ')}, which this form has once."
                    f" {ELSEWHERE}"
                )
        wordings = list(dict.fromkeys(variant.wording for variant in given.variants))
        thinking = list(dict.fromkeys(variant.thinking.value for variant in given.variants))
        if len(given.variants) < len(wordings) * len(thinking):
            raise InvalidInput(
                "It does not ask each of its wordings with each of its thinking settings, as this"
                f" form would. {ELSEWHERE}"
            )
        by_text: dict[str, list[Prompt]] = {}
        for row in library:
            by_text.setdefault(row.text, []).append(row)
        picked, typed = [], []
        for prompt in given.prompts:
            if isinstance(prompt, PromptRef):
                picked.append(prompt.key)
            elif here := [p.key for p in by_text.get(prompt.text, ()) if same(p, prompt)]:
                picked.append(here[0])
            else:
                typed.append(PromptFields.of(prompt))
        if len(typed) > MAX_TYPED:
            raise InvalidInput(
                f"{len(typed):,} of its prompts are not in the library as they are here; this form"
                f" takes {MAX_TYPED:,} of these. {ELSEWHERE}"
            )
        return cls(
            title=given.title,
            prompts=typed or [PromptFields()],
            library=picked,
            models=given.models,
            wordings=wordings,
            thinking=thinking,
            forced=[f"{t} {model}" for model, settings in given.forced.items() for t in settings],
            repeats=str(given.repeats),
            system_prompt=first.system_prompt,
            temperature="" if first.temperature is None else str(first.temperature),
            max_tokens=str(first.max_tokens),
            max_calls="" if given.max_calls is None else str(given.max_calls),
            max_cost_usd="" if given.max_cost_usd is None else str(given.max_cost_usd),
        )

    @classmethod
    def read(cls, data: FormData) -> Self:
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
                "find",
                "find_tag",
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
        if is_public_id(form_id := str(data.get("form_id", ""))):
            single["id"] = form_id
        return cls(
            prompts=rows or [PromptFields()],
            # One field holds the keys of all that are chosen and not shown: forms have few fields.
            library=[key for keys in texts("library") for key in keys.split(" ") if key],
            gone=[],
            models=texts("model"),
            wordings=texts("wording"),
            thinking=texts("thinking"),
            forced=texts("forced"),
            **single,
        )

    @property
    def all_models(self) -> list[str]:
        return [*self.models, *self.model_extra.replace(",", " ").split()]

    def edit(self, action: str) -> None:
        """Do what a button asks short of starting: "add" or "remove-0" a prompt; else nothing."""
        if action == "add":
            self.prompts.append(PromptFields())
        elif action.startswith("remove-") and (at := whole(action[7:])) is not None:
            del self.prompts[at : at + 1]
            self.prompts = self.prompts or [PromptFields()]

    def parse(self) -> GridInput:
        """Raises InvalidInput with everything that is wrong, in words of the form."""
        prompts, models = self._prompts(), self.all_models
        missing = [
            what
            for what, given in (
                ("Write a prompt, or pick one from the library.", prompts),
                ("Choose at least one model.", models),
                ("Choose at least one wording.", self.wordings),
                ("Choose at least one thinking setting.", self.thinking),
            )
            if not given
        ]
        if missing:
            raise InvalidInput(" ".join(missing))
        return validated(
            GridInput,
            title=self.title,
            prompts=prompts,
            models=models,
            variants=self._variants(self.wordings, self.thinking),
            repeats=count_typed(self.repeats) or 1,
            forced=self._forced(),
            max_calls=count_typed(self.max_calls) or None,
            max_cost_usd=decimal(self.max_cost_usd) or None,
        )

    def _prompts(self) -> list[PromptInput | PromptRef]:
        """Those picked from the library, then those typed."""
        found: list[PromptInput | PromptRef] = [
            validated(PromptRef, key=key) for key in (*self.library, *self.gone)
        ]
        for number, row in enumerate(self.prompts, start=1):
            if row.blank:
                continue
            try:
                found.append(
                    validated(
                        PromptInput,
                        text=row.text,
                        references=row.references.split("\n"),
                        answer_format=row.answer_format,
                        question=row.question,
                        constraint=row.constraint,
                        answerable=row.answerable,
                        tags=[row.tags],
                        source=row.source,
                    )
                )
            except InvalidInput as exc:
                raise InvalidInput(f"Prompt {number}: {exc}") from exc
        return found

    def _variants(self, wordings: Sequence[str], settings: Sequence[str]) -> list[VariantInput]:
        return [
            validated(
                VariantInput,
                wording=wording,
                thinking=thinking,
                system_prompt=self.system_prompt,
                temperature=decimal(self.temperature) or None,
                max_tokens=count_typed(self.max_tokens) or 16_000,
            )
            for wording in wordings
            for thinking in settings
        ]

    def _forced(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for thinking, _, model in (one.partition(" ") for one in self.forced):
            found.setdefault(model, []).append(thinking)
        return found


@dataclass(frozen=True)
class GridHas:
    """What the grid that is added to has already; nothing, for a new one."""

    models: Sequence[str] = ()
    wordings: Sequence[str] = ()  # slugs of wordings that can be chosen now
    archived: Sequence[str] = ()  # titles of those that cannot
    thinking: Sequence[str] = ()
    forced: Collection[str] = ()  # "off provider/model-id"
    prompts: Collection[int] = ()  # ids
    keys: Collection[str] = ()  # of these prompts, in any version


NOTHING = GridHas()


@dataclass(frozen=True)
class FormUrls:
    """Where a form's buttons lead."""

    run: str
    edit: str  # the page again, with the preview, or a prompt more or less
    preview: str  # the preview alone, for scripts
    choose: str  # the choice out of the library alone, for scripts


@dataclass
class AdditionForm(ComposeForm):
    """The same for a grid that exists: nothing is ticked at first."""

    wordings: list[str] = field(default_factory=list)
    thinking: list[str] = field(default_factory=list)
    repeats: str = "0"

    def parse_for(self, there: GridHas) -> AdditionInput:
        """A wording alone is taken with all thinking settings of the grid, and the other way round.

        Raises InvalidInput.
        """
        if self.thinking and not self.wordings and there.archived:
            names = ", ".join(f"“{title}”" for title in there.archived)
            raise InvalidInput(
                f"Not all wordings of this grid can be asked now: {names}, archived in the library."
                " Restore what is to be asked, or tick the wordings to ask."
            )
        wordings = self.wordings or (there.wordings if self.thinking else [])
        thinking = self.thinking or (there.thinking if self.wordings else [])
        return validated(
            AdditionInput,
            repeats=count_typed(self.repeats) or 0,
            models=self.all_models,
            variants=self._variants(wordings, thinking),
            prompts=self._prompts(),
            forced=self._forced(),
            max_calls=count_typed(self.max_calls) or None,
            max_cost_usd=decimal(self.max_cost_usd) or None,
        )
