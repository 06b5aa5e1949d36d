"""Numbered steps from one schema version to the next, forward only, each after a backup."""

from collections.abc import Callable

from sqlalchemy import Connection, insert, select, text, update

from rimlight.io.schema import (
    ACT_TRIGGERS,
    CONTROL_TRIGGERS,
    LABELS_OF_SLIDE,
    NO_HASH,
    REGION_TRIGGERS,
    SCHEMA_VERSION,
    accounts_table,
    act_events_table,
    act_head_table,
    assignment_cells_table,
    assignments_table,
    control_events_table,
    control_head_table,
    region_events_table,
    region_head_table,
    round_cells_table,
    rounds_table,
    schema_table,
)

Step = Callable[[Connection], None]


def bring_up_to_date(connection: Connection) -> int:
    """Take every missing step within the caller's transaction, and note the new version.

    The version is read again here, because another program may have been faster.

    Returns:
        The version before.
    """
    version = int(connection.scalars(select(schema_table.c.version)).one())
    for number in range(version, SCHEMA_VERSION):
        _STEPS[number](connection)
        connection.execute(update(schema_table).values(version=number + 1))
    return version


def _add_rounds(connection: Connection) -> None:
    """1 to 2: rounds of cells to label next."""
    rounds_table.create(connection)
    round_cells_table.create(connection)


def _add_regions_and_controls(connection: Connection) -> None:
    """2 to 3: regions, cores and tissue controls, append-only as labels are."""
    for table in (region_events_table, control_events_table):
        table.create(connection)
    for head in (region_head_table, control_head_table):
        head.create(connection)
        connection.execute(insert(head).values(n_events=0, hash=NO_HASH))
    for trigger in REGION_TRIGGERS + CONTROL_TRIGGERS:
        connection.execute(text(trigger))


def _add_workbench(connection: Connection) -> None:
    """3 to 4: acts beside labels, cells assigned to readers, accounts; labels by slide."""
    for table in (
        act_events_table,
        act_head_table,
        assignments_table,
        assignment_cells_table,
        accounts_table,
    ):
        table.create(connection)
    LABELS_OF_SLIDE.create(connection)
    connection.execute(insert(act_head_table).values(n_events=0, hash=NO_HASH))
    for trigger in ACT_TRIGGERS:
        connection.execute(text(trigger))


_STEPS: dict[int, Step] = {1: _add_rounds, 2: _add_regions_and_controls, 3: _add_workbench}
