"""Attribution for any image classifier: the names that a newcomer needs.

    from rimlight import explain

    response = explain.response_of(network, class_index=3)
    found = explain.explanation_of(response, images, references="white")
    explain.picture_of(found, 0).save("why.png")

Nothing heavy is imported until a name is asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rimlight.explain.attribution import Attributions, PathSettings, attributions
    from rimlight.explain.explanation import Explanation, explanation_of
    from rimlight.explain.mass import share_inside
    from rimlight.explain.methods import (
        Comparator,
        by_grad_cam,
        by_gradient,
        by_gradient_times_input,
        by_occlusion,
        by_path,
    )
    from rimlight.explain.model_responses import response_of
    from rimlight.explain.named_references import reference_named
    from rimlight.explain.pictures import picture_of
    from rimlight.explain.quality import Beside, GateSettings, quality_of
    from rimlight.explain.responses import log_odds
    from rimlight.explain.scorecard import Check, Scorecard
    from rimlight.explain.stain_space import StainRemoval, stain_removal
    from rimlight.explain.turning import turned_attributions

__all__ = [
    "Attributions",
    "Beside",
    "Check",
    "Comparator",
    "Explanation",
    "GateSettings",
    "PathSettings",
    "Scorecard",
    "StainRemoval",
    "attributions",
    "by_grad_cam",
    "by_gradient",
    "by_gradient_times_input",
    "by_occlusion",
    "by_path",
    "explanation_of",
    "log_odds",
    "picture_of",
    "quality_of",
    "reference_named",
    "response_of",
    "share_inside",
    "stain_removal",
    "turned_attributions",
]

_ROOM_OF_NAME = {
    "Attributions": "attribution",
    "Beside": "quality",
    "Check": "scorecard",
    "Comparator": "methods",
    "Explanation": "explanation",
    "GateSettings": "quality",
    "PathSettings": "attribution",
    "Scorecard": "scorecard",
    "StainRemoval": "stain_space",
    "attributions": "attribution",
    "by_grad_cam": "methods",
    "by_gradient": "methods",
    "by_gradient_times_input": "methods",
    "by_occlusion": "methods",
    "by_path": "methods",
    "explanation_of": "explanation",
    "log_odds": "responses",
    "picture_of": "pictures",
    "quality_of": "quality",
    "reference_named": "named_references",
    "response_of": "model_responses",
    "share_inside": "mass",
    "stain_removal": "stain_space",
    "turned_attributions": "turning",
}


def __getattr__(name: str) -> object:
    """Import the room of a public name when it is first asked for."""
    if name not in _ROOM_OF_NAME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(f"{__name__}.{_ROOM_OF_NAME[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    """Return the public names."""
    return __all__
