"""A team over HTTP: who may what, and that a session ends when it should."""

import pytest

from rimlight.io.accounts import add_account, set_password
from rimlight.io.journal import append_labels
from small_studies import label_of, slide_info, study_of
from web_clients import (
    PASSWORD,
    TOKEN,
    WRITES,
    Clock,
    client_of,
    enter,
    link_door,
    sign_in,
    team_door,
)

OTHER = "quiet brown microscope"


@pytest.fixture
def study(tmp_path):
    study = study_of(tmp_path / "study", slide_info("s1"))
    add_account(study.engine, "anna", password=PASSWORD, role="owner", by="root")
    add_account(study.engine, "ben", password=PASSWORD, role="reader", by="root")
    append_labels(study.engine, [label_of(1)])
    return study


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def anna(study, clock):
    with client_of(study, team_door(study, clock=clock)) as client:
        assert sign_in(client, "anna").status_code == 200
        yield client


@pytest.fixture
def ben(study, anna):
    with client_of(study, anna.app.state.door) as client:
        assert sign_in(client, "ben").status_code == 200
        yield client


def _post(client, path, **body):
    return client.post(path, json=body, headers=WRITES)


def test_a_person_signs_in_under_the_own_name_and_role(anna, ben):
    assert anna.get("/api/session").json()["role"] == "owner"
    said = ben.get("/api/session").json()
    assert (said["reader"], said["role"], said["is_local"]) == ("ben", "reader", False)


def test_what_is_wrong_is_not_said(study):
    with client_of(study, team_door(study)) as client:
        said = {sign_in(client, *given).text for given in (("anna", "x"), ("nobody", PASSWORD))}
        assert len(said) == 1
        assert sign_in(client, "nobody").status_code == 401
        assert not client.cookies


def test_a_link_is_worth_nothing_where_everybody_signs_in(study):
    door = team_door(study, token=TOKEN)
    with client_of(study, door) as client:
        assert client.get("/api/ways-in").json() == {"has_accounts": True}
        assert client.get("/api/enter", params={"token": TOKEN}).status_code == 401
        with client_of(study, link_door()) as local:
            enter(local)
            cookie = local.cookies[local.app.state.door.cookie_name]
        client.cookies.set(door.cookie_name, cookie)
        assert client.get("/api/session").status_code == 401


def test_a_password_is_worth_nothing_where_one_person_comes_by_a_link(study):
    with client_of(study, link_door()) as client:
        assert client.get("/api/ways-in").json() == {"has_accounts": False}
        assert sign_in(client, "anna").status_code == 403


def test_nobody_registers(study):
    with client_of(study, team_door(study)) as client:
        reply = _post(client, "/api/accounts", name="eve", password=PASSWORD, role="owner")
        assert reply.status_code == 401


def test_a_reader_keeps_no_accounts(ben):
    assert ben.get("/api/accounts").status_code == 403
    for path, body in (
        ("/api/accounts", {"name": "eve", "password": PASSWORD, "role": "owner"}),
        ("/api/accounts/ben/role", {"role": "owner"}),
        ("/api/accounts/anna/active", {"is_active": False}),
        ("/api/accounts/anna/password", {"password": OTHER}),
        ("/api/link", {}),
    ):
        assert _post(ben, path, **body).status_code == 403, path


def test_an_owner_adds_a_reader_who_signs_in_at_once(study, anna):
    reply = _post(anna, "/api/accounts", name="Dr. Zoë O'Hara", password=OTHER, role="reader")
    assert reply.status_code == 201
    assert set(reply.json()) == {"name", "role", "is_active", "made_at"}
    with client_of(study, anna.app.state.door) as client:
        assert sign_in(client, "Dr. Zoë O'Hara", OTHER).json()["reader"] == "Dr. Zoë O'Hara"
    names = [each["name"] for each in anna.get("/api/accounts").json()]
    assert names == ["Dr. Zoë O'Hara", "anna", "ben"]


def test_a_disabled_account_is_out_with_the_next_request_and_its_labels_stay(study, anna, ben):
    assert _post(anna, "/api/accounts/ben/active", is_active=False).json()["is_active"] is False
    assert ben.get("/api/session").status_code == 401
    assert sign_in(ben, "ben").status_code == 401
    _post(anna, "/api/accounts/ben/active", is_active=True)
    assert ben.get("/api/session").status_code == 401, "an old cookie must not come back to life"
    assert sign_in(ben, "ben").status_code == 200


def test_a_new_password_signs_out_everywhere_but_here(study, anna, ben):
    with client_of(study, anna.app.state.door) as elsewhere:
        sign_in(elsewhere, "ben")
        reply = _post(ben, "/api/accounts/ben/password", password=OTHER, present="wrong one here")
        assert reply.status_code == 403
        assert _post(ben, "/api/accounts/ben/password", password=OTHER).status_code == 403
        reply = _post(ben, "/api/accounts/ben/password", password=OTHER, present=PASSWORD)
        assert reply.status_code == 200
        assert ben.get("/api/session").status_code == 200
        assert elsewhere.get("/api/session").status_code == 401
        assert sign_in(elsewhere, "ben", OTHER).status_code == 200


def test_an_owner_gives_a_new_password_to_who_forgot_it(anna, ben):
    assert _post(anna, "/api/accounts/ben/password", password=OTHER).status_code == 200
    assert ben.get("/api/session").status_code == 401
    assert sign_in(ben, "ben", OTHER).status_code == 200


def test_a_change_made_by_another_program_is_seen_within_seconds(study, anna, ben, clock):
    set_password(study.engine, "ben", password=OTHER, by="root")
    clock.now_s += 2.1
    assert ben.get("/api/session").status_code == 401


def test_a_role_holds_from_the_next_request(anna, ben):
    assert _post(anna, "/api/accounts/ben/role", role="owner").status_code == 200
    assert ben.get("/api/accounts").status_code == 200
    assert _post(ben, "/api/accounts/anna/role", role="reader").status_code == 200
    assert anna.get("/api/accounts").status_code == 403


def test_too_many_failures_are_answered_with_how_long_to_wait(anna, clock):
    with client_of(anna.app.state.workbench.study, anna.app.state.door) as eve:
        for _ in range(5):
            assert sign_in(eve, "anna", "guess guess guess").status_code == 401
        reply = sign_in(eve, "anna", "guess guess guess")
        assert reply.status_code == 429
        assert int(reply.headers["retry-after"]) >= 1
        assert sign_in(eve, "anna").status_code == 429
        anna.post("/api/leave", headers=WRITES)
        assert sign_in(anna, "anna").status_code == 200, "her own browser is known"
        clock.now_s += 2
        assert sign_in(eve, "anna").status_code == 200, "nobody is locked out for good"


def test_the_person_at_this_computer_opens_one_more_browser(study):
    with client_of(study, link_door()) as local:
        enter(local)
        link = local.post("/api/link", content=b"{}", headers=WRITES).json()["link"]
        with client_of(study, local.app.state.door) as other:
            assert other.get(link).status_code == 303
            assert other.get("/api/session").json()["reader"] == "anna"
            assert other.get(link).status_code == 303, "the same browser may open it again"
        with client_of(study, local.app.state.door) as third:
            assert third.get(link).status_code == 401


@pytest.mark.parametrize("name", ["..%2f..", "%00", "a%2fb", "no one", "%3Cimg%3E", "x" * 300])
def test_an_account_is_a_key_and_never_a_path(anna, name):
    reply = anna.post(f"/api/accounts/{name}/active", json={"is_active": False}, headers=WRITES)
    assert 400 <= reply.status_code < 500
    assert "img" not in reply.text
