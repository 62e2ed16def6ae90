"""The JSON API of models: what there is, what each takes, and test calls."""

from typing import Any

from fastapi import APIRouter

from app.catalogue import entries
from app.providers import ThinkingRule
from app.web import actions
from app.web.api import PROBLEMS
from app.web.api_shapes import CheckInput, CheckItem, CheckList, ModelItem, ModelList
from app.web.deps import Server
from app.web.who import OWNER, READER, needs

router = APIRouter(prefix="/api", tags=["api"], responses=PROBLEMS, dependencies=[needs(READER)])


@router.get("/models")
def list_models(server: Server) -> ModelList:
    """Every known model, whether it can be called now, and what it can be asked."""
    return ModelList(
        items=[
            ModelItem(
                id=model.id,
                provider=entry.provider,
                title=model.title or model.name,
                practice=entry.practice,
                ready=entry.ready,
                reason=entry.reason,
                **_takes(server.providers[entry.provider].rule(model.name)),
            )
            for entry in entries(server.providers)
            for model in entry.models
        ]
    )


@router.post("/models/checks", dependencies=[needs(OWNER)])
async def check_model(server: Server, given: CheckInput) -> CheckList:
    """Make test calls of a model now: one or two small ones, which cost a few hundred tokens."""
    checks = await actions.check_model(server, given.model)
    return CheckList(items=[CheckItem.model_validate(check) for check in checks])


def _takes(rule: ThinkingRule) -> dict[str, Any]:
    return {"thinking": rule.shape, "levels": rule.levels, "cannot": rule.cannot}
