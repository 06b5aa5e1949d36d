"""XML is read a tag at a time; entities, document types and bombs are refused."""

import pytest

from rimlight.errors import LabelFileError
from rimlight.io.formats import xml_stream
from rimlight.io.formats.packing import opened
from rimlight.io.formats.xml_stream import element_text, xml_tags


def _read(tmp_path, text):
    path = tmp_path / "a.xml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with opened(path) as file:
        return [(tag.is_start, tag.path, dict(tag.attributes)) for tag in xml_tags(file)]


def test_tags_come_with_their_paths_and_attributes(tmp_path):
    assert _read(tmp_path, '<?xml version="1.0"?><a x="1"><!-- b --><b y="&lt;ä"/>text</a>') == [
        (True, ("a",), {"x": "1"}),
        (True, ("a", "b"), {"y": "<ä"}),
        (False, ("a", "b"), {}),
        (False, ("a",), {}),
    ]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "latin-1"])
def test_encodings_that_the_file_names_are_read(tmp_path, encoding):
    said = {"latin-1": ' encoding="iso-8859-1"'}.get(encoding, "")
    text = f'<?xml version="1.0"{said}?><a x="ä"/>'
    assert _read(tmp_path, text.encode(encoding))[0] == (True, ("a",), {"x": "ä"})


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is not XML: no element found"),
        ("no xml", "is not XML"),
        ("<a>", "is not XML"),
        ("<a></b>", "is not XML: mismatched tag in line 1"),
        ("<a/><b/>", "is not XML"),
        ('<a x="1" x="2"/>', "is not XML: duplicate attribute"),
        ('<a x="&nothing;"/>', "is not XML|document type"),
        ("<!DOCTYPE a><a/>", "document type or entities"),
        ('<!DOCTYPE a [<!ENTITY e "x">]><a x="&e;"/>', "document type or entities"),
        ('<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>', "document type or entities"),
        ('<?xml version="1.0" encoding="klingon"?><a/>', "klingon|encoding"),
        ("<a>" * 40, "nested deeper than 32"),
        (b"<a>\xff</a>", "is not XML"),
        (b"<a>\0</a>", "is not XML"),
        (b"PK\x03\x04", "zip archive"),
        (b"\x1f\x8b\x08 torn", "gzip file is damaged"),
    ],
)
def test_what_is_no_plain_xml_is_refused_in_one_sentence(tmp_path, text, reason):
    with pytest.raises(LabelFileError, match=reason) as caught:
        _read(tmp_path, text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    ['<a x="' + ">" * 400_000 + '"/>', "<a><!--" + "<>" * 200_000 + "--></a>"],
    ids=["attribute", "comment"],
)
def test_one_tag_or_comment_beyond_the_limit_is_refused(tmp_path, monkeypatch, text):
    monkeypatch.setattr(xml_stream, "_CHUNK_BYTES", 2**12)
    monkeypatch.setattr(xml_stream, "MAX_TOKEN_BYTES", 2**16)
    with pytest.raises(LabelFileError, match="longer than 65536 bytes"):
        _read(tmp_path, text)


def test_many_small_tags_are_no_long_one(tmp_path, monkeypatch):
    monkeypatch.setattr(xml_stream, "_CHUNK_BYTES", 2**12)
    monkeypatch.setattr(xml_stream, "MAX_TOKEN_BYTES", 2**13)
    assert len(_read(tmp_path, "<a>" + "<b/> text " * 10_000 + "</a>")) == 20_002
    monkeypatch.setattr(xml_stream, "MAX_TAGS", 99)
    with pytest.raises(LabelFileError, match="more than 99 elements"):
        _read(tmp_path, "<a>" + "<b/>" * 100 + "</a>")


def test_text_is_quoted_and_what_xml_cannot_say_is_refused():
    assert element_text("a", {"x": 'a"<&'}) == "<a x='a\"&lt;&amp;'/>"
    for character in "\x07\uffff\ud800":
        with pytest.raises(LabelFileError, match="cannot be written in XML"):
            element_text("a", {"x": character})
