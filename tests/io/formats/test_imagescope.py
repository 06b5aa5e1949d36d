"""ImageScope's layers are read by their names, cells by the middle of their outlines."""

from dataclasses import replace
from math import cos, pi, sin
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mutants import damaged, facts_of_items, facts_of_labels, is_read_or_refused
from rimlight.errors import LabelFileError
from rimlight.io.formats.imagescope import read_imagescope, write_imagescope
from rimlight.io.formats.points import Fault
from rimlight.records import Box, Expression
from small_studies import label_of, slide_info

GOLDEN = Path(__file__).parent / "golden" / "labels.imagescope.xml"
BOUNDED = slide_info("s1", bounds=Box(left_l0=100.0, top_l0=200.0, width_l0=900, height_l0=700))
SQUARE = [(10, 20), (16, 20), (16, 24), (10, 24)]


def golden_labels():
    odd = label_of(41, "weak", "björn")
    odd = replace(odd, cell=replace(odd.cell, x_l0=1 / 3, y_l0=999.1234567))
    return [label_of(30, "strong"), label_of(40, "other", "björn"), odd]


def region(*corners, kind=0, text="", **said):
    vertices = "".join(f'<Vertex X="{x}" Y="{y}" Z="0" />' for x, y in corners)
    more = "".join(f' {key}="{value}"' for key, value in said.items())
    return (
        f'<Region Id="1" Type="{kind}" Text="{text}"{more}><Attributes />'
        f"<Vertices>{vertices}</Vertices></Region>"
    )


def layer(*regions, name="weak", reader=None):
    """A layer as ImageScope saves it."""
    said = f'<Attribute Name="reader" Id="0" Value="{reader}" />' if reader else ""
    return (
        f'<Annotation Id="1" Name="{name}" LineColor="65280" Visible="1"><Attributes>{said}'
        f"</Attributes><Regions><RegionAttributeHeaders />{''.join(regions)}</Regions><Plots />"
        "</Annotation>"
    )


def _read(tmp_path, *layers):
    path = tmp_path / "s1.xml"
    path.write_text(f'<Annotations MicronsPerPixel="0.25">{"".join(layers)}</Annotations>')
    return read_imagescope(path)


def test_labels_are_written_as_this_golden_file(tmp_path):
    assert write_imagescope(tmp_path / "a.xml", golden_labels(), slide=BOUNDED) == 3
    assert (tmp_path / "a.xml").read_bytes() == GOLDEN.read_bytes()


@pytest.mark.parametrize("frame", [None, "level0", "bounds"])
@pytest.mark.parametrize("name", ["a.xml", "a.xml.gz"])
def test_what_is_written_reads_back(tmp_path, frame, name):
    far = label_of(61, "moderate")
    far = replace(far, cell=replace(far.cell, x_l0=198_765.4321, y_l0=87_654.321))
    labels = [*golden_labels(), far]
    labels += [label_of(n, list(Expression)[n % 5]) for n in range(50, 60)]
    write_imagescope(tmp_path / name, labels, slide=BOUNDED, frame=frame)
    file = read_imagescope(tmp_path / name)
    in_order = sorted(labels, key=lambda label: label.label_id)
    items = sorted(file.items, key=lambda item: item.label_id)
    assert facts_of_items(items) == facts_of_labels(in_order)
    offset = (100, 200) if frame == "bounds" else (0, 0)
    for item, label in zip(items, in_order, strict=True):
        expected = (label.cell.x_l0 - offset[0], label.cell.y_l0 - offset[1])
        assert (item.x, item.y) == pytest.approx(expected, abs=1e-6)
    assert (file.slide, file.slide_hash) == ("s1", "sha256 of s1")
    assert file.frame == (frame or "level0")


def test_an_outline_is_read_by_the_centre_of_its_area_and_a_box_by_its_middle(tmp_path):
    # An L of three squares: the middle of its box is (3, 3), the centre of its area is not.
    bent = [(0, 0), (6, 0), (6, 2), (2, 2), (2, 6), (0, 6)]
    file = _read(
        tmp_path,
        layer(
            region(*bent),
            region(*SQUARE, kind=1),
            region((10, 20), (16, 24), kind=2),
            region((7, 8)),
            region((0, 5), (10, 5)),
        ),
    )
    places = [(item.x, item.y) for item in file.items]
    assert places[0] == pytest.approx((2.2, 2.2))
    assert places[1:] == [(13, 22), (13, 22), (7, 8), (5, 5)]


def test_a_circle_drawn_by_hand_is_read_at_its_centre_though_its_vertices_crowd(tmp_path):
    angles = [pi * n / 40 for n in range(40)] + [pi + pi * n / 5 for n in range(5)]
    corners = [(500 + 8 * cos(angle), 300 + 8 * sin(angle)) for angle in angles]
    (item,) = _read(tmp_path, layer(region(*corners))).items
    assert (item.x, item.y) == pytest.approx((500, 300), abs=0.35)
    middle_of_vertices = sum(y for _, y in corners) / len(corners)
    assert abs(middle_of_vertices - 300) > 2


def test_the_class_is_the_layer_or_else_the_text_and_texts_are_no_cells(tmp_path):
    file = _read(
        tmp_path,
        layer(region(*SQUARE, text="note"), name="1+", reader="anna"),
        layer(region(*SQUARE, text="3+"), name=""),
    )
    assert [(item.place, item.class_name, item.reader, item.cell) for item in file.items] == [
        ("layer 1, region 1", "1+", "anna", None),
        ("layer 2, region 1", "3+", None, None),
    ]


def test_what_is_no_cell_is_noted(tmp_path):
    wide = [(0, 0), (201, 0), (201, 5)]
    file = _read(
        tmp_path,
        layer(
            region(*SQUARE, kind=3),
            region(*SQUARE, NegativeROA=1),
            region(),
            region(*wide),
            region(*SQUARE),
        ),
    )
    assert len(file.items) == 1
    assert [note.split(": ")[1] for note in file.notes] == [
        "is neither outline, rectangle nor ellipse but of type '3'; left out",
        "is a hole; left out",
        "has no vertices; left out",
        "is wider than 200 px; left out",
    ]


def test_a_long_outline_is_an_area_and_costs_no_memory(tmp_path, monkeypatch):
    monkeypatch.setattr("rimlight.io.formats.imagescope.MAX_VERTICES", 3)
    assert _read(tmp_path, layer(region(*SQUARE))).notes == (
        "layer 1, region 1: has more than 3 vertices; left out",
    )


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (region(("nan", 2)), "X 'nan' is no number"),
        (region((1, "1e20")), "Y is no number of pixels"),
        (region((1, 2)).replace(' Y="2"', ""), "has no Y"),
        (region((1, 2), text="a&#133;b"), "cannot be written"),
    ],
)
def test_a_bad_region_is_a_fault_and_its_neighbours_are_not(tmp_path, bad, reason):
    name = "" if "133" in bad else "weak"
    good = region(*SQUARE, text="weak")
    file = _read(tmp_path, layer(good, bad, good, name=name))
    first, fault, last = file.items
    assert isinstance(fault, Fault)
    assert fault.place == "layer 1, region 2"
    assert reason in fault.reason
    assert first.x == last.x == 13


def test_a_layer_without_name_or_text_says_no_class(tmp_path):
    (fault,) = _read(tmp_path, layer(region(*SQUARE), name="")).items
    assert "has no class; name its layer" in str(fault)


def test_a_file_that_is_not_of_imagescope_is_refused(tmp_path):
    (tmp_path / "a.xml").write_text("<ASAP_Annotations/>")
    with pytest.raises(LabelFileError, match="is no ImageScope file"):
        read_imagescope(tmp_path / "a.xml")


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_damaged_files_end_in_one_kind_of_error(tmp_path_factory, data):
    content = damaged(GOLDEN.read_bytes(), data)
    path = tmp_path_factory.mktemp("mutants") / "a.xml"
    path.write_bytes(content)
    assert is_read_or_refused(read_imagescope, path)
