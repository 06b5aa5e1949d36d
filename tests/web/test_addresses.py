"""Where a server may listen, and by which names it answers."""

import json
import signal
import subprocess
import sys

import pytest

from rimlight.errors import RimlightError, StudyError
from rimlight.io.accounts import add_account, set_role
from rimlight.web.addresses import Address
from rimlight.web.entrance import door_of_server
from rimlight.workflows.sole_use import alone
from small_studies import study_of
from surroundings import need_page
from web_clients import PASSWORD


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "::", "fe80::1"])
def test_beyond_this_computer_nobody_is_served_without_accounts(host):
    with pytest.raises(RimlightError, match="add --accounts"):
        Address(host=host)
    assert Address(host=host, has_accounts=True).is_open_text
    assert not Address(host=host, has_accounts=True, tls_name="wb.example").is_open_text


@pytest.mark.parametrize("name", ["wb.example", "wb.example:8443"])
def test_a_name_for_others_needs_accounts(name):
    with pytest.raises(RimlightError, match="--accounts"):
        Address(tls_name=name)
    with pytest.raises(RimlightError, match="--accounts"):
        Address(names=(name,))


@pytest.mark.parametrize(
    "given",
    [
        {"host": "lab-pc"}, {"host": ""}, {"names": ("https://wb.example",)}, {"names": ("*",)},
        {"names": ("a/b",)}, {"tls_name": "evil.example evil"}, {"tls_name": "wb.example/x"},
    ],
)  # fmt: skip
def test_what_is_no_address_and_no_name_is_refused(given):
    with pytest.raises(RimlightError):
        Address(has_accounts=True, **given)


def test_a_server_answers_to_its_own_names_alone():
    assert Address().host_names(8411) == {"127.0.0.1:8411", "localhost:8411"}
    team = Address(host="0.0.0.0", has_accounts=True, names=("Lab-PC", "wb.example:80"))
    assert team.host_names(8411) == {
        "127.0.0.1:8411", "localhost:8411", "lab-pc:8411", "wb.example:80",
    }  # fmt: skip
    assert Address(host="::1").host_names(1) == {
        "127.0.0.1:1", "localhost:1", "[::1]:1",
    }  # fmt: skip
    behind = Address(has_accounts=True, tls_name="wb.example")
    assert behind.host_names(8411) == {"wb.example", "wb.example:443"}
    assert behind.url(8411) == "https://wb.example"
    other = Address(has_accounts=True, tls_name="wb.example:8443")
    assert other.host_names(8411) == {"wb.example:8443"}
    plain = Address(host="10.0.0.5", has_accounts=True).host_names(80)
    assert plain == {"10.0.0.5", "10.0.0.5:80"}


def test_a_taken_port_gives_way_to_the_next(tmp_path):
    with Address().listener() as first:
        number = first.getsockname()[1]
        with Address(port=number).listener() as second:
            assert second.getsockname()[1] > number
            assert second.getsockname()[0] == "127.0.0.1"


def test_a_team_without_an_owner_is_not_served(tmp_path):
    study = study_of(tmp_path / "study")
    add_account(study.engine, "ben", password=PASSWORD, role="reader", by="root")
    address = Address(has_accounts=True)
    facts = {"number": 1, "tell": print}
    with pytest.raises(StudyError, match="rimlight accounts add"):
        door_of_server(study, address, reader=None, **facts)
    set_role(study.engine, "ben", role="owner", by="root")
    with pytest.raises(RimlightError, match="leave --reader out"):
        door_of_server(study, address, reader="ben", **facts)
    door = door_of_server(study, address, reader=None, **facts)
    assert door.sign_ins is not None
    assert not door.token


def test_a_study_is_served_once_and_the_second_server_names_the_first(tmp_path):
    study = study_of(tmp_path / "study")
    with alone(study.folder, port=8411):
        second = alone(study.folder, port=8412)
        with pytest.raises(StudyError, match=r"served already, by process \d+ on .*port 8411"):
            second.__enter__()
    with alone(study.folder, port=8412):
        pass


def _serve(folder, *options):
    command = [
        sys.executable, "-m", "rimlight.cli.main", "serve", str(folder), "--no-open", "--json",
        "--port", "0", *options,
    ]  # fmt: skip
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.fixture
def page(tmp_path, monkeypatch):
    """Skip where the page was not built, because the program serves nothing without it."""
    need_page()


def test_the_program_refuses_to_serve_strangers_in_one_line(tmp_path, page):
    study_of(tmp_path / "study")
    for options in (["--host", "0.0.0.0"], ["--tls-proxy", "wb.example"], ["--accounts"]):
        process = _serve(tmp_path / "study", *options)
        out, told = process.communicate(timeout=60)
        assert process.returncode == 2
        assert json.loads(out)["ok"] is False
        assert len(told.strip().splitlines()) == 1
        assert told.startswith("rimlight: ")


def test_a_server_that_was_killed_does_not_keep_the_next_one_out(tmp_path, page):
    study_of(tmp_path / "study")
    first = _serve(tmp_path / "study")
    port = json.loads(first.stdout.readline())["link"].split(":")[2].split("/")[0]
    second = _serve(tmp_path / "study")
    _, told = second.communicate(timeout=60)
    assert f"port {port}" in told
    first.send_signal(signal.SIGKILL)
    first.communicate()
    third = _serve(tmp_path / "study")
    try:
        assert "enter?token=" in json.loads(third.stdout.readline())["link"]
    finally:
        third.terminate()
        third.communicate(timeout=60)
