"""The API's documentation page, rendered here: the usual viewers fetch their scripts elsewhere."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from app.web.render import page
from app.web.who import READER, needs

router = APIRouter(include_in_schema=False, dependencies=[needs(READER)])


@router.get("/api/openapi.json")
def show_document(request: Request) -> Response:
    """The OpenAPI document."""
    return JSONResponse(request.app.openapi())


@router.get("/api/docs")
def show_docs(request: Request) -> Response:
    document = request.app.openapi()
    operations = [
        {
            "parameters": [],
            **operation,
            "method": method.upper(),
            "path": path,
            "body": _body(document, operation),
        }
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    return page("pages/api.html", operations=operations, reviewer=None)


def _body(document: dict[str, Any], operation: dict[str, Any]) -> list[dict[str, Any]]:
    """The fields of an operation's JSON body, one level deep, with nested types by name."""
    content = operation.get("requestBody", {}).get("content", {}).get("application/json")
    if not content:
        return []
    schemas = document["components"]["schemas"]
    rows: list[dict[str, Any]] = []

    def add(name: str, prefix: str) -> None:
        schema = schemas[name]
        for field, value in schema.get("properties", {}).items():
            rows.append(
                {
                    "name": prefix + field,
                    "type": _type(value),
                    "required": field in schema.get("required", []),
                    "default": value.get("default"),
                    "description": value.get("description", ""),
                }
            )
            for inner in _inner(value):
                if schemas[inner].get("properties"):
                    add(inner, f"{prefix}{field}[]." if value.get("type") == "array" else prefix)

    add(content["schema"]["$ref"].rpartition("/")[2], "")
    return rows


def _inner(value: dict[str, Any]) -> list[str]:
    """Names of the objects a list holds."""
    items = value.get("items", {})
    refs = [items, *items.get("anyOf", [])]
    return [r["$ref"].rpartition("/")[2] for r in refs if "$ref" in r]


def _type(value: dict[str, Any]) -> str:
    if "anyOf" in value:
        return " or ".join(_type(v) for v in value["anyOf"])
    if "$ref" in value:
        return str(value["$ref"].rpartition("/")[2])
    if value.get("type") == "array":
        return f"list of {_type(value.get('items', {}))}"
    return str(value.get("type", "any"))
