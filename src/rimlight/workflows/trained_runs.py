"""The run that speaks when none is named: the latest that was trained."""

from rimlight.errors import RunError
from rimlight.io.runs import Run, open_run, run_ids
from rimlight.io.study import Study


def trained_run(study: Study, run_id: str | None = None) -> Run:
    """Return a run by its id, or the latest that has predictions.

    Raises:
        RunError: There is none.
    """
    if run_id is not None:
        return open_run(study, run_id)
    for known in reversed(run_ids(study)):
        run = open_run(study, known)
        if (run.folder / "predictions.csv").is_file():
            return run
    raise RunError(
        f"{study.folder.name}: has no trained run yet, so that nothing can be explained; start one "
        "on the page Runs or with rimlight run"
    )
