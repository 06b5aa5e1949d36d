"""The stain vectors of the study, with which the page unmixes pixels."""

from fastapi import APIRouter
from pydantic import BaseModel

from rimlight.core.stains import stain_matrix
from rimlight.web.workbench import Here

router = APIRouter(tags=["slides"])

Rows = list[list[float]]


class StainsOut(BaseModel):
    """Stain vectors: rows haematoxylin, DAB, residual, each of optical densities R, G, B.

    inverse: optical densities R, G, B of a pixel times this give its three concentrations.
    source: where the vectors come from, such as ``default`` or ``settings``.
    """

    vectors: Rows
    inverse: Rows
    source: str


@router.get("/stains")
def stains(here: Here) -> StainsOut:
    """Return the stain vectors that the study's settings ask for."""
    matrix = stain_matrix(here.study.settings.stain)
    return StainsOut(
        vectors=matrix.rows.tolist(), inverse=matrix.inverse.tolist(), source=matrix.source
    )
