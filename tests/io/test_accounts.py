"""Accounts: passwords as hashes only, every change an act, and never a study without an owner."""

import json

import pytest
from sqlalchemy import select

from rimlight.errors import AccountError
from rimlight.io.accounts import (
    account_named,
    accounts,
    add_account,
    fitting_account,
    set_active,
    set_password,
    set_role,
)
from rimlight.io.acts import verify_acts
from rimlight.io.database import reading
from rimlight.io.schema import accounts_table, act_events_table
from small_studies import study_of
from web_clients import PASSWORD


@pytest.fixture
def engine(tmp_path):
    study = study_of(tmp_path / "study")
    add_account(study.engine, "anna", password=PASSWORD, role="owner", by="root")
    return study.engine


def test_a_new_study_has_no_account(tmp_path):
    assert accounts(study_of(tmp_path / "study").engine) == []


def test_a_password_is_kept_as_a_hash_that_is_salted_and_slow(engine):
    add_account(engine, "ben", password=PASSWORD, role="reader", by="anna")
    with reading(engine) as connection:
        hashes = connection.scalars(select(accounts_table.c.password_hash)).all()
    assert all(text.startswith("$argon2id$v=19$m=65536,t=3") for text in hashes)
    assert len(set(hashes)) == 2
    assert PASSWORD not in json.dumps(hashes)


def test_name_and_password_must_both_fit(engine):
    assert fitting_account(engine, "anna", password=PASSWORD).name == "anna"
    for name, password in (("anna", "wrong"), ("ben", PASSWORD), ("", PASSWORD), ("anna", "")):
        assert fitting_account(engine, name, password=password) is None
    assert fitting_account(engine, "anna", password="x\ud800" * 9) is None
    assert fitting_account(engine, "a\0", password=PASSWORD) is None


def test_one_password_typed_on_two_keyboards_is_the_same(engine):
    add_account(engine, "Zoë", password="grüner tee am morgen", role="reader", by="anna")
    assert fitting_account(engine, "Zoe\u0308", password="gru\u0308ner tee am morgen") is not None


def test_a_new_password_and_a_disabled_account_end_what_was_signed_in(engine):
    add_account(engine, "ben", password=PASSWORD, role="reader", by="anna")
    assert set_password(engine, "ben", password="another long one", by="anna").session_number == 2
    assert fitting_account(engine, "ben", password=PASSWORD) is None
    assert set_role(engine, "ben", role="owner", by="anna").session_number == 2
    assert set_active(engine, "ben", is_active=False, by="anna").session_number == 3
    assert fitting_account(engine, "ben", password="another long one") is None
    assert set_active(engine, "ben", is_active=True, by="anna").session_number == 4
    assert fitting_account(engine, "ben", password="another long one") is not None


def test_the_last_active_owner_stays(engine):
    add_account(engine, "ben", password=PASSWORD, role="reader", by="anna")
    with pytest.raises(AccountError, match="last active owner"):
        set_role(engine, "anna", role="reader", by="anna")
    with pytest.raises(AccountError, match="last active owner"):
        set_active(engine, "anna", is_active=False, by="anna")
    assert account_named(engine, "anna").is_active
    set_role(engine, "ben", role="owner", by="anna")
    assert not set_active(engine, "anna", is_active=False, by="ben").is_active


@pytest.mark.parametrize(
    "name", ["", " ", "../x", "a/b", "a\\b", "a\0", "<img>", "\u202eanna", "x" * 81, "-rf", "a\nb"]
)
def test_a_name_that_cannot_be_one_is_refused(engine, name):
    with pytest.raises(AccountError, match="a name has letters"):
        add_account(engine, name, password=PASSWORD, role="reader", by="anna")


@pytest.mark.parametrize("name", ["Anna", "anna ", "ANNA"])
def test_a_name_that_looks_like_another_is_taken(engine, name):
    with pytest.raises(AccountError, match="there already"):
        add_account(engine, name, password=PASSWORD, role="reader", by="anna")


@pytest.mark.parametrize("password", ["", "short", "aaaaaaaaaaaaaaaa", "x" * 1001, "pathologist1"])
def test_a_password_that_is_easily_guessed_is_refused(engine, password):
    with pytest.raises(AccountError, match="password"):
        add_account(engine, "pathologist1", password=password, role="reader", by="anna")
    assert account_named(engine, "pathologist1") is None


def test_every_change_is_an_act_of_who_made_it_and_holds_no_secret(engine):
    add_account(engine, "ben", password=PASSWORD, role="reader", by="anna")
    set_password(engine, "ben", password="another long one", by="ben")
    set_active(engine, "ben", is_active=False, by="anna")
    with reading(engine) as connection:
        rows = connection.execute(select(act_events_table)).all()
    assert [(row.act, row.reader, row.subject) for row in rows] == [
        ("account_added", "root", "anna"),
        ("account_added", "anna", "ben"),
        ("account_password", "ben", "ben"),
        ("account_active", "anna", "ben"),
    ]
    assert "argon2" not in "".join(row.detail for row in rows)
    assert verify_acts(engine) == 4


def test_what_is_not_there_cannot_be_changed(engine):
    for change in (
        lambda: set_password(engine, "nobody", password=PASSWORD, by="anna"),
        lambda: set_active(engine, "nobody", is_active=False, by="anna"),
        lambda: set_role(engine, "<script>", role="owner", by="anna"),
    ):
        with pytest.raises(AccountError, match="none of that name") as caught:
            change()
        assert "script" not in str(caught.value)
