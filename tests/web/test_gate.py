"""The gate before every route, over a real socket where a test client would tidy up the request."""

import asyncio
import json
import logging
import socket
import stat
import threading
from contextlib import contextmanager

import pytest
import uvicorn

from rimlight.errors import StorageError
from rimlight.io.session_keys import session_key
from rimlight.web.app import create_app
from rimlight.web.failures import failure_of
from rimlight.web.requests import MAX_BODY_BYTES
from rimlight.web.workbench import Workbench
from small_studies import slide_info, study_of
from web_clients import HOST, TOKEN, WRITES, client_of, enter, link_door


@pytest.fixture
def study(tmp_path):
    return study_of(tmp_path / "study", slide_info("s1"))


@pytest.fixture
def anna(study):
    with client_of(study, link_door()) as client:
        enter(client)
        yield client


@contextmanager
def _served(study, **changes):
    """The address of a server of the study, run as ``rimlight serve`` does."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        number = listener.getsockname()[1]
        door = link_door(names=frozenset((f"127.0.0.1:{number}",)), **changes)
        app = create_app(Workbench(study=study), door=door)
        server = uvicorn.Server(
            uvicorn.Config(app, log_level="warning", access_log=False, proxy_headers=False)
        )
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield number, door
        finally:
            server.should_exit = True
            thread.join()


def _asked(port: int, request: bytes, *, then: bytes = b"") -> tuple[int, bytes]:
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(request)
        if then:
            connection.sendall(then)
        got = b""
        while part := connection.recv(65536):
            got += part
    return int(got.split(b" ", 2)[1]), got


def _request(port: int, line: str, *headers: str, body: bytes = b"") -> bytes:
    lines = [f"{line} HTTP/1.1", f"Host: 127.0.0.1:{port}", "Connection: close", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def test_a_link_works_once_and_the_next_one_is_printed(study):
    told = []
    with client_of(study, link_door(tell=told.append)) as first:
        enter(first)
        with client_of(study, first.app.state.door) as second:
            refused = second.get("/api/enter", params={"token": TOKEN})
            assert refused.status_code == 401
            assert "used already" in refused.json()["sentence"]
            enter(second, told[0])
        assert first.get("/api/enter", params={"token": TOKEN}).headers["location"] == "/"
    assert len(set(told)) == 2


def test_a_used_link_is_explained_on_a_page_where_a_person_opens_it(study):
    with client_of(study, link_door()) as client:
        reply = client.get("/api/enter?token=old", headers={"accept": "text/html,*/*"})
        assert reply.status_code == 401
        assert reply.headers["content-type"].startswith("text/html")
        assert "used already" in reply.text


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(study):
    with client_of(study, link_door()) as client:
        said = client.get("/api/enter", params={"token": TOKEN}).headers["set-cookie"]
        assert "HttpOnly" in said
        assert "SameSite=strict" in said
        assert TOKEN not in said
    secure = link_door(is_https=True, names=frozenset(("wb.hospital.example",)))
    with client_of(study, secure, base="https://wb.hospital.example") as client:
        reply = client.get("/api/enter", params={"token": TOKEN})
        assert reply.headers["set-cookie"].startswith("__Host-")
        assert "Secure" in reply.headers["set-cookie"]
        assert "max-age" in reply.headers["strict-transport-security"]


def test_who_left_is_not_let_in_by_the_old_cookie(anna):
    kept = dict(anna.cookies)
    assert anna.post("/api/leave", headers=WRITES).status_code == 204
    assert not anna.cookies
    anna.cookies.update(kept)
    assert anna.get("/api/session").status_code == 401


def test_two_studies_on_one_computer_do_not_sign_each_other_out():
    assert link_door().cookie_name != link_door(key="l" * 32).cookie_name


def test_a_key_is_made_once_for_a_study_and_only_its_user_reads_it(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    first = session_key(tmp_path / "study")
    assert session_key(tmp_path / "study") == first
    assert session_key(tmp_path / "other") != first
    files = list((tmp_path / "state" / "rimlight" / "session-keys").iterdir())
    assert [stat.S_IMODE(file.stat().st_mode) for file in files] == [0o600, 0o600]
    assert not (tmp_path / "study").exists(), "a key that lies in the study is sent with it"
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "another user"))
    assert session_key(tmp_path / "study") != first


def test_a_key_that_others_could_read_is_replaced(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    first = session_key(tmp_path / "study")
    (file,) = (tmp_path / "rimlight" / "session-keys").iterdir()
    file.chmod(0o644)
    second = session_key(tmp_path / "study")
    assert second != first
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    file.write_text("short")
    assert session_key(tmp_path / "study") not in (first, second, "short")


def test_a_body_too_large_is_refused_before_it_is_read(study):
    with _served(study) as (port, door):
        cookie = f"Cookie: {door.cookie_name}={door.cookie_for(TOKEN)}"
        headers = [f"Origin: http://127.0.0.1:{port}", "Content-Type: application/json", cookie]
        said = _request(port, "POST /api/accounts", *headers, "Content-Length: 50000000")
        status, got = _asked(port, said)
        assert status == 413
        assert b"nosniff" in got
        chunk = b"8000\r\n" + b" " * 0x8000 + b"\r\n"
        begun = _request(port, "POST /api/accounts", *headers, "Transfer-Encoding: chunked")
        n_chunks = MAX_BODY_BYTES // 0x8000 + 1
        # The last chunk never comes: the answer does.
        status, _ = _asked(port, begun, then=chunk * n_chunks)
        assert status == 413


def test_a_stranger_is_refused_before_the_body_is_read(study):
    with _served(study) as (port, _):
        headers = [f"Origin: http://127.0.0.1:{port}", "Content-Type: application/json"]
        request = _request(port, "POST /api/accounts", *headers, "Content-Length: 1000")
        assert _asked(port, request)[0] == 401


@pytest.mark.parametrize(
    "target",
    [
        "/api/slides/..%2f..%2f..%2fetc%2fpasswd", "/..%2f..%2fetc/passwd", "/../../etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd", "/..%5c..%5cetc", "/api/slides/%00", "//etc/passwd",
        "/api/slides/../session", "/api/./session", "http://evil.example/api/session",
    ],
)  # fmt: skip
def test_no_path_leads_outside(study, target):
    with _served(study) as (port, door):
        cookie = f"Cookie: {door.cookie_name}={door.cookie_for(TOKEN)}"
        status, got = _asked(port, _request(port, f"GET {target}", cookie))
        assert status in (400, 401, 404)
        assert b"root:" not in got
        assert b"anna" not in got


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "localhost:1", "127.0.0.1:%d@evil"])
def test_a_name_that_was_made_to_point_here_is_refused(study, host):
    with _served(study) as (port, _):
        host = host % port if "%d" in host else host
        request = f"GET /api/health HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
        assert _asked(port, request.encode())[0] in (400, 421)
        two = f"GET /api/health HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nHost: {host}\r\n\r\n"
        assert _asked(port, two.encode())[0] == 400


def test_nothing_that_a_proxy_could_say_is_believed(study):
    with _served(study) as (port, _):
        headers = ["X-Forwarded-Host: evil.example", "X-Forwarded-Proto: https", "X-Real-IP: ::1"]
        status, got = _asked(port, _request(port, "GET /api/session", *headers))
        assert status == 401
        assert b"evil" not in got


def test_a_websocket_is_closed(study):
    door = link_door()
    app = create_app(Workbench(study=study), door=door)
    sent = []

    async def keep(message):
        sent.append(message)

    asyncio.run(app({"type": "websocket", "path": "/", "headers": []}, None, keep))
    assert sent == [{"type": "websocket.close", "code": 1008}]


def test_the_log_holds_no_token_no_cookie_and_nothing_that_was_sent(study, caplog, capfd):
    caplog.set_level(logging.DEBUG)
    with _served(study) as (port, door):
        _, got = _asked(port, _request(port, f"GET /api/enter?token={TOKEN}"))
        cookie = got.split(f"{door.cookie_name}=".encode())[1].split(b";")[0].decode()
        headers = [
            f"Origin: http://127.0.0.1:{port}", "Content-Type: application/json",
            f"Cookie: {door.cookie_name}={cookie}",
        ]  # fmt: skip
        body = json.dumps({"name": "ben", "password": "a secret phrase", "role": "captain"})
        request = _request(port, "POST /api/accounts", *headers, f"Content-Length: {len(body)}")
        status, got = _asked(port, request, then=body.encode())
        assert status == 422
        assert b"secret phrase" not in got
        assert b"captain" not in got
        _asked(port, b"GET /api/enter?token=" + TOKEN.encode() + b" HTTP/9\r\n\r\n")
    written = caplog.text + "".join(capfd.readouterr())
    for secret in (TOKEN, cookie, "secret phrase", "api/enter"):
        assert secret not in written


def test_an_error_that_nobody_foresaw_is_a_number_with_the_same_headers(study, anna, caplog):
    def broken() -> None:
        raise ValueError("/home/anna/secret.svs is broken")

    anna.app.router.add_api_route("/api/broken", broken)
    reply = anna.get("/api/broken")
    assert reply.status_code == 500
    assert reply.json()["sentence"].startswith("error ")
    assert "secret" not in reply.text
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert reply.json()["sentence"].split()[1].rstrip(":") in caplog.text


def test_a_sentence_tells_no_folder_of_the_server():
    error = StorageError("/srv/study/rimlight.db: the disk is full; free some space")
    reply = failure_of(error)
    assert reply.status_code == 507
    assert json.loads(reply.body) == {"sentence": "rimlight.db: the disk is full; free some space"}
    windows = failure_of(StorageError(r"C:\Users\anna\study\rimlight.db: locked"))
    assert json.loads(windows.body) == {"sentence": "rimlight.db: locked"}


def test_a_text_too_long_for_its_field_is_refused(anna):
    body = json.dumps({"name": "x" * (MAX_BODY_BYTES - 100), "password": "p", "role": "reader"})
    assert anna.post("/api/accounts", content=body, headers=WRITES).status_code == 422
    assert anna.get("/api/health").json() == {"is_up": True}


def test_the_host_is_compared_without_regard_to_case(study):
    with client_of(study, link_door(names=frozenset(("lab-pc:8411",)))) as client:
        assert client.get("/api/health", headers={"host": "LAB-PC:8411"}).status_code == 200
        assert client.get("/api/health", headers={"host": HOST}).status_code == 421
