"""Regions of a file come to lie where they were drawn, under names that stay, once."""

import json
from dataclasses import replace

import pytest

from rimlight.cli.main import answered
from rimlight.errors import LabelFileError, NotEnoughDataError, StudyError
from rimlight.io.regions import current_regions, put_regions, region_events
from rimlight.records import Box, RegionKind
from rimlight.workflows.regions import RegionWording, import_regions
from rimlight.workflows.standing_regions import (
    export_regions,
    put_cases,
    withdraw_regions_named,
)
from small_studies import region_of, slide_info, study_of

BOUNDS = Box(left_l0=40.0, top_l0=20.0, width_l0=1900.0, height_l0=950.0)
UUID = "11111111-2222-4333-8444-55555555555{}"


@pytest.fixture
def study(tmp_path):
    return study_of(
        tmp_path / "study",
        slide_info("s1"),
        slide_info("s2"),
        slide_info("m1", path="/slides/m1.mrxs", bounds=BOUNDS),
    )


def outline(x, y, width=400, height=100):
    return [[x, y], [x + width, y], [x + width, y + height], [x, y + height], [x, y]]


def feature(x=10, y=20, *, number=None, corners=None, **properties):
    found = {
        "type": "Feature",
        "geometry": {"type": "Polygon", "coordinates": [corners or outline(x, y)]},
        "properties": {"objectType": "annotation", **properties},
    }
    return found if number is None else found | {"id": UUID.format(number)}


@pytest.fixture
def file_of(tmp_path):
    def written(*features, name="s1.geojson", **more):
        path = tmp_path / name
        data = {"type": "FeatureCollection", "features": features, **more}
        path.write_text(json.dumps(data), encoding="utf-8")
        return path

    return written


def class_of(name):
    return {"name": name, "color": [1, 2, 3]}


def test_regions_lie_where_they_were_drawn_under_what_they_are_for(study, file_of):
    hole = outline(100, 40, 50, 30)
    with_hole = feature(number=1, name="Centre")
    with_hole["geometry"]["coordinates"].append(hole)
    path = file_of(
        with_hole,
        feature(600, 20, classification=class_of("Region*")),
        feature(600, 320, classification=class_of("Necrosis")),
        feature(600, 620, objectType="tmaCore", name="A-1"),
    )
    found = import_regions(study, path)
    assert (found.n_new, found.n_known, found.notes) == (4, 0, ())
    regions = current_regions(study.engine)
    assert [(r.name, r.kind.value, r.slide_id) for r in regions] == [
        ("Centre", "include", "s1"),
        ("Region 1", "include", "s1"),
        ("Necrosis 1", "exclude", "s1"),
        ("A-1", "core", "s1"),
    ]
    assert regions[0].polygons == (
        (
            ((10.0, 20.0), (410.0, 20.0), (410.0, 120.0), (10.0, 120.0)),
            ((100.0, 40.0), (150.0, 40.0), (150.0, 70.0), (100.0, 70.0)),
        ),
    )
    assert regions[0].region_id == UUID.format(1)


def test_the_same_file_twice_changes_nothing(study, file_of):
    path = file_of(feature(number=1), feature(600, 20), feature(20, 300, name="Lower"))
    import_regions(study, path)
    again = import_regions(study, path, wording=RegionWording(reader="ben"))
    assert (again.n_new, again.n_known) == (0, 3)
    assert len(region_events(study.engine)) == 3


def test_a_region_that_was_moved_in_qupath_takes_its_own_place_and_keeps_its_name(study, file_of):
    import_regions(study, file_of(feature(number=1), feature(600, 20, number=2)))
    found = import_regions(study, file_of(feature(600, 30, number=2), feature(5, 5, number=1)))
    assert found.n_new == 2
    regions = current_regions(study.engine)
    assert [(r.name, r.polygons[0][0][0]) for r in regions] == [
        ("Region 1", (5.0, 5.0)),
        ("Region 2", (600.0, 30.0)),
    ]


def test_two_regions_of_one_name_are_told_apart_and_it_is_said(study, file_of):
    path = file_of(feature(name="Tumour", number=1), feature(600, 20, name="Tumour", number=2))
    found = import_regions(study, path)
    assert [r.name for r in current_regions(study.engine)] == ["Tumour", "Tumour 2"]
    assert "the slide has a region 'Tumour'" in found.notes[0]
    assert import_regions(study, path).notes == ()
    assert len(region_events(study.engine)) == 2


def test_names_may_be_passed_on_within_a_file(study, file_of):
    where = {n: feature(600 * n, 20, number=n) for n in range(3)}

    def named(*names):
        for n, name in enumerate(names):
            where[n]["properties"]["name"] = name
        return file_of(*where.values())

    import_regions(study, named("A-1", "A-2", "A-3"))
    assert import_regions(study, named("A-2", "A-3", "A-4")).notes == ()
    assert [r.name for r in current_regions(study.engine)] == ["A-2", "A-3", "A-4"]
    import_regions(study, named("A-3", "A-2", "A-4"))
    assert [r.name for r in current_regions(study.engine)] == ["A-3", "A-2", "A-4"]


def test_a_name_that_the_file_gives_goes_before_one_made_up(study, file_of):
    import_regions(study, file_of(feature(), feature(600, 20, name="Region 1")))
    assert [r.name for r in current_regions(study.engine)] == ["Region 2", "Region 1"]


def test_a_class_nobody_explained_is_asked_about_and_nothing_is_taken(study, file_of):
    path = file_of(
        feature(classification=class_of("Lymph node")),
        feature(600, 20, classification=class_of("Tumor: 1+")),
        feature(600, 300),
    )
    with pytest.raises(LabelFileError, match=r"'Lymph node' \(1\), 'Tumor: 1\+' \(1\), with --inc"):
        import_regions(study, path)
    assert current_regions(study.engine) == []
    wording = RegionWording(exclude=["lymph NODE"], include=["Tumor: 1+"])
    import_regions(study, path, wording=wording)
    assert [r.kind.value for r in current_regions(study.engine)] == [
        "exclude",
        "include",
        "include",
    ]


def test_what_the_user_says_of_a_class_goes_before_the_table(study, file_of):
    path = file_of(feature(classification=class_of("Stroma")))
    import_regions(study, path, wording=RegionWording(include=["Stroma"]))
    assert current_regions(study.engine)[0].kind is RegionKind.INCLUDE


def test_a_file_of_qupath_is_shifted_by_the_bounds_and_asked_for_where_unsaid(study, file_of):
    path = file_of(feature(10, 20), name="m1.geojson")
    with pytest.raises(LabelFileError, match="say --frame bounds"):
        import_regions(study, path)
    import_regions(study, path, wording=RegionWording(frame="bounds"))
    assert current_regions(study.engine)[0].polygons[0][0][0] == (50.0, 40.0)


def _corners_kept(polygons):
    return tuple(
        tuple(tuple((round(x, 6), round(y, 6)) for x, y in ring) for ring in polygon)
        for polygon in polygons
    )


@pytest.mark.parametrize("slide", ["s1", "m1"])
def test_what_is_written_and_read_again_stands_already(study, tmp_path, slide):
    core = region_of(slide, "core", region_id=UUID.format(1), name="A-1", case_id="k")
    third = ((200 + 1 / 3, 50.1), (600.7, 50.1), (600.7, 150 + 2 / 3))
    whole = region_of(slide, polygons=_corners_kept(((third,),)))
    put_regions(study.engine, [whole, core])
    path = tmp_path / "out.geojson"
    assert export_regions(study, path) == 2
    found = import_regions(study, path)
    assert (found.slide, found.n_new, found.n_known) == (slide, 0, 2)


def test_regions_of_another_slide_are_refused(study, tmp_path):
    put_regions(study.engine, [region_of("s2")])
    export_regions(study, tmp_path / "out.geojson")
    with pytest.raises(LabelFileError, match="is of slide s2, not of s1"):
        import_regions(study, tmp_path / "out.geojson", wording=RegionWording(slide="s1"))


def test_a_slide_that_nobody_names_is_asked_for(study, file_of):
    with pytest.raises(LabelFileError, match="name it with --slide"):
        import_regions(study, file_of(feature(), name="drawn.geojson"))
    found = import_regions(
        study, file_of(feature(), name="drawn.geojson"), wording=RegionWording(slide="s2")
    )
    assert found.slide == "s2"


def test_faults_stop_everything_until_they_are_skipped(study, file_of):
    line = [[0, 0], [100, 80], [50, 40], [0, 0]]
    path = file_of(
        feature(),
        feature(corners=line),
        feature(5000, 20),
        feature(corners=outline(100, 1500, 90, 200)),
    )
    with pytest.raises(LabelFileError, match="3 faults; nothing was imported") as error:
        import_regions(study, path)
    assert error.value.faults == (
        "feature 2: has no area",
        "feature 3: lies outside the slide of 2000 x 1000 px",
        "feature 4: lies outside the slide of 2000 x 1000 px, and would lie on it with x and y "
        "exchanged",
    )
    assert current_regions(study.engine) == []
    found = import_regions(study, path, skip_faults=True)
    assert (found.n_new, len(found.faults)) == (1, 3)


def test_a_bow_tie_is_repaired_with_a_note(study, file_of):
    tie = [[0, 0], [100, 80], [100, 0], [0, 80], [0, 0]]
    found = import_regions(study, file_of(feature(corners=tie)))
    assert found.notes == (
        "feature 1: Region 1: its outline crosses itself or a hole; 2 parts are kept",
    )
    assert import_regions(study, file_of(feature(corners=tie))).n_new == 0


def test_the_same_region_twice_in_a_file_is_a_fault(study, file_of):
    with pytest.raises(LabelFileError, match="feature 2: is the same region as feature 1"):
        import_regions(study, file_of(feature(), feature()))


def test_a_withdrawn_region_stands_no_more(study, file_of):
    import_regions(study, file_of(feature(number=1), feature(600, 20, number=2)))
    assert withdraw_regions_named(study, ["Region 1"], slide="s1", reader="ben") == 1
    assert [r.name for r in current_regions(study.engine)] == ["Region 2"]
    with pytest.raises(StudyError, match="has no region 'Region 1'; it has Region 2"):
        withdraw_regions_named(study, ["Region 2", "Region 1"], slide="s1")
    assert [r.name for r in current_regions(study.engine)] == ["Region 2"]


def test_cores_get_their_cases_by_a_table(study, tmp_path):
    core = region_of(kind="core", name="A-1")
    put_regions(study.engine, [core, replace(core, region_id=UUID.format(1), name="A-2")])
    path = tmp_path / "map.csv"
    path.write_text("core,case\nA-1,k7\nA-2,\n", encoding="utf-8")
    assert put_cases(study, path, slide="s1") == 2
    assert [r.case_id for r in current_regions(study.engine)] == ["k7", None]
    assert put_cases(study, path, slide="s1") == 2
    assert len(region_events(study.engine)) == 3
    for text, words in (
        ("core,case\nA-1,k7\nA-1,k8\n", "names core 'A-1' twice"),
        ("core,case\nB-9,k7\n", "has not: B-9"),
        ("name,case\nB-9,k7\n", "needs the columns core and case"),
    ):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(LabelFileError, match=words):
            put_cases(study, path, slide="s1")


def test_cores_are_written_row_by_row_behind_other_regions(study, tmp_path):
    names = ("B-2", "A-10", "A-2", "Centre", "AA-1", "B-1", "Edge")
    put_regions(
        study.engine,
        [
            region_of(
                kind="core" if "-" in name else "include", name=name, region_id=UUID.format(n)
            )
            for n, name in enumerate(names)
        ],
    )
    export_regions(study, tmp_path / "out.geojson")
    written = json.loads((tmp_path / "out.geojson").read_text(encoding="utf-8"))["features"]
    assert [each["properties"]["name"] for each in written] == [
        "Centre",
        "Edge",
        "A-2",
        "A-10",
        "B-1",
        "B-2",
        "AA-1",
    ]


def test_several_slides_are_written_to_a_folder(study, tmp_path):
    with pytest.raises(NotEnoughDataError, match="has no regions"):
        export_regions(study, tmp_path / "all")
    put_regions(study.engine, [region_of("s1"), region_of("m1")])
    with pytest.raises(LabelFileError, match="holds one slide"):
        export_regions(study, tmp_path / "all.geojson")
    assert export_regions(study, tmp_path / "all") == 2
    assert sorted(path.name for path in (tmp_path / "all").iterdir()) == [
        "m1.geojson",
        "s1.geojson",
    ]


def test_the_command_imports_lists_writes_and_withdraws(study, file_of, tmp_path, capsys):
    folder = str(study.folder)
    path = file_of(feature(number=1, name="Centre"), feature(600, 20, classification="Necrosis"))
    assert answered(["regions", folder, str(path), "--reader", "anna"]) == 0
    assert capsys.readouterr().out == (
        "2 regions imported, 0 known already (1 include, 1 exclude)\n"
    )
    assert answered(["regions", folder]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "s1: Centre: include, 40000 square px, by anna, from s1.geojson",
        "s1: Necrosis 1: exclude, 40000 square px, by anna, from s1.geojson",
        "2 regions on 1 slides",
    ]
    assert answered(["regions", folder, "--export", str(tmp_path / "o.geojson"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["n_regions"] == 2
    assert answered(["regions", folder, "--withdraw", "Centre"]) == 2
    assert "name the slide with --slide" in capsys.readouterr().err
    assert answered(["regions", folder, "--slide", "s1", "--withdraw", "Centre"]) == 0
    assert answered(["regions", folder, str(path), "--export", "x"]) == 2
    assert "one thing at a time" in capsys.readouterr().err
