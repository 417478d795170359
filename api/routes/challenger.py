"""The champion and the challenger, compared."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from api.errors import Problem, problems
from api.http import AdminKey, json
from api.service import service
from kgtag.evaluation.challenger import report
from kgtag.rows.challenger import ChallengerAnswer
from kgtag.tag.decisions import read_decisions, unit_hash

router = APIRouter(prefix="/v1", tags=["challenger"], responses=problems(401, 403, 404, 422, 503))


@router.get("/challenger", response_model=ChallengerAnswer)
def challenger(
    request: Request,
    key: AdminKey,
    alpha: Annotated[
        float, Query(ge=0.0001, le=0.5, description="Probability of calling equally good models different.")
    ] = 0.05,
) -> Response:
    """Which of champion and challenger is better, and whether that is certain; valid however often one asks.

    404 without decisions: `kgtag serve --challenger DIR` makes them. Promote and roll back by `kgtag challenger`.
    """
    found = service(request)
    if found.trial is None:
        raise Problem("not-found", "no challenger is served; start with: kgtag serve --challenger DIR --share 0.1")
    directory = found.settings.decisions_directory()
    made = report(read_decisions(directory), found.live.store.feedback(), unit_hash(directory), alpha=alpha)
    if made is None:
        raise Problem("not-found", "no product has been tagged since a challenger is served")
    answer: ChallengerAnswer = {**made, "revision": found.revision}
    return json(answer)
