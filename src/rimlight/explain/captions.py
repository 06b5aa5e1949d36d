"""The words of a figure: what is shown, from which reference, and whether the sum holds."""

from dataclasses import dataclass

import torch

from rimlight.explain.explanation import Explanation
from rimlight.explain.methods import Comparator


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What is written on a figure.

    titles: Over image, reference and map.
    lowers, raises: At the two ends of the colour bar.
    unit: Of the number at the ends of the bar.
    caption: Lines below.
    stamps: Across the map; empty where all is well.
    """

    titles: tuple[str, str, str]
    lowers: str
    raises: str
    unit: str
    caption: tuple[str, ...]
    stamps: tuple[str, ...]


def words_of(found: Explanation, number: int) -> Words:
    """Return the words for the figure of one image."""
    n_references = found.references.shape[1]
    several = f", {4 if n_references >= 4 else 1} of {n_references}" if n_references > 1 else ""
    is_comparator = isinstance(found.method, Comparator)
    return Words(
        titles=(
            "image",
            f"reference: {_spoken(found.reference_name)}{several}",
            found.method.name if is_comparator else "what moved the response",
        ),
        lowers=f"lowers the {found.response_name}",
        raises=f"raises the {found.response_name}",
        unit=_unit(found),
        caption=(_responses(found, number), *_sum(found, number), *_spread(found, number)),
        stamps=tuple(stamp.upper() for stamp in found.stamps(number)),
    )


def _spoken(name: str) -> str:
    return name.replace("_", " ")


def _unit(found: Explanation) -> str:
    if isinstance(found.method, Comparator) and found.method.unit != "response":
        return found.method.unit
    place = "voxel" if found.images.ndim == 5 else "pixel" if found.images.ndim == 4 else "sample"
    return f"{found.response_name} per {place}"


def _responses(found: Explanation, number: int) -> str:
    start = float(found.response_of_references[number].mean())
    mean = "mean of the references" if found.references.shape[1] > 1 else "reference"
    if isinstance(found.method, Comparator) and not found.method.uses_references:
        mean += ", not used by this map"
    return (
        f"{found.response_name}: {float(found.response_of_image[number]):+.2f} for this image, "
        f"{start:+.2f} for the {mean} ({_spoken(found.reference_name)})"
    )


def _sum(found: Explanation, number: int) -> tuple[str, ...]:
    if found.attributions is None:
        return ("not complete: what this map adds up to means nothing",)
    rise, gap = float(found.rise[number]), float(found.gap[number])
    small = bool(found.attributions.is_small_rise[number])
    share = f"gap {gap:+.3f}" if small else f"gap {100 * abs(gap / rise):.1f} %"
    line = f"the map adds up to {rise + gap:+.2f} of a rise of {rise:+.2f} ({share})"
    if small:
        return (line, "the rise is small: image and reference are answered alike")
    return (line,)


def _spread(found: Explanation, number: int) -> tuple[str, ...]:
    if found.reference_sd is None:
        return ()
    spread = found.reference_sd[number].abs().sum(dtype=torch.float64)
    size = found.values[number].abs().sum(dtype=torch.float64)
    if not float(size):
        return ()
    return (
        f"from one reference to another the map varies by {100 * float(spread / size):.0f} % "
        "(sum of SD over sum of |values|)",
    )
