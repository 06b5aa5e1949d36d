"""Attribution of a response averaged over the eight flips and turns of a square image.

    G(x) = mean over the turns t of F(t x)        A_G = mean over t of t^-1 A_F(t x)

It explains G, not F: for masks, never for a map that is shown or for shares of the rise.  Every
turn has its own path and its own reference, turned alike, so completeness holds against G.
"""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from rimlight.explain.attribution import Attributions, PathSettings, Response, attributions

TURNED_TOLERANCE = 0.1
TURNS = tuple((quarter, is_flipped) for is_flipped in (False, True) for quarter in range(4))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TurnedAttributions:
    """Attributions of the averaged response, and how far it lies from the plain one.

    averaged: of G; rise, gap and responses are G's, ``n_gradients`` are of all turns, map_change
        and spread are means over them; ``reference_sd`` is not known.
    plain_response: F of each image as it is.
    """

    averaged: Attributions
    plain_response: Float64[Tensor, "n"]

    @property
    def shift(self) -> Float64[Tensor, "n"]:
        """Return |G - F| of each image: print it beside whatever is made of the map."""
        return (self.averaged.response_of_image - self.plain_response).abs()


def turned_attributions(
    response: Response,
    images: Float[Tensor, "n c s s"],
    *,
    references: Float[Tensor, "n r c s s"] | Float[Tensor, "r c s s"],
    reference_name: str,
    settings: PathSettings | None = None,
    forced: bool = False,
) -> TurnedAttributions:
    """Return how much each value moved the response averaged over eight flips and turns.

    Args:
        settings: As for :func:`attributions`; each path is walked until its gap is at most 10 %,
            whatever tolerance is given, and the mean counts as converged within 10 %.

    Raises:
        ValueError: Images that are not square, and whatever :func:`attributions` refuses.
        MemoryError: Not even one path point fits into memory.

    Source:
        Own definition, see docs/decisions/0007-turned-averaging-is-for-masks.md.
    """
    if images.ndim != 4 or images.shape[2] != images.shape[3]:
        raise ValueError(
            f"images: must be square, (n, c, s, s), to be turned, got {tuple(images.shape)}; cut "
            "them square, or take attributions"
        )
    settings = replace(settings or PathSettings(), tolerance=TURNED_TOLERANCE)
    parts = [
        attributions(
            response,
            turned(images, turn),
            references=turned(references, turn),
            reference_name=reference_name,
            settings=settings,
            forced=forced,
        )
        for turn in TURNS
    ]
    return TurnedAttributions(
        averaged=_averaged(parts, settings), plain_response=parts[0].response_of_image
    )


def _averaged(parts: list[Attributions], settings: PathSettings) -> Attributions:
    def mean(name: str) -> Tensor:
        return torch.stack([getattr(part, name) for part in parts]).mean(0)

    back = [turned_back(part.values, turn) for part, turn in zip(parts, TURNS, strict=True)]
    rise, gap = mean("rise"), mean("gap")
    allowed = (TURNED_TOLERANCE * rise.abs()).clamp(min=settings.tolerance_absolute)
    return replace(
        parts[0],
        values=torch.stack(back).mean(0),
        rise=rise,
        gap=gap,
        n_gradients=torch.stack([part.n_gradients for part in parts]).sum(0),
        is_converged=gap.abs() <= allowed,
        map_change=mean("map_change"),
        spread=mean("spread"),
        is_small_rise=rise.abs() < settings.small_rise,
        response_of_image=mean("response_of_image"),
        response_of_references=mean("response_of_references"),
        gap_of_references=mean("gap_of_references"),
        reference_sd=None,
    )


def turned(images: Float[Tensor, "*n s s"], turn: tuple[int, bool]) -> Float[Tensor, "*n s s"]:
    """Return square images under one of the eight flips and turns."""
    quarter, is_flipped = turn
    return (images.flip(-1) if is_flipped else images).rot90(quarter, (-2, -1))


def turned_back(maps: Float[Tensor, "*n s s"], turn: tuple[int, bool]) -> Float[Tensor, "*n s s"]:
    """Undo :func:`turned`."""
    quarter, is_flipped = turn
    back = maps.rot90(-quarter, (-2, -1))
    return back.flip(-1) if is_flipped else back
