-- The queue, schema 1. Times are milliseconds since the Unix epoch; numbers given out are never given out again.
--
-- While events come in and are delivered, rows are only ever added at the ends of `events` and `attempts`. What they
-- mean for `deliveries` is filed there later, for many at once: see `meta` for how far that is.

-- Who owns what. A flow belongs to one organization; one that moves becomes a new row and its past stays where it was.
CREATE TABLE flows (
    id           INTEGER PRIMARY KEY,
    organization TEXT NOT NULL,
    name         TEXT NOT NULL,
    UNIQUE (organization, name)
);

-- A lane is one step of one flow; its row counts the deliveries that are filed. The lane with no step name lists the
-- events that owe nothing. Every delivery up to the event `cursor` has been claimed at some time.
CREATE TABLE lanes (
    id      INTEGER PRIMARY KEY,
    flow    INTEGER NOT NULL REFERENCES flows (id),
    step    TEXT NOT NULL,
    cursor  INTEGER NOT NULL DEFAULT 0,
    fresh   INTEGER NOT NULL DEFAULT 0,
    waiting INTEGER NOT NULL DEFAULT 0,
    done    INTEGER NOT NULL DEFAULT 0,
    dead    INTEGER NOT NULL DEFAULT 0,
    UNIQUE (flow, step)
);

-- A plan is the steps that a flow had when an event came in: the numbers of their lanes, with commas.
CREATE TABLE plans (
    id    INTEGER PRIMARY KEY,
    flow  INTEGER NOT NULL REFERENCES flows (id),
    lanes TEXT NOT NULL,
    UNIQUE (flow, lanes)
);

-- The body comes last, so that looking at the rest does not read it. `remember` is until when the replay key is
-- remembered, and the time of the append where there is none.
CREATE TABLE events (
    id       INTEGER PRIMARY KEY,
    tail     INTEGER NOT NULL,
    plan     INTEGER NOT NULL,
    received INTEGER NOT NULL,
    replay   BLOB,
    remember INTEGER NOT NULL,
    size     INTEGER NOT NULL,
    method   TEXT NOT NULL,
    key      TEXT,
    target   TEXT NOT NULL,
    headers  BLOB NOT NULL,
    body     BLOB NOT NULL
);

-- One row for each event and step. The id is lane * 2^42 + event: the rows of a lane lie together, in order of arrival.
-- State: 0 never settled, 1 due again, 2 done, 3 dead. `due` is when it is due again, or since when it is done or dead. `attempts` counts those that are over; `last` is the row of the
-- last one that was recorded.
CREATE TABLE deliveries (
    id       INTEGER PRIMARY KEY,
    lane     INTEGER NOT NULL,
    state    INTEGER NOT NULL,
    attempts INTEGER,
    due      INTEGER,
    last     INTEGER,
    reason   TEXT
);

CREATE INDEX deliveries_due_again ON deliveries (lane, due) WHERE state = 1;
CREATE INDEX deliveries_dead ON deliveries (id) WHERE state = 3;

-- One row for each attempt; `previous` is the row of the attempt before at the same delivery. Where `done` is 1, it was
-- the first attempt and the delivery is done: this row says so until the delivery is filed.
CREATE TABLE attempts (
    id       INTEGER PRIMARY KEY,
    previous INTEGER,
    delivery INTEGER NOT NULL,
    number   INTEGER NOT NULL,
    done     INTEGER,
    started  INTEGER NOT NULL,
    took     INTEGER NOT NULL, -- microseconds
    outcome  TEXT NOT NULL,
    status   INTEGER,
    error    TEXT,
    answer   BLOB
);

-- One row for each claimed batch until all of it is settled: pairs of delivery and attempt number.
CREATE TABLE claims (
    id      INTEGER PRIMARY KEY,
    at      INTEGER NOT NULL,
    claimed BLOB NOT NULL
);

CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) WITHOUT ROWID;

-- The longest time that any replay key was to be remembered; the highest event that retention has removed; up to which
-- event and which attempt deliveries are filed.
INSERT INTO meta VALUES ('replay_keep', 0), ('removed_through', 0), ('filed_events', 0), ('filed_attempts', 0);
