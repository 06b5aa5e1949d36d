"""Slides spoilt at random, looked over as registration does it: in a process of its own.

Run as a program: ``mutated_slides.py N SEED FOLDER [SEEDS]`` prints one JSON object; SEEDS is a
folder of more files to start from, such as slides that have broken readers before.
"""

import json
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from mutations import mutant
from rimlight.errors import SlideError
from rimlight.io.isolation import inspector
from rimlight.io.pyramids import write_pyramid
from scenes import halves, stained, write_ome
from surroundings import peak_bytes

MOST_SECONDS = 10
MOST_BYTES = 2 * 2**30
MOST_SEED_BYTES = 2 * 2**20
FACTS = {"slide_id": "s", "case_id": "c", "assay": "a", "mpp": 0.5}


@dataclass(kw_only=True)
class Outcome:
    """What happened: ``n_ended`` files ended the process that looked at them, which costs it alone.

    most_bytes: the largest memory of a process that looked.
    """

    n_files: int = 0
    n_taken: int = 0
    n_refused: int = 0
    n_ended: int = 0
    slowest_s: float = 0.0
    most_bytes: int = 0
    faults: list[str] = field(default_factory=list)


def sound_slides(folder: Path) -> list[bytes]:
    """Small slides of each kind that we can write."""
    picture = stained(300, 220)
    noise = np.random.default_rng(0).integers(0, 30, picture.shape, dtype=np.uint8)
    picture = picture - noise
    Image.fromarray(picture).save(folder / "a.png")
    Image.fromarray(picture).save(folder / "a.jpg")
    write_pyramid(folder / "a.tiff", picture, mpp=0.5)
    for compression in ("zlib", "lzw", None):
        path = folder / f"{compression}.ome.tiff"
        write_ome(path, halves(picture, 2), mpp=0.5, compression=compression)
    return [path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()]


def spoil(*, n_files: int, seed: int, folder: Path, more: Path | None) -> Outcome:
    """Look over spoilt slides, and keep those that did not end in a sentence."""
    made = folder / "sound"
    made.mkdir(parents=True)
    seeds = sound_slides(made)
    if more is not None:
        files = sorted(path for path in more.iterdir() if path.is_file())
        foreign = [each.read_bytes() for each in files if each.stat().st_size <= MOST_SEED_BYTES]
        seeds = seeds * max(1, len(foreign) // len(seeds)) + foreign  # half and half
    rng = np.random.default_rng(seed)
    outcome = Outcome()
    with inspector(timeout_s=MOST_SECONDS) as looker:
        for path in made.iterdir():
            looker.inspect(path, **FACTS)  # else nothing would be tried but refusals
        for number in range(n_files):
            path = folder / "spoilt.tiff"
            path.write_bytes(mutant(seeds, rng))
            fault = _look(looker, path, outcome)
            if looker.process_id is not None:
                outcome.most_bytes = max(outcome.most_bytes, peak_bytes(looker.process_id))
            if fault:
                outcome.faults.append(f"{number}: {fault}")
                path.rename(folder / f"fault-{number}.tiff")
    return outcome


def _look(looker, path: Path, outcome: Outcome) -> str:
    outcome.n_files += 1
    start = time.monotonic()
    try:
        looker.inspect(path, **FACTS)
        outcome.n_taken += 1
    except SlideError as error:
        outcome.n_refused += 1
        outcome.n_ended += looker.process_id is None
        sentence = str(error)
        if not sentence.startswith(f"{path}: ") or "\n" in sentence or len(sentence) > 3000:
            return f"no sentence: {sentence[:300]!r}"
        if "took more than" in sentence:
            return sentence
    except Exception as error:  # noqa: BLE001 - whatever else comes is what is looked for
        return f"{type(error).__name__}: {error}"
    finally:
        outcome.slowest_s = max(outcome.slowest_s, time.monotonic() - start)
    return ""


def _main() -> None:
    n_files, seed, folder, *more = sys.argv[1:]
    outcome = spoil(
        n_files=int(n_files),
        seed=int(seed),
        folder=Path(folder),
        more=Path(more[0]) if more else None,
    )
    sys.stdout.write(json.dumps(asdict(outcome)) + "\n")


if __name__ == "__main__":
    _main()
