"""Files of answers that wait to be imported."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

from app.imports import uploads
from app.imports.answers.columns import Columns
from app.imports.answers.grids import Coming, DryRun, Value, dry_run
from app.imports.answers.labels import Held
from app.imports.answers.reading import Choices


@dataclass
class Upload(uploads.Upload):
    kind: ClassVar[str] = "answers"
    dry_run: ClassVar[Callable[..., Any]] = staticmethod(dry_run)

    choices: Any = field(default_factory=Choices)

    @classmethod
    def revived(cls, told: dict[str, Any]) -> dict[str, Any]:
        found = told["found"]
        if found:
            columns = found["columns"]
            found = DryRun(
                **found
                | {
                    "columns": Columns(**columns) if columns else None,
                    "values": [Value(**value) for value in found["values"]],
                    "grids": [Coming(**grid) for grid in found["grids"]],
                    "held": [Held(**held) for held in found.get("held", ())],
                }
            )
        return {"choices": Choices(**told["choices"]), "found": found}
