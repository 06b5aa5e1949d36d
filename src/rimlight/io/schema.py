"""The tables of a study's database, as this version of rimlight makes them.

Portable types only, so that PostgreSQL by URL needs no other model. A change here needs a new
``SCHEMA_VERSION`` and a step in ``io.migrations``.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
)

SCHEMA_VERSION = 4
NO_HASH = "0" * 64
"""What stands for the hash of an event before the first."""

metadata = MetaData()

schema_table = Table("rimlight_schema", metadata, Column("version", Integer, nullable=False))

slides_table = Table(
    "slides",
    metadata,
    Column("slide_id", String, primary_key=True),
    Column("case_id", String, nullable=False),
    Column("path", String, nullable=False),
    Column("fingerprint", String, nullable=False),
    Column("format", String, nullable=False),
    Column("width_l0", BigInteger, nullable=False),
    Column("height_l0", BigInteger, nullable=False),
    Column("mpp", Double, nullable=False),
    Column("mpp_source", String, nullable=False),
    Column("assay", String, nullable=False),
    Column("scanner", String, nullable=False),
    Column("white_red", Double, nullable=False),
    Column("white_green", Double, nullable=False),
    Column("white_blue", Double, nullable=False),
    Column("is_white_estimated", Boolean, nullable=False),
    Column("bounds_left_l0", Double),
    Column("bounds_top_l0", Double),
    Column("bounds_width_l0", Double),
    Column("bounds_height_l0", Double),
)

LABELS_OF_SLIDE = Index("label_events_of_slide", "slide_id", "reader", "seq")

events_table = Table(
    "label_events",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("label_id", String, nullable=False, unique=True),
    Column("cell_id", String, nullable=False),
    Column("slide_id", String, ForeignKey("slides.slide_id"), nullable=False),
    Column("x_l0", Double, nullable=False),
    Column("y_l0", Double, nullable=False),
    Column("reader", String, nullable=False),
    Column("expression", String, nullable=False),
    Column("made_at", String, nullable=False),
    Column("recorded_at", String, nullable=False),
    Column("source", String, nullable=False),
    Column("previous_hash", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
    Index("label_events_of_cell", "cell_id", "reader", "seq"),
    LABELS_OF_SLIDE,
)

head_table = Table(
    "journal_head",
    metadata,
    Column("n_events", BigInteger, nullable=False),
    Column("hash", String(64), nullable=False),
)

rounds_table = Table(
    "rounds",
    metadata,
    Column("round_id", Integer, primary_key=True, autoincrement=False),
    Column("run_id", String, nullable=False),
    Column("made_at", String, nullable=False),
    Column("seed", BigInteger, nullable=False),
    Column("n_cells", Integer, nullable=False),
    Column("settings", Text, nullable=False),
)

round_cells_table = Table(
    "round_cells",
    metadata,
    Column("round_id", Integer, ForeignKey("rounds.round_id"), primary_key=True),
    Column("place", Integer, primary_key=True),
    Column("cell_id", String, nullable=False),
    Column("slide_id", String, ForeignKey("slides.slide_id"), nullable=False),
    Column("x_l0", Double, nullable=False),
    Column("y_l0", Double, nullable=False),
    Column("share", String, nullable=False),
    Column("cause", String, nullable=False),
    Column("score", Double, nullable=False),
    Column("logit", Double, nullable=False),
    Index("round_cells_of_cell", "cell_id"),
)

region_events_table = Table(
    "region_events",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("action", String, nullable=False),
    Column("region_id", String, nullable=False),
    Column("slide_id", String, ForeignKey("slides.slide_id"), nullable=False),
    Column("name", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("polygons", Text, nullable=False),
    Column("reader", String, nullable=False),
    Column("source", String, nullable=False),
    Column("case_id", String),
    Column("is_missing", Boolean, nullable=False),
    Column("recorded_at", String, nullable=False),
    Column("previous_hash", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
    Index("region_events_of_region", "slide_id", "region_id", "seq"),
)

region_head_table = Table(
    "region_head",
    metadata,
    Column("n_events", BigInteger, nullable=False),
    Column("hash", String(64), nullable=False),
)

control_events_table = Table(
    "control_events",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("scope", String, nullable=False),
    Column("subject", String, nullable=False),
    Column("control", String, nullable=False),
    Column("outcome", String, nullable=False),
    Column("reader", String, nullable=False),
    Column("source", String, nullable=False),
    Column("recorded_at", String, nullable=False),
    Column("previous_hash", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
    Index("control_events_of_subject", "scope", "subject", "control", "seq"),
)

control_head_table = Table(
    "control_head",
    metadata,
    Column("n_events", BigInteger, nullable=False),
    Column("hash", String(64), nullable=False),
)

act_events_table = Table(
    "act_events",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("act", String, nullable=False),
    Column("reader", String, nullable=False),
    Column("subject", String, nullable=False),
    Column("detail", Text, nullable=False),
    Column("recorded_at", String, nullable=False),
    Column("previous_hash", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
    Index("act_events_of_subject", "act", "subject", "seq"),
)

act_head_table = Table(
    "act_head",
    metadata,
    Column("n_events", BigInteger, nullable=False),
    Column("hash", String(64), nullable=False),
)

assignments_table = Table(
    "assignments",
    metadata,
    Column("assignment_id", Integer, primary_key=True, autoincrement=False),
    Column("reader", String, nullable=False),
    Column("name", String, nullable=False),
    Column("round_id", Integer, ForeignKey("rounds.round_id")),
    Column("made_at", String, nullable=False),
    Column("made_by", String, nullable=False),
    Column("seed", BigInteger, nullable=False),
    Column("n_cells", Integer, nullable=False),
    Column("settings", Text, nullable=False),
)

assignment_cells_table = Table(
    "assignment_cells",
    metadata,
    Column("assignment_id", Integer, ForeignKey("assignments.assignment_id"), primary_key=True),
    Column("place", Integer, primary_key=True),
    Column("cell_id", String, nullable=False),
    Column("slide_id", String, ForeignKey("slides.slide_id"), nullable=False),
    Column("x_l0", Double, nullable=False),
    Column("y_l0", Double, nullable=False),
    Column("is_repeat", Boolean, nullable=False),
    Index("assignment_cells_of_cell", "cell_id"),
)

accounts_table = Table(
    "accounts",
    metadata,
    Column("name", String, primary_key=True),
    Column("password_hash", String, nullable=False),
    Column("role", String, nullable=False),
    Column("is_active", Boolean, nullable=False),
    Column("session_number", Integer, nullable=False),
    Column("made_at", String, nullable=False),
)

HEAD_TABLES = (head_table, region_head_table, control_head_table, act_head_table)


def _append_only(table: str, *, words: str, is_known: str) -> tuple[str, ...]:
    """Return the triggers that keep the rows of a table as they were written."""
    refuse = f"BEGIN SELECT RAISE(ABORT, '{words} are never changed or removed'); END"
    return (
        f"CREATE TRIGGER {table}_no_update BEFORE UPDATE ON {table} {refuse}",
        f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} {refuse}",
        # INSERT OR REPLACE removes the old row without a DELETE trigger, so it is stopped earlier.
        f"CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table} "  # noqa: S608
        f"WHEN EXISTS (SELECT 1 FROM {table} WHERE {is_known}) {refuse}",
    )


LABEL_TRIGGERS = _append_only(
    "label_events", words="label events", is_known="seq = NEW.seq OR label_id = NEW.label_id"
)
REGION_TRIGGERS = _append_only("region_events", words="region events", is_known="seq = NEW.seq")
CONTROL_TRIGGERS = _append_only("control_events", words="control events", is_known="seq = NEW.seq")
ACT_TRIGGERS = _append_only("act_events", words="act events", is_known="seq = NEW.seq")
TRIGGERS = LABEL_TRIGGERS + REGION_TRIGGERS + CONTROL_TRIGGERS + ACT_TRIGGERS
