"""The audit of the taxonomy that is served."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from api.errors import problems
from api.parameters import Reader
from api.responses import json
from api.service import service
from graph.audit import Severity
from graph.audit.report import SEVERITIES
from graph.errors import InputError
from graph.rows import AuditReport

router = APIRouter(prefix="/v1", tags=["taxonomy"], dependencies=[Reader], responses=problems(401, 403, 503))


@router.get("/audit", response_model=AuditReport, responses=problems(422))
def audit(
    request: Request,
    check: Annotated[list[str] | None, Query(description="Only these checks; repeat it for several.")] = None,
    severity: Annotated[Severity | None, Query(description="Findings at least as grave.")] = None,
    limit: Annotated[int, Query(ge=0, le=100_000)] = 1_000,
) -> Response:
    """Findings of every check, the gravest first. Computed once per snapshot; the first call waits for that."""
    report = service(request).audit()
    names = [row["name"] for row in report["checks"]]
    wrong = [name for name in check or () if name not in names]
    if wrong:
        raise InputError(f"no check {wrong[0]!r}; there is {', '.join(names)}")
    grave = SEVERITIES[: SEVERITIES.index(severity) + 1] if severity else SEVERITIES
    found = [f for f in report["findings"] if f["severity"] in grave and (check is None or f["check"] in check)]
    return json({**report, "findings": found[:limit], "total": len(found)})
