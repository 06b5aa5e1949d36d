"""A chain of events shows what was changed, moved or removed, its last event too."""

import hashlib
import json

import pytest
from sqlalchemy import BigInteger, Column, MetaData, String, Table, create_engine, insert, text

from rimlight.errors import StudyError
from rimlight.io.event_chain import EventChain
from rimlight.io.schema import NO_HASH

_META = MetaData()
_CHAIN = EventChain(
    kind="act",
    events=Table(
        "acts",
        _META,
        Column("seq", BigInteger, primary_key=True, autoincrement=False),
        Column("what", String, nullable=False),
        Column("recorded_at", String, nullable=False),
        Column("previous_hash", String, nullable=False),
        Column("hash", String, nullable=False),
    ),
    head=Table(
        "act_head", _META, Column("n_events", BigInteger), Column("hash", String, nullable=False)
    ),
)


@pytest.fixture
def engine():
    engine = create_engine("sqlite://")
    with engine.begin() as connection:
        _META.create_all(connection)
        connection.execute(insert(_CHAIN.head).values(n_events=0, hash=NO_HASH))
        _CHAIN.append(connection, [{"what": "a"}, {"what": "b"}])
        _CHAIN.append(connection, [])
        _CHAIN.append(connection, [{"what": "c"}])
    yield engine
    engine.dispose()


def test_each_event_holds_the_hash_of_the_one_before(engine):
    with engine.begin() as connection:
        rows = connection.execute(_CHAIN.events.select()).all()
    assert [(row.seq, row.what) for row in rows] == [(1, "a"), (2, "b"), (3, "c")]
    before = "0" * 64
    for row in rows:
        own = {"seq": row.seq, "what": row.what, "recorded_at": row.recorded_at}
        told = json.dumps(own, sort_keys=True, separators=(",", ":"))
        assert row.previous_hash == before
        assert row.hash == hashlib.sha256(f"{before}\n{told}".encode()).hexdigest()
        before = row.hash
    assert _CHAIN.verify(engine) == 3


@pytest.mark.parametrize(
    ("act", "place"),
    [
        ("UPDATE acts SET what = 'x' WHERE seq = 2", 2),
        ("UPDATE acts SET recorded_at = '2000' WHERE seq = 1", 1),
        ("DELETE FROM acts WHERE seq = 1", 1),
        ("DELETE FROM acts WHERE seq = 3", 3),
        ("UPDATE acts SET seq = 7 WHERE seq = 3", 3),
        ("UPDATE act_head SET hash = 'x'", 4),
    ],
)
def test_the_first_event_that_is_not_as_it_was_written_is_named(engine, act, place):
    with engine.begin() as connection:
        connection.execute(text(act))
    with pytest.raises(StudyError, match=f"^act event {place}: .*restore the study"):
        _CHAIN.verify(engine)


def test_a_chain_without_its_head_is_refused(engine):
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM act_head"))
        with pytest.raises(StudyError, match="the head of the act events is missing"):
            _CHAIN.append(connection, [{"what": "d"}])
