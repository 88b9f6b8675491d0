-- Marks the file as ours ("RDNS"); a file with another mark is refused.
PRAGMA application_id = 1380208211;

CREATE TABLE item_memory (
    item       TEXT PRIMARY KEY NOT NULL,
    -- JSON, see src/store/rows/mod.rs.
    memory     TEXT NOT NULL,
    -- Milliseconds since the epoch; set while the item is gone from the catalogue.
    removed_at INTEGER
) STRICT;

CREATE INDEX item_memory_removed ON item_memory (removed_at) WHERE removed_at IS NOT NULL;

-- Empty text stands for "none", so that the unique index sees equal rows as equal.
CREATE TABLE transition (
    id         INTEGER PRIMARY KEY,
    item       TEXT NOT NULL,
    at         INTEGER NOT NULL,
    from_state TEXT NOT NULL,
    to_state   TEXT NOT NULL,
    reason     TEXT NOT NULL,
    cause      TEXT NOT NULL,
    root_cause TEXT NOT NULL,
    sentence   TEXT NOT NULL
) STRICT;

-- A batch that is committed again, after an answer that got lost, adds nothing.
CREATE UNIQUE INDEX transition_item ON transition (item, at, from_state, to_state, cause);
CREATE INDEX transition_at ON transition (at);

CREATE TABLE evidence (
    id       INTEGER PRIMARY KEY,
    item     TEXT NOT NULL,
    leg      TEXT NOT NULL,
    at       INTEGER NOT NULL,
    -- Milliseconds.
    duration INTEGER NOT NULL,
    outcome  TEXT NOT NULL,
    reason   TEXT NOT NULL,
    sentence TEXT NOT NULL,
    facts    TEXT NOT NULL,
    -- JSON list of texts.
    trace    TEXT NOT NULL
) STRICT;

CREATE UNIQUE INDEX evidence_leg ON evidence (item, leg, at);
