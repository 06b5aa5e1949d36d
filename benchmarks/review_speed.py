"""How long the server takes to answer the pages of the review, the first time and later.

    python benchmarks/review_speed.py STUDY [RUN]

Opens the run to a reader called ``benchmark``, which is kept: give a copy of a study.
"""

import sys
import time
from pathlib import Path
from statistics import median

from fastapi.testclient import TestClient

from rimlight.io.runs import open_run
from rimlight.io.study import open_study
from rimlight.records import ReaderId
from rimlight.web.app import create_app
from rimlight.web.security import Door
from rimlight.web.workbench import Workbench

HOST = "127.0.0.1:8411"
PATHS = (
    "errors", "doubtful", "uncertain", "rounds", "agreement", "disagreements", "disagreements.csv",
)  # fmt: skip
N_LATER = 10


def main() -> None:
    """Print a table of times."""
    study = open_study(Path(sys.argv[1]))
    run = open_run(study, sys.argv[2] if len(sys.argv) > 2 else None).run_id
    token = "t" * 24
    door = Door(names=frozenset((HOST,)), key="k" * 32, token=token, reader=ReaderId("benchmark"))
    app = create_app(Workbench(study=study), door=door)
    headers = {"origin": f"http://{HOST}"}
    with TestClient(app, base_url=f"http://{HOST}", headers=headers) as client:
        client.get("/api/enter", params={"token": token}, follow_redirects=False)
        client.post("/api/review/disclose", json={"run": run})
        print(f"{'':22}first s  later s, median of {N_LATER}   bytes")
        for path in PATHS:
            times, size = [], 0
            for _ in range(1 + N_LATER):
                start = time.perf_counter()
                reply = client.get(f"/api/review/{path}", params={"run": run})
                times.append(time.perf_counter() - start)
                assert reply.status_code == 200, reply.text
                size = len(reply.content)
            print(f"{path:22}{times[0]:7.3f}  {median(times[1:]):7.3f}  {size:19,}")


if __name__ == "__main__":
    main()
