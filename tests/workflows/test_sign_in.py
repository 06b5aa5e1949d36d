"""Guessing is slowed down, and nobody is locked out for good."""

import threading

import pytest

from rimlight.io.accounts import add_account, set_active, set_role
from rimlight.workflows.sign_in import (
    FREE_TRIES,
    LONGEST_WAIT_S,
    SignInError,
    SignIns,
    SlowDownError,
)
from small_studies import study_of
from web_clients import PASSWORD, Clock


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def sign_ins(tmp_path, clock):
    study = study_of(tmp_path / "study")
    add_account(study.engine, "anna", password=PASSWORD, role="owner", by="root")
    add_account(study.engine, "ben", password=PASSWORD, role="reader", by="root")
    return SignIns(study=study, clock=clock)


def _fail(sign_ins, name="anna", **where):
    with pytest.raises(SignInError):
        sign_ins.sign_in(name, "a wrong password", **where)


def test_after_some_failures_the_next_try_must_wait_twice_as_long_each_time(sign_ins, clock):
    for _ in range(FREE_TRIES):
        _fail(sign_ins)
    for wait_s in (1, 2, 4, 8):
        with pytest.raises(SlowDownError) as caught:
            sign_ins.sign_in("anna", PASSWORD)
        assert caught.value.wait_s == pytest.approx(wait_s)
        clock.now_s += wait_s
        _fail(sign_ins)


def test_nobody_waits_longer_than_a_minute_and_the_right_password_ends_it(sign_ins, clock):
    for _ in range(40):
        _fail(sign_ins)
        clock.now_s += LONGEST_WAIT_S
    assert sign_ins.sign_in("anna", PASSWORD).name == "anna"
    for _ in range(FREE_TRIES):
        _fail(sign_ins)


def test_guessing_one_name_does_not_slow_another(sign_ins):
    for _ in range(FREE_TRIES):
        _fail(sign_ins)
    assert sign_ins.sign_in("ben", PASSWORD).name == "ben"


def test_a_known_browser_is_not_kept_out_by_who_guesses_elsewhere(sign_ins):
    for _ in range(FREE_TRIES):
        _fail(sign_ins, "anna")
    with pytest.raises(SlowDownError):
        sign_ins.sign_in("anna", PASSWORD)
    assert sign_ins.sign_in("anna", PASSWORD, browser="hers").name == "anna"


def test_tries_at_the_same_moment_count_one_by_one(sign_ins):
    outcomes = []

    def guess() -> None:
        try:
            sign_ins.sign_in("anna", "a wrong password")
        except (SignInError, SlowDownError) as error:
            outcomes.append(type(error))

    threads = [threading.Thread(target=guess) for _ in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(outcomes) == 24
    assert outcomes.count(SignInError) <= FREE_TRIES + 1


def test_an_account_is_asked_for_once_in_a_while_and_a_change_is_seen(sign_ins, clock):
    assert sign_ins.account("ben").role == "reader"
    set_role(sign_ins.study.engine, "ben", role="owner", by="anna")
    assert sign_ins.account("ben").role == "reader"
    clock.now_s += 2.1
    assert sign_ins.account("ben").role == "owner"
    set_active(sign_ins.study.engine, "ben", is_active=False, by="anna")
    sign_ins.forget()
    assert sign_ins.account("ben") is None
    assert sign_ins.account("nobody") is None
