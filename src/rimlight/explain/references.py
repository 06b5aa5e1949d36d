"""Where a path starts: references by name, and the refusal of those that mislead.

A map is blind to the colour of its reference, so the reference decides what is seen:

    opposite          real cells of the class opposite to the call
    fixed_negatives   the same real negative cells for every cell, whatever its call
    white             the clear glass of the slide
    stain_removed     the same cell without its stain, a path in stain space
    no_stain          clear glass in stain space, which splits the rise by stain
    blur              the image itself, blurred; not for thin lines, which go first
    no_signal         zero, where zero means that nothing was there
    images            tensors the caller hands in

Any other name is the caller's own.  Black, zero, mean and noise are refused unless forced.
``named_references.py`` makes those that need nothing but the image; which cells a pool of real
ones takes is decided in ``reference_pools.py``.
"""

import torch
from jaxtyping import Float
from torch import Tensor

RGB_NAMES = frozenset({"opposite", "fixed_negatives", "white", "blur"})
REFUSED_NAMES = frozenset({"black", "zero", "zeros", "mean", "imagenet_mean", "noise", "random"})
MAY_EQUAL_IMAGE = frozenset({"stain_removed", "no_stain"})
_DARKEST = 2 / 255
_RANGE_SLACK = 1e-5
_NOISE_SD, _NOISE_CORRELATION = 0.05, 0.1


def white_references(
    images: Float[Tensor, "n 3 h w"], *, white: Float[Tensor, "n 3"] | Float[Tensor, "3"]
) -> Float[Tensor, "n 1 3 h w"]:
    """Return one reference of clear glass for each image.

    Args:
        images: RGB in 0..1; only the shape, type and device count.
        white: I0 of each image's slide, 0..255.

    Raises:
        ValueError: ``white`` is outside 1..255.
    """
    if not bool(((white > 1) & (white <= 255)).all()):
        raise ValueError(f"white: must be above 1 and at most 255, got {white.tolist()}")
    glass = (white.to(images) / 255).expand(len(images), 3)
    return glass[:, None, :, None, None].expand(-1, 1, -1, *images.shape[2:]).contiguous()


def check_tensors(images: Tensor, references: Tensor) -> None:
    """Refuse tensors that no path can join.

    Raises:
        ValueError: A type, shape, device or value does not fit; the sentence names the tensor.
    """
    if images.dtype not in (torch.float32, torch.float64):
        raise ValueError(
            f"images: must be float32 or float64, got {images.dtype}; convert with .float() "
            "and bring 0..255 to 0..1"
        )
    if images.ndim < 2 or not images.numel():
        raise ValueError(
            f"images: must be (n, ...) with at least one item, got {tuple(images.shape)}; "
            "add a first axis with image[None]"
        )
    _check_fit(images, references)
    for name, tensor in (("images", images), ("references", references)):
        if not bool(torch.isfinite(tensor).all()):
            raise ValueError(f"{name}: hold NaN or infinity; replace or leave out those items")


def _check_fit(images: Tensor, references: Tensor) -> None:
    shape, n = tuple(images.shape[1:]), len(images)
    fits_all = references.ndim == images.ndim and len(references) > 0
    fits_each = (
        references.ndim == images.ndim + 1 and len(references) == n and references.shape[1] > 0
    )
    if not (fits_all or fits_each) or tuple(references.shape[-len(shape) :]) != shape:
        raise ValueError(
            f"references: must be (r, ...) for all images or (n, r, ...) for each, with n = {n} "
            f"and ... = {shape}, got {tuple(references.shape)}"
        )
    for word in ("dtype", "device"):
        if getattr(references, word) != getattr(images, word):
            raise ValueError(
                f"references: {word} is {getattr(references, word)}, that of the images "
                f"{getattr(images, word)}; bring both together with .to(...)"
            )


def check_reference(name: str, images: Tensor, references: Tensor, *, forced: bool) -> None:
    """Refuse a reference without a name, and one that misleads unless it is forced.

    Raises:
        ValueError: No name; RGB outside 0..1; black, zero, mean or noise; the image itself.
    """
    if not name.strip():
        raise ValueError(
            "reference_name: a reference must be named, got ''; name it, for example 'white', "
            "since a map is blind to the colour of its reference"
        )
    if name in RGB_NAMES and (name != "blur" or _is_rgb_shaped(images)):
        check_rgb("images", images, name=name)
        check_rgb("references", references, name=name)
    if forced:
        return
    if name in REFUSED_NAMES:
        raise ValueError(
            f"references: {name!r} is refused, it hides what looks like it; use real items of the "
            "other class (opposite) or white, or set forced=True, which marks the map"
        )
    _check_content(name, images, references)
    if name not in MAY_EQUAL_IMAGE:
        _check_distinct(images, references)


def check_rgb(word: str, tensor: Tensor, *, name: str) -> None:
    """Refuse colours outside 0..1; hidden normalisation is the commonest reference bug.

    Raises:
        ValueError: A value is below 0 or above 1.
    """
    low, high = tensor.aminmax()
    if not bool((low >= -_RANGE_SLACK) & (high <= 1 + _RANGE_SLACK)):
        raise ValueError(
            f"{word}: with reference {name!r} RGB must be in 0..1, got "
            f"{low.item():.3g}..{high.item():.3g}; divide by 255 and put normalisation into "
            "the network as its first layer"
        )


def _check_content(name: str, images: Tensor, references: Tensor) -> None:
    items = references if references.ndim == images.ndim else references.flatten(0, 1)
    size = items.abs().flatten(1).amax(1)
    is_rgb = _is_rgb_shaped(images) and bool(((images >= 0) & (images <= 1)).all())
    if is_rgb and bool((size <= _DARKEST).any()):
        raise ValueError(
            "references: black is refused, it is the darkest stain, so the strongest counts "
            "least; use white or opposite, or set forced=True, which marks the map"
        )
    if name in RGB_NAMES | {"images"} and bool((size == 0).any()):
        raise ValueError(
            "references: zero is refused, in a normalised space it is the mean colour; hand in "
            "real items, give zero a name of its own, or set forced=True, which marks the map"
        )
    if name in RGB_NAMES | {"images"} and images.ndim == 4 and bool(_is_noise(items).any()):
        raise ValueError(
            "references: noise is refused, the response to it is unknown; use white or opposite, "
            "or set forced=True, which marks the map"
        )


def _is_rgb_shaped(images: Tensor) -> bool:
    return images.ndim == 4 and images.shape[1] == 3


def _is_noise(items: Float[Tensor, "m c h w"]) -> Tensor:
    if items.shape[3] < 8:
        return torch.zeros(len(items), dtype=torch.bool)
    centred = items - items.mean((2, 3), keepdim=True)
    variance = centred.square().mean((1, 2, 3))
    beside = (centred[..., 1:] * centred[..., :-1]).mean((1, 2, 3))
    return (variance > _NOISE_SD**2) & (beside.abs() < _NOISE_CORRELATION * variance)


def _check_distinct(images: Tensor, references: Tensor) -> None:
    is_shared = references.ndim == images.ndim
    for number in range(references.shape[0 if is_shared else 1]):
        other = references[number] if is_shared else references[:, number]
        is_same = (images == other).flatten(1).all(1)
        if bool(is_same.any()):
            raise ValueError(
                f"references: reference {number} is image {int(is_same.nonzero()[0, 0])} itself, "
                "so its map is zero; take another, or set forced=True"
            )


def check_references_of_call(names: set[str] | frozenset[str], *, is_positive: bool) -> None:
    """Refuse references that cannot explain a call.

    Raises:
        ValueError: ``stain_removed`` alone for a negative call: removing stain that is not there
            explains nothing.
    """
    if not is_positive and names and names <= MAY_EQUAL_IMAGE:
        raise ValueError(
            "references: stain_removed alone cannot explain a negative call, there is no stain to "
            "remove; add opposite or white"
        )
