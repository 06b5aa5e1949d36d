"""Every route of the running application, also those added later, keeps the rules of the gate."""

import hashlib
import json
from urllib.parse import quote

import pytest
from sqlalchemy import select

from rimlight.io.database import reading
from rimlight.io.journal import append_labels
from rimlight.io.schema import metadata
from rimlight.web.app import api_description
from rimlight.web.security import OPEN_PATHS
from small_studies import label_of, slide_info, study_of
from web_clients import HOST, WRITES, client_of, enter, link_door

READS = ("get", "head", "options")
HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
DESCRIPTION = api_description()
ROUTES = [
    (method, path, facts)
    for path, methods in DESCRIPTION["paths"].items()
    for method, facts in methods.items()
]
NAMES = [f"{method.upper()} {path}" for method, path, _ in ROUTES]
SAMPLES = {"slide_id": "s1", "run": "0001", "kind": "errors", "number": 0, "start": 0, "n": 5}
# fmt: off
NASTY = (
    "", "..", "..%2f..%2fetc%2fpasswd", "..%252f..%252fetc%252fpasswd", "%2fetc%2fpasswd",
    "..%5c..%5cwindows", "%00", "s1%00", "%ff%fe", "%ed%a0%80", "%0d%0aSet-Cookie:a=b", "-1",
    "-0.0", "99", "1000000000", "9223372036854775808", "1" * 400, "0.5", "1e999", "-1e999", "nan",
    "inf", "1_000", "0x10", "true", "null", "%5B%5D", "%27%20OR%201=1--", "a" * 3000,
    "%3Cimg%20src=x%20onerror=window.__x=1%3E", quote("😀"), quote("Ω/µ"), "%F0%9F", "+", "%20",
)
BODIES = (
    b"", b"{", b"null", b"[]", b"0", b'"text"', b"\xff\xfe{\x00}\x00", b"\xef\xbb\xbf{}",
    b'{"a": NaN}', b'{"a": Infinity}', b'{"a": 1e999}', b'{"a": "\\ud800"}', b'{"a": "\\u0000"}',
    b'{"\\udc00": 1}', b'{"a": 1, "a": 2}', b'{"a": 92233720368547758080}',
    b'{"a": ' + b"1" * 5000 + b"}",
    b"[" * 100_000, b"[" * 500 + b"]" * 500, b'{"a":' * 500 + b"1" + b"}" * 500,
)
VALUES = (
    None, True, "", "x" * 5000, "..", "../../etc/passwd", "<img src=x onerror=1>", "\u202e", -1, 0,
    2**63 - 1, 1e308, -0.0, [], {}, [None], [[[]]], ["a"] * 5000, {"a": {"b": {}}},
)
# fmt: on


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    study = study_of(
        tmp_path_factory.mktemp("routes") / "study", slide_info("s1"), slide_info("s2")
    )
    append_labels(study.engine, [label_of(1), label_of(2, reader="ben")])
    return study


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    page = tmp_path_factory.mktemp("page")
    (page / "index.html").write_text("<!doctype html><title>rimlight</title>")
    return page


@pytest.fixture(scope="module")
def stranger(study, page):
    with client_of(study, link_door(), page=page) as client:
        yield client


@pytest.fixture(scope="module")
def anna(study, page):
    with client_of(study, link_door(), page=page) as client:
        enter(client)
        yield client


def _rows(study) -> str:
    """One number for every row of every table."""
    total = hashlib.sha256()
    with reading(study.engine) as connection:
        for table in metadata.sorted_tables:
            asked = select(table).order_by(*table.primary_key.columns)
            for row in connection.execute(asked):
                total.update(repr((table.name, tuple(row))).encode())
    return total.hexdigest()


def _resolved(schema: dict) -> dict:
    if "$ref" in schema:
        return DESCRIPTION["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
    for choices in ("anyOf", "oneOf"):
        if choices in schema:
            return _resolved(schema[choices][0])
    return schema


def _sample(name: str, schema: dict):
    """A value that a parameter or a field of that name may well have."""
    schema = _resolved(schema)
    if name in SAMPLES:
        return SAMPLES[name]
    if "enum" in schema or "const" in schema:
        return schema.get("const") or schema["enum"][0]
    if schema.get("type") in ("integer", "number"):
        return schema.get("minimum", schema.get("exclusiveMinimum", 0) + 1)
    if schema.get("type") == "array":
        return [_sample(name, schema.get("items", {}))]
    if schema.get("type") == "object":
        return {key: _sample(key, part) for key, part in schema.get("properties", {}).items()}
    return {"boolean": True}.get(schema.get("type"), "x" * schema.get("minLength", 1))


def _address(path: str, facts: dict, given: dict[str, str] | None = None) -> str:
    """The address of a route with sample values, some of them replaced by raw text."""
    given, query = given or {}, []
    for part in facts.get("parameters", []):
        name = part["name"]
        value = given.get(name, quote(str(_sample(name, part.get("schema", {}))), safe=""))
        if part["in"] == "path":
            path = path.replace("{" + name + "}", value)
        elif part.get("required") or name in given:
            query.append(f"{name}={value}")
    return path + (f"?{'&'.join(query)}" if query else "")


def _body(facts: dict) -> dict:
    content = facts.get("requestBody", {}).get("content", {}).get("application/json", {})
    return _sample("", content.get("schema", {"type": "object"}))


def _check(reply) -> None:
    """A reply has its headers, and a refusal is one sentence and no more."""
    for name, value in HEADERS.items():
        assert reply.headers[name] == value, (name, reply.request.url)
    assert "frame-ancestors" in reply.headers["content-security-policy"]
    assert "frame-ancestors *" not in reply.headers["content-security-policy"]
    assert "unsafe" not in reply.headers["content-security-policy"].partition("style-src")[0]
    assert "access-control-allow-origin" not in reply.headers
    assert "server" not in reply.headers
    if reply.status_code >= 400 and reply.request.method != "HEAD":
        said = reply.json()
        assert set(said) == {"sentence"}, said
        assert "Traceback" not in said["sentence"]
        assert "\n" not in said["sentence"]


def _check_refused(reply, nasty: str) -> None:
    _check(reply)
    assert reply.status_code < 500, (reply.status_code, reply.request.url, reply.text[:300])
    if reply.status_code >= 400 and len(nasty) > 30:
        assert nasty not in reply.text, "the sentence repeats what was sent"


def test_every_route_is_described_and_none_is_hidden(anna):
    there = {route.path for route in anna.app.routes if getattr(route, "methods", None)}
    there |= {
        route.path
        for part in anna.app.routes
        for route in getattr(getattr(part, "original_router", None), "routes", [])
    }
    assert {path for path in there if path.startswith("/api")} <= {
        *DESCRIPTION["paths"],
        "/api/openapi.json",
    } | {path.removeprefix("/api") for path in DESCRIPTION["paths"]}
    for path in ("/docs", "/redoc", "/openapi.json", "/docs/oauth2-redirect"):
        assert anna.get(path).status_code == 404


@pytest.mark.parametrize(("method", "path", "facts"), ROUTES, ids=NAMES)
def test_nobody_comes_in_without_a_session(stranger, method, path, facts):
    if path in OPEN_PATHS:
        return
    for cookie in ("", "nonsense", "eyJieSI6ImxpbmsiLCJyZWFkZXIiOiJhbm5hIn0.awXlug.AAAA"):
        name = stranger.app.state.door.cookie_name
        reply = stranger.request(
            method,
            _address(path, facts),
            content=b"{}",
            headers={**WRITES, "cookie": f"{name}={cookie}"},
        )
        assert reply.status_code == 401
        _check(reply)


def test_nobody_reads_the_description_without_a_session(stranger):
    for path in ("/api/openapi.json", "/api/unknown", "/api/", "/api/docs"):
        assert stranger.get(path).status_code == 401


@pytest.mark.parametrize(("method", "path", "facts"), ROUTES, ids=NAMES)
def test_another_name_of_the_server_is_refused(anna, method, path, facts):
    for host in ("evil.example", "evil.example:8411", "127.0.0.1", "127.0.0.1:80", f"{HOST}.", ""):
        headers = {**WRITES, "host": host}
        reply = anna.request(method, _address(path, facts), content=b"{}", headers=headers)
        assert reply.status_code == 421
        _check(reply)


@pytest.mark.parametrize(("method", "path", "facts"), ROUTES, ids=NAMES)
def test_another_page_changes_and_reads_nothing(anna, study, method, path, facts):
    before, address = _rows(study), _address(path, facts)
    if method not in READS:
        for origin in (
            None,
            "null",
            "http://evil.example",
            "http://127.0.0.1:9999",
            f"https://{HOST}",
        ):
            headers = {"content-type": "application/json"} | ({"origin": origin} if origin else {})
            reply = anna.request(method, address, content=b"{}", headers=headers)
            assert reply.status_code == 403
            _check(reply)
        for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""):
            headers = {**WRITES, "content-type": kind}
            assert anna.request(method, address, content=b"{}", headers=headers).status_code == 415
    if path != "/api/enter":
        for site in ("cross-site", "same-site"):
            headers = {**WRITES, "sec-fetch-site": site}
            reply = anna.request(method, address, content=b"{}", headers=headers)
            assert reply.status_code == 403
            _check(reply)
    assert _rows(study) == before


@pytest.mark.parametrize(("method", "path", "facts"), ROUTES, ids=NAMES)
def test_reading_changes_no_row(anna, study, method, path, facts):
    if method not in READS:
        return
    before = _rows(study)
    for extra in ("", "callback=alert"):
        address = _address(path, facts)
        address += f"{'&' if '?' in address else '?'}{extra}" if extra else ""
        reply = anna.request(method, address, headers={"origin": "http://evil.example"})
        _check(reply)
        assert not reply.content.startswith((b"alert", b"/**/")), "it answers as a script"
        assert reply.status_code < 500, reply.text
    assert _rows(study) == before


@pytest.mark.parametrize(("method", "path", "facts"), ROUTES, ids=NAMES)
def test_no_address_however_odd_is_a_fault_of_the_server(anna, study, method, path, facts):
    before = _rows(study)
    for part in facts.get("parameters", []):
        for nasty in NASTY:
            address = _address(path, facts, {part["name"]: nasty})
            reply = anna.request(method, address, content=b"{}", headers=WRITES)
            _check_refused(reply, nasty)
            assert b"root:x" not in reply.content
    for other in {"get", "post", "put", "patch", "delete", "trace", "options"} - {method}:
        if other not in DESCRIPTION["paths"][path]:
            reply = anna.request(other, _address(path, facts), content=b"{}", headers=WRITES)
            assert reply.status_code in (404, 405, 422), other
            _check(reply)
    if method in READS:
        assert _rows(study) == before


@pytest.mark.parametrize(("method", "path", "facts"), ROUTES, ids=NAMES)
def test_no_body_however_odd_is_a_fault_of_the_server(anna, method, path, facts):
    if method in READS:
        return
    address, sample = _address(path, facts), _body(facts)
    for body in BODIES:
        reply = anna.request(method, address, content=body, headers=WRITES)
        _check_refused(reply, "a" * 40)
        if "requestBody" in facts:
            assert reply.status_code >= 400, body[:60]
    for field in sample if isinstance(sample, dict) else ():
        for value in VALUES:
            body = json.dumps({**sample, field: value})
            _check_refused(anna.request(method, address, content=body, headers=WRITES), "x" * 5000)


def test_a_page_of_odd_address_is_no_fault_either(anna):
    for nasty in NASTY:
        for path in ("/", "/assets/", "/index.html/", "/api/slides/x/"):
            reply = anna.get(f"{path}{nasty}")
            assert reply.status_code < 500
            assert b"root:x" not in reply.content
            _check(reply)
