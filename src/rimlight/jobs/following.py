"""How far jobs of other processes are, read from the run folder that they share."""

from collections.abc import Sequence

from rimlight.io.claims import holder_of
from rimlight.workflows.patches import Progress
from rimlight.workflows.score_plan import ScorePlan


class Follower:
    """The slides of a command that have no record and no failure yet."""

    def __init__(self, plan: ScorePlan, slides: Sequence[str], progress: Progress) -> None:
        self._plan, self._show, self._n_all = plan, progress, len(slides)
        self._open = {str(info.slide_id): info for info in plan.chosen(slides)}

    def look(self) -> None:
        """Look once, and tell how many slides are done and how far those in hand are."""
        for slide, info in list(self._open.items()):
            has_file = (
                self._plan.record_path(info).is_file() or self._plan.failure_path(info).is_file()
            )
            if has_file and (self._plan.kept(info) or self._plan.failure(info)):
                del self._open[slide]
                continue
            told = holder_of(self._plan.claims, slide) or {}
            if "total" in told:
                self._show(f"score {slide}", told["done"], told["total"])
        self._show("score", self._n_all - len(self._open), self._n_all)

    def unfinished(self, slides: Sequence[str]) -> list[str]:
        """Return those of some slides that were open at the last look."""
        return [slide for slide in slides if slide in self._open]
