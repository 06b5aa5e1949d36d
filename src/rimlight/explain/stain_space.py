"""The response to an image as a response to its stain maps: one value per stain and pixel.

    I_k(p) = I0_k x 10^(-sum_s c_s(p) S_sk)      c: stain maps, OD; S: haematoxylin, DAB, residual

The same engine walks the path, on ``maps -> response(image of maps)``; an invertible smooth
change of variables keeps completeness.  Torch twin of ``core.density`` and ``core.stains``.
"""

from dataclasses import dataclass
from math import log

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from rimlight.core.stains import HDAB, StainMatrix
from rimlight.explain.attribution import Attributions, PathSettings, Response, attributions
from rimlight.explain.references import check_rgb
from rimlight.explain.stream import Stream, plain_arithmetic

HAEMATOXYLIN, DAB, RESIDUAL = 0, 1, 2
_FULL, _DARKEST = 255.0, 1.0
_LN10 = log(10)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StainSpace:
    """Stain vectors and white points as tensors.

    rows: unit vectors of haematoxylin, DAB and residual.
    white: I0 on the scale 0..255, one for all images or one an image.
    """

    rows: Float[Tensor, "3 3"]
    white: Float[Tensor, "3"] | Float[Tensor, "n 3"]

    def __post_init__(self) -> None:
        if self.white.shape[-1:] != (3,) or not bool(
            ((self.white > _DARKEST) & (self.white <= _FULL)).all()
        ):
            raise ValueError(
                f"white: must be three values above 1 and at most 255, got {self.white.tolist()}"
            )

    @property
    def glass(self) -> Float[Tensor, "m 3 1 1"]:
        """Concentrations that turn the light 255 into the white point."""
        density = torch.log10(_FULL / self.white.double().reshape(-1, 3))
        return (density @ self.rows.double().inverse())[:, :, None, None]

    def maps_of(self, images: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n 3 h w"]:
        """Return stain maps, OD to base 10, of RGB in 0..1; darker than 1/255 is read as 1/255."""
        density = -torch.log10(images.clamp(min=_DARKEST / _FULL))
        mixed = torch.einsum("nkhw,ks->nshw", density, self.rows.double().inverse().to(images))
        return mixed - self.glass.to(images)

    def images_of(self, maps: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n 3 h w"]:
        """Return RGB of stain maps; 0..1, above where a map is negative. Nothing is clipped."""
        return self.light_of(maps + self.glass.to(maps))

    def light_of(self, maps_and_glass: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n 3 h w"]:
        """Return RGB of stain maps that hold the glass too, so that no item needs its own I0."""
        density = torch.einsum("nshw,sk->nkhw", maps_and_glass, self.rows.to(maps_and_glass))
        return torch.exp(-_LN10 * density)


def stain_space(
    stains: StainMatrix, *, white: Float[Tensor, "n 3"] | Float[Tensor, "3"]
) -> StainSpace:
    """Return the torch twin of a stain matrix.

    Raises:
        ValueError: ``white`` is outside 1..255.
    """
    rows = torch.tensor(stains.vectors, dtype=torch.float64, device=white.device)
    return StainSpace(rows=rows, white=white)


def stain_removed_reference(
    maps: Float[Tensor, "n 3 h w"], *, background_od: float | Float[Tensor, "n"]
) -> Float[Tensor, "n 1 3 h w"]:
    """Return the stain maps with DAB at most at the background: c_D' = min(c_D, background).

    The minimum is ours: no pixel gains DAB, and where DAB is at or below the background the
    attribution is exactly 0.
    """
    level = torch.as_tensor(background_od, dtype=maps.dtype, device=maps.device)
    removed = maps.clone()
    removed[:, DAB] = torch.minimum(maps[:, DAB], level.reshape(-1, 1, 1))
    return removed[:, None]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StainRemoval:
    """What :func:`rimlight.explain.explanation_of` needs to explain a response by its stain.

    response: Stain maps to the number that is explained.
    images: Stain maps, OD: haematoxylin, DAB, residual; those of the glass included.
    references: The same with DAB at most at the background, (n, 1, 3, h, w).
    reference_name: Theirs.
    """

    response: Response
    images: Float[Tensor, "n 3 h w"]
    references: Float[Tensor, "n 1 3 h w"]
    reference_name: str = "stain_removed"


def stain_removal(
    response: Response,
    images: Float[Tensor, "n 3 h w"],
    *,
    background_od: float | Float[Tensor, "n"],
    space: StainSpace | None = None,
) -> StainRemoval:
    """Return a response, images and references in stain space, for any method.

    So ``by_occlusion`` takes DAB away and nothing else, and a gradient is one per OD.

    Args:
        images: RGB in 0..1.
        background_od: DAB of unstained tissue, OD.
        space: Stain vectors and white point; QuPath's H-DAB on 255 where it is not given.

    Raises:
        ValueError: RGB outside 0..1, or not three channels.
    """
    if space is None:
        space = stain_space(HDAB, white=torch.full((3,), _FULL, device=images.device))
    maps = _checked_maps(images, space)
    glass = space.glass.to(maps)
    start = stain_removed_reference(maps, background_od=background_od)

    def of_maps(points: Tensor) -> Tensor:
        return response(space.light_of(points))

    return StainRemoval(response=of_maps, images=maps + glass, references=start + glass[:, None])


def stain_removed_attributions(
    response: Response,
    images: Float[Tensor, "n 3 h w"],
    *,
    space: StainSpace,
    background_od: float | Float[Tensor, "n"],
    settings: PathSettings | None = None,
) -> Attributions:
    """Return how much the DAB of each pixel moved the response; channels as in the stain maps.

    Haematoxylin and residual stay as they are, so their channels are 0 and the DAB channel sums
    to response(image) - response(image without DAB).

    Raises:
        ValueError: RGB outside 0..1, and whatever :func:`attributions` refuses.

    Source:
        Change of variables: Kechris et al. (2025), arXiv 2505.13100; the stain-removed reference
        is our own definition, to our knowledge new.
    """
    maps = _checked_maps(images, space)
    start = stain_removed_reference(maps, background_od=background_od)
    return _walked(response, maps, start, space, name="stain_removed", settings=settings)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StainParts:
    """The rise from clear glass, split by stain; the three parts sum to rise + gap.

    Units of the response.
    """

    haematoxylin: Float64[Tensor, "n"]
    dab: Float64[Tensor, "n"]
    residual: Float64[Tensor, "n"]
    attributions: Attributions


def stain_parts(
    response: Response,
    images: Float[Tensor, "n 3 h w"],
    *,
    space: StainSpace,
    settings: PathSettings | None = None,
) -> StainParts:
    """Return the parts of the rise from zero of all stains that each stain makes.

    Raises:
        ValueError: RGB outside 0..1, and whatever :func:`attributions` refuses.
    """
    maps = _checked_maps(images, space)
    start = torch.zeros_like(maps)[:, None]
    found = _walked(response, maps, start, space, name="no_stain", settings=settings)
    parts = found.values.flatten(2).sum(2, dtype=torch.float64)
    return StainParts(
        haematoxylin=parts[:, HAEMATOXYLIN],
        dab=parts[:, DAB],
        residual=parts[:, RESIDUAL],
        attributions=found,
    )


def round_trip_change(
    response: Response, images: Float[Tensor, "n 3 h w"], *, space: StainSpace, chunk: int = 64
) -> Float64[Tensor, "n"]:
    """Return |response(mix(unmix(image))) - response(image)|, which should be next to 0.

    It is not where a channel was 0 and had to be read as 1.
    """
    stream = Stream(response=response, chunk=chunk)
    with plain_arithmetic():
        there_and_back = space.images_of(space.maps_of(images))
        return (stream.responses(there_and_back) - stream.responses(images)).abs()


def share_above_one(images: Float[Tensor, "n 3 h w"]) -> Float64[Tensor, "n"]:
    """Return the share of values above 1, brighter than any stored colour; print it."""
    return (images > 1).flatten(1).double().mean(1)


def _checked_maps(images: Tensor, space: StainSpace) -> Tensor:
    if images.ndim != 4 or images.shape[1] != 3:
        raise ValueError(f"images: must be RGB, (n, 3, h, w), got {tuple(images.shape)}")
    if space.white.ndim == 2 and len(space.white) not in (1, len(images)):
        raise ValueError(
            f"white: {len(space.white)} white points for {len(images)} images; give one for all "
            "or one an image"
        )
    check_rgb("images", images, name="stain_removed")
    return space.maps_of(images.detach())


def _walked(
    response: Response,
    maps: Tensor,
    start: Tensor,
    space: StainSpace,
    *,
    name: str,
    settings: PathSettings | None,
) -> Attributions:
    glass = space.glass.to(maps)
    return attributions(
        lambda points: response(space.light_of(points)),
        maps + glass,
        references=start + glass[:, None],
        reference_name=name,
        settings=settings,
    )
