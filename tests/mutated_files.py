"""Each importer with sound files of its kind, and what it did with files spoilt from them.

Run as a program: ``mutated_files.py IMPORTER N SEED FOLDER`` prints one JSON object. It runs in a
process of its own, with a ceiling on its memory, so that a crash is seen and costs nothing else.
"""

import hashlib
import json
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from mutations import mutant
from rimlight.errors import RimlightError
from rimlight.io.study import Study, create_study
from small_studies import filled, region_of, slide_info, study_of

MOST_SECONDS = 10
MOST_BYTES = 2 * 2**30
LABELS = ("qupath", "csv", "parquet", "coco", "asap", "imagescope", "dsa", "cellvit", "patchsorter")
IMPORTERS = (
    *(f"labels-{name}" for name in LABELS),
    "candidates-qupath", "candidates-csv", "regions-qupath", "regions-asap", "controls",
    "manifest", "ratings", "settings", "model",
)  # fmt: skip
_CLASSES = {"0": "negative", "1": "weak", "2": "moderate", "3": "strong"}


@dataclass(frozen=True, kw_only=True)
class Importer:
    """Sound files, the ending they need, and what reads one; ``study`` may be changed by it."""

    seeds: Sequence[bytes]
    ending: str
    read: Callable[[Study, Path], object]
    of_study: bool = True


@dataclass(kw_only=True)
class Outcome:
    """What happened to the files: bad ones are kept in the folder of the run."""

    importer: str
    n_files: int = 0
    n_taken: int = 0
    n_refused: int = 0
    slowest_s: float = 0.0
    most_bytes: int = 0
    faults: list[str] = field(default_factory=list)


class _TooLongError(Exception):
    """A file took more than the seconds it may."""


def importer_of(name: str, home: Path) -> Importer:
    """Make the sound files of an importer in a folder."""
    kind, _, form = name.partition("-")
    return {
        "labels": _labels, "candidates": _candidates, "regions": _regions, "controls": _controls,
        "manifest": _manifest, "ratings": _ratings, "settings": _settings, "model": _model,
    }[kind](form, home)  # fmt: skip


def _slides():
    return [slide_info(slide_id) for slide_id in ("s1", "s2", "m1")]


def _labels(form: str, home: Path) -> Importer:
    from rimlight.workflows.exchange import export_labels, import_labels

    slide = None if form in ("csv", "parquet", "coco") else "s1"

    def read(study: Study, path: Path) -> object:
        return import_labels(
            study, path, reader="fuzz", slide=slide, file_format=form, class_names=_CLASSES
        )

    if form == "cellvit":
        rows = "".join(f"{9 * n + 1},{7 * n + 1},{n % 4}\n" for n in range(40))
        return Importer(seeds=[rows.encode()], ending=".csv", read=read)
    if form == "patchsorter":
        rows = "".join(f"{9 * n + 1},{7 * n + 1},{n % 3 - 1}\n" for n in range(40))
        return Importer(seeds=[rows.encode()], ending=".csv", read=read)
    source = study_of(home / "source", *_slides())
    filled(source, reader="ben")
    endings = {"qupath": ".geojson", "csv": ".csv", "parquet": ".parquet", "asap": ".xml",
               "imagescope": ".xml", "dsa": ".json", "coco": ".json"}  # fmt: skip
    files = [home / f"sound{endings[form]}"]
    export_labels(source, files[0], slide=slide, file_format=form)
    if form == "qupath":
        files.append(home / "sound.geojson.gz")
        export_labels(source, files[1], slide="s1", file_format=form)
    return Importer(seeds=[each.read_bytes() for each in files], ending=endings[form], read=read)


def _candidates(form: str, home: Path) -> Importer:
    from rimlight.workflows.given_candidates import import_candidates

    if form == "csv":
        rows = "slide,x_l0,y_l0\n" + "".join(f"s1,{9 * n},{7 * n}\n" for n in range(60))
        seeds, ending = [rows.encode()], ".csv"
    else:
        cells = [
            {
                "type": "Feature",
                "geometry": {"type": "Polygon", "coordinates": [_square(40.0 * n, 20.0 * n)]},
                "properties": {"objectType": "cell", "classification": {"name": "Tumor"}},
            }
            for n in range(12)
        ]
        told = {"type": "FeatureCollection", "features": cells}
        seeds, ending = [json.dumps(told).encode()], ".geojson"
    return Importer(
        seeds=seeds,
        ending=ending,
        read=lambda study, path: import_candidates(study, path, slide="s1"),
    )


def _square(x: float, y: float) -> list[list[float]]:
    return [[x, y], [x + 9, y], [x + 9, y + 9], [x, y + 9], [x, y]]


def _regions(form: str, home: Path) -> Importer:
    from rimlight.workflows.regions import RegionWording, import_regions

    wording = RegionWording(slide="s1", include=("include",))
    if form == "asap":
        corners = "".join(
            f'<Coordinate Order="{n}" X="{x}" Y="{y}"/>'
            for n, (x, y) in enumerate(_square(50.0, 60.0)[:4])
        )
        text = (
            '<?xml version="1.0"?><ASAP_Annotations><Annotations><Annotation Name="a" '
            'Type="Polygon" PartOfGroup="include" Color="#F4FA58"><Coordinates>'
            f"{corners}</Coordinates></Annotation></Annotations><AnnotationGroups>"
            '<Group Name="include" PartOfGroup="None" Color="#64FE2E"/></AnnotationGroups>'
            "</ASAP_Annotations>"
        )
        seeds, ending = [text.encode()], ".xml"
    else:
        ring = [list(corner) for corner in region_of().polygons[0][0]]
        shape = {"type": "Polygon", "coordinates": [[*ring, ring[0]]]}
        many = {"type": "MultiPolygon", "coordinates": [[[*ring, ring[0]]], [_square(5.0, 5.0)]]}
        features = [
            {"type": "Feature", "id": f"0d9fbc34-5a50-4a5c-a6ce-6a1f5c1f6a0{n}", "geometry": each,
             "properties": {"objectType": "annotation", "name": f"R{n}"}}
            for n, each in enumerate((shape, many))
        ]  # fmt: skip
        told = {"type": "FeatureCollection", "features": features}
        seeds, ending = [json.dumps(told).encode()], ".geojson"

    def read(study: Study, path: Path) -> object:
        return import_regions(study, path, wording=wording)

    return Importer(seeds=seeds, ending=ending, read=read)


def _controls(_form: str, _home: Path) -> Importer:
    from rimlight.workflows.controls import import_controls

    text = "slide,positive,negative,reagent\ns1,pass,pass,not recorded\ns2,fail,pass,pass\n"
    return Importer(seeds=[text.encode()], ending=".csv", read=import_controls)


def _manifest(_form: str, _home: Path) -> Importer:
    from rimlight.workflows.register import entries_of_manifest

    text = "path,case,slide,assay,scanner,mpp\na.svs,c1,s1,22c3-nsclc,x,0.25\nb.svs,c2,s2,,,0.5\n"
    return Importer(
        seeds=[text.encode()], ending=".csv", read=lambda _study, path: entries_of_manifest(path)
    )


def _ratings(_form: str, _home: Path) -> Importer:
    from rimlight.io.formats.rating_tables import RatingColumns, read_ratings

    text = "case,slide,reader,tps,day\nc1,s1,anna,40,2026-01-02\nc1,s1,ben,55,2026-01-03\n"
    wide = "case,slide,anna,ben\nc1,s1,10,20\nc2,s2,30,40\n"
    return Importer(
        seeds=[text.encode(), wide.encode()],
        ending=".csv",
        read=lambda _study, path: read_ratings(path, RatingColumns()),
    )


def _settings(_form: str, home: Path) -> Importer:
    study = create_study(home / "settings")
    seed = (study.folder / "study.toml").read_bytes()
    study.engine.dispose()

    def read(study: Study, path: Path) -> object:
        from rimlight.settings import settings_from_toml

        return settings_from_toml(_text_of(path), origin=str(path))

    def _text_of(path: Path) -> str:
        data = path.read_bytes()
        try:
            return data.decode()
        except UnicodeDecodeError:
            return data.decode("latin-1")

    return Importer(seeds=[seed], ending=".toml", read=read)


def _model(_form: str, home: Path) -> Importer:
    from rimlight.model.network import NetworkSettings, new_network
    from rimlight.settings import PatchSettings
    from rimlight.workflows.models import read_network, write_network

    folder, patch = home / "model", PatchSettings()
    network = new_network(NetworkSettings(size_px=patch.size_px, width=1), seed=0)
    counts = dict.fromkeys(
        ("n_train", "n_train_cases", "n_validation", "n_validation_cases", "seed"), 1
    )
    facts = {**counts, "temperature": 1.0, "run_id": "0001", "synthetic": "yes"}
    write_network(folder, network, patch=patch, facts=facts)
    weights, manifest = (folder / name for name in ("weights.safetensors", "model.json"))
    sound = {path: path.read_bytes() for path in (weights, manifest)}

    def read(_study: Study, path: Path) -> object:
        data = path.read_bytes()
        for target, content in sound.items():
            target.write_bytes(content)
        if data.lstrip()[:1] == b"{":
            manifest.write_bytes(data)
        else:  # with the hash that a forger would write
            weights.write_bytes(data)
            told = json.loads(sound[manifest])
            told["files"][weights.name] = "sha256:" + hashlib.sha256(data).hexdigest()
            manifest.write_text(json.dumps(told))
        return read_network(folder, patch=patch)

    return Importer(seeds=list(sound.values()), ending=".bin", read=read)


def spoil(name: str, *, n_files: int, seed: int, folder: Path) -> Outcome:
    """Give an importer spoilt files, and keep those that it did not refuse as it should."""
    folder.mkdir(parents=True, exist_ok=True)
    importer = importer_of(name, folder / "seeds-of")
    study = study_of(folder / "study", *_slides())
    pristine = shutil.copy(study.folder / "rimlight.db", folder / "pristine.db")
    for sound in importer.seeds:
        path = folder / f"sound{importer.ending}"
        path.write_bytes(sound)
        importer.read(study, path)  # else nothing would be tried but refusals
        _reset(study, pristine)
    rng = np.random.default_rng([seed, *name.encode()])
    outcome = Outcome(importer=name)
    signal.signal(signal.SIGALRM, _too_long)
    for number in range(n_files):
        path = folder / f"spoilt{importer.ending}"
        path.write_bytes(mutant(importer.seeds, rng))
        fault = _try(importer, study, path, outcome)
        if fault:
            outcome.faults.append(f"{number}: {fault}")
            shutil.copy(path, folder / f"fault-{number}{importer.ending}")
        _reset(study, pristine)
    outcome.most_bytes = _peak_bytes()
    return outcome


def _reset(study: Study, pristine: str) -> None:
    study.engine.dispose()
    for ending in ("-wal", "-shm"):
        (study.folder / f"rimlight.db{ending}").unlink(missing_ok=True)
    shutil.copy(pristine, study.folder / "rimlight.db")


def _try(importer: Importer, study: Study, path: Path, outcome: Outcome) -> str:
    outcome.n_files += 1
    start = time.monotonic()
    signal.setitimer(signal.ITIMER_REAL, MOST_SECONDS)
    try:
        importer.read(study, path)
        outcome.n_taken += 1
    except RimlightError as error:
        outcome.n_refused += 1
        return "" if _is_a_sentence(str(error)) else f"no sentence: {str(error)[:300]!r}"
    except _TooLongError:
        return f"took more than {MOST_SECONDS} s"
    except Exception:  # noqa: BLE001 - whatever else comes is what is looked for
        return traceback.format_exc(limit=-4)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        outcome.slowest_s = max(outcome.slowest_s, time.monotonic() - start)
    return ""


def _is_a_sentence(text: str) -> bool:
    return 20 < len(text) < 3000 and "\n" not in text and "Traceback" not in text


def _too_long(_number: int, _frame: object) -> None:
    raise _TooLongError


def _peak_bytes() -> int:
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _main() -> None:
    import resource

    name, n_files, seed, folder = sys.argv[1:]
    resource.setrlimit(resource.RLIMIT_AS, (2 * MOST_BYTES, 2 * MOST_BYTES))
    outcome = spoil(name, n_files=int(n_files), seed=int(seed), folder=Path(folder))
    sys.stdout.write(json.dumps(asdict(outcome)) + "\n")


if __name__ == "__main__":
    _main()
