-- The first schema, as Upcall made it in SQLite, with rows. Never to be changed: it
-- stands for files that are out there.

CREATE TABLE upcall_meta (
    name TEXT NOT NULL,
    value BIGINT NOT NULL,
    PRIMARY KEY (name)
);

CREATE TABLE upcall_endpoint (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    uid TEXT NOT NULL,
    url TEXT NOT NULL,
    events TEXT NOT NULL,
    scheme TEXT NOT NULL,
    sealed TEXT NOT NULL,
    timeout DOUBLE NOT NULL,
    schedule TEXT NOT NULL,
    concurrency INTEGER NOT NULL,
    enabled BOOLEAN NOT NULL,
    description TEXT NOT NULL,
    metadata TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    removed_at BIGINT,
    size INTEGER DEFAULT '1' NOT NULL,
    proven BOOLEAN DEFAULT false NOT NULL,
    failures INTEGER DEFAULT '0' NOT NULL,
    paused_until BIGINT DEFAULT '0' NOT NULL,
    CONSTRAINT upcall_endpoint_window CHECK (size BETWEEN 1 AND concurrency)
);

CREATE UNIQUE INDEX upcall_endpoint_uid ON upcall_endpoint (uid) WHERE removed_at IS NULL;

CREATE TABLE upcall_message (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    uid TEXT NOT NULL,
    name TEXT NOT NULL,
    version INTEGER NOT NULL,
    time BIGINT NOT NULL,
    data BLOB NOT NULL,
    UNIQUE (uid)
);

CREATE TABLE upcall_worker (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    host TEXT NOT NULL,
    pid BIGINT NOT NULL,
    started_at BIGINT NOT NULL
);

CREATE TABLE upcall_delivery (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    message_id INTEGER NOT NULL,
    endpoint_id INTEGER NOT NULL,
    replay SMALLINT DEFAULT '0' NOT NULL,
    state TEXT DEFAULT 'waiting' NOT NULL,
    created_at BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    attempts INTEGER DEFAULT '0' NOT NULL,
    fence INTEGER DEFAULT '0' NOT NULL,
    worker INTEGER,
    lease_until BIGINT,
    finished_at BIGINT,
    reason TEXT,
    UNIQUE (message_id, endpoint_id, replay),
    CONSTRAINT upcall_delivery_state CHECK (state IN ('cancelled', 'claimed', 'dead', 'delivered', 'waiting')),
    CONSTRAINT upcall_delivery_claimed CHECK ((state = 'claimed') = (worker IS NOT NULL AND lease_until IS NOT NULL)),
    CONSTRAINT upcall_delivery_finished CHECK ((state IN ('cancelled', 'dead', 'delivered')) = (finished_at IS NOT NULL)),
    CONSTRAINT upcall_delivery_reason CHECK (state NOT IN ('dead', 'cancelled') OR reason IS NOT NULL),
    CONSTRAINT upcall_delivery_fence CHECK (0 <= attempts AND attempts <= fence),
    FOREIGN KEY(message_id) REFERENCES upcall_message (id) ON DELETE CASCADE
);

CREATE INDEX upcall_delivery_dead ON upcall_delivery (id) WHERE state = 'dead';

CREATE INDEX upcall_delivery_endpoint ON upcall_delivery (endpoint_id, id);

CREATE INDEX upcall_delivery_due ON upcall_delivery (endpoint_id, due_at, id) WHERE state = 'waiting';

CREATE INDEX upcall_delivery_claims ON upcall_delivery (endpoint_id) WHERE state = 'claimed';

CREATE INDEX upcall_delivery_leases ON upcall_delivery (lease_until) WHERE state = 'claimed';

CREATE TABLE upcall_attempt (
    id INTEGER NOT NULL,
    delivery_id INTEGER NOT NULL,
    number INTEGER NOT NULL,
    worker INTEGER NOT NULL,
    started_at BIGINT NOT NULL,
    duration DOUBLE NOT NULL,
    url TEXT NOT NULL,
    request_headers TEXT NOT NULL,
    status INTEGER,
    error TEXT,
    address TEXT,
    response_headers TEXT NOT NULL,
    response BLOB NOT NULL,
    truncated BOOLEAN NOT NULL,
    PRIMARY KEY (id),
    CONSTRAINT upcall_attempt_answer_or_error CHECK ((status IS NULL) <> (error IS NULL)),
    FOREIGN KEY(delivery_id) REFERENCES upcall_delivery (id) ON DELETE CASCADE
);

CREATE INDEX ix_upcall_attempt_delivery_id ON upcall_attempt (delivery_id);

-- A row of every kind. Times are 2023-11-14 22:13:20 UTC and thereabouts.

INSERT INTO upcall_meta VALUES ('schema_version', 1);
INSERT INTO upcall_meta VALUES ('endpoint_changes', 5);

INSERT INTO upcall_endpoint VALUES (
    1, 'live', 'https://live.example/hooks', '["order.*"]', 'standard',
    'clear:{"secret": "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=", "headers": {"x-a": "b"}}',
    20.0, '[0.0, 5.0, 300.0]', 8, 1, 'a description', '{"team": "blue"}',
    1700000000000, NULL, 4, 1, 0, 0
);
INSERT INTO upcall_endpoint VALUES (
    2, 'off', 'https://off.example/hooks', '["**"]', 'github',
    'clear:{"secret": ["second secret", "first secret"], "headers": {}}',
    5.0, '[0.0]', 1, 0, '', '{}', 1700000001000, NULL, 1, 0, 3, 1700000060000
);
INSERT INTO upcall_endpoint VALUES (
    3, 'gone', 'https://gone.example/hooks', '["**"]', 'standard', '',
    20.0, '[0.0]', 8, 0, '', '{}', 1700000002000, 1700000003000, 1, 0, 0, 0
);

INSERT INTO upcall_message VALUES (1, 'm1', 'order.paid', 1, 1700000000000, '{"n":1}');
INSERT INTO upcall_message VALUES (2, 'm2', 'order.paid', 2, 1700000001000, '{"n":2}');
INSERT INTO upcall_message VALUES (3, 'm3', 'order.lost', 1, 1700000002000, '{"n":3}');

INSERT INTO upcall_worker VALUES (1, 'somewhere', 4711, 1700000000000);

-- delivered, with an attempt; replayed, and waiting
INSERT INTO upcall_delivery VALUES (
    1, 1, 1, 0, 'delivered', 1700000000000, 1700000000000, 1, 1, NULL, NULL,
    1700000000500, NULL
);
INSERT INTO upcall_delivery VALUES (
    2, 1, 1, 1, 'waiting', 1700000005000, 1700000005000, 0, 0, NULL, NULL, NULL, NULL
);
-- of version 2: claimed by a worker that is gone, and dead
INSERT INTO upcall_delivery VALUES (
    3, 2, 1, 0, 'claimed', 1700000001000, 1700000001000, 1, 1, 1, 1700000051000, NULL,
    NULL
);
INSERT INTO upcall_delivery VALUES (
    4, 2, 2, 0, 'dead', 1700000001000, 1700000001000, 1, 1, NULL, NULL, 1700000002000,
    'status 410: the receiver wants no more'
);
-- waiting, disabled; and cancelled
INSERT INTO upcall_delivery VALUES (
    5, 3, 2, 0, 'waiting', 1700000002000, 1700000002000, 0, 0, NULL, NULL, NULL, NULL
);
INSERT INTO upcall_delivery VALUES (
    6, 3, 3, 0, 'cancelled', 1700000002000, 1700000002000, 0, 0, NULL, NULL,
    1700000003000, 'the endpoint was removed'
);

INSERT INTO upcall_attempt VALUES (
    1, 1, 1, 1, 1700000000250, 0.25, 'https://live.example/hooks', '[["a", "b"]]',
    204, NULL, '192.0.2.1', '[]', x'', 0
);
