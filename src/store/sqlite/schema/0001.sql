-- Identifiers, digests and nonces are blobs of one length; times are milliseconds since 1970.

-- The root record. The anonymous identity is part of it: a user has at most one, and nobody is
-- found by it.
CREATE TABLE users (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    version INTEGER NOT NULL CHECK (version >= 1),
    epoch BLOB NOT NULL CHECK (length(epoch) = 8),
    -- 1 anonymous, 2 regular, 3 merged, 4 deleted, 5 collected
    standing INTEGER NOT NULL CHECK (standing BETWEEN 1 AND 5),
    merged_into BLOB CHECK (length(merged_into) = 16),
    is_disabled INTEGER NOT NULL CHECK (is_disabled IN (0, 1)),
    is_verified INTEGER NOT NULL CHECK (is_verified IN (0, 1)),
    can_reauthenticate INTEGER NOT NULL CHECK (can_reauthenticate IN (0, 1)),
    created_at INTEGER NOT NULL,
    ends_at INTEGER,
    anonymous_since INTEGER,
    anonymous_proven_at INTEGER,
    anonymous_key BLOB CHECK (length(anonymous_key) = 32),
    CHECK ((standing = 3) = (merged_into IS NOT NULL))
) STRICT, WITHOUT ROWID;

CREATE INDEX users_by_end ON users (ends_at) WHERE ends_at IS NOT NULL;

-- Login IDs and accounts at other providers. The issuer of a login ID is empty.
CREATE TABLE identities (
    -- 1 e-mail, 2 phone, 3 username, 4 account at another provider
    kind INTEGER NOT NULL CHECK (kind BETWEEN 1 AND 4),
    issuer TEXT NOT NULL,
    name TEXT NOT NULL,
    user BLOB NOT NULL REFERENCES users (id),
    original TEXT,
    created_at INTEGER NOT NULL,
    proven_at INTEGER,
    PRIMARY KEY (kind, issuer, name),
    CHECK ((kind = 4) = (original IS NULL))
) STRICT, WITHOUT ROWID;

CREATE INDEX identities_by_user ON identities (user);

-- Device keys. A live one has no outcome, and its user's root record names it.
CREATE TABLE device_keys (
    thumbprint BLOB NOT NULL PRIMARY KEY CHECK (length(thumbprint) = 32),
    kid TEXT NOT NULL UNIQUE,
    user BLOB NOT NULL REFERENCES users (id),
    public BLOB NOT NULL,
    -- 1 promoted, 2 merged, 3 deleted
    outcome INTEGER CHECK (outcome BETWEEN 1 AND 3),
    retired_at INTEGER,
    CHECK ((outcome IS NULL) = (retired_at IS NULL))
) STRICT, WITHOUT ROWID;

CREATE INDEX retired_keys_by_user ON device_keys (user) WHERE outcome IS NOT NULL;

CREATE TABLE authenticators (
    user BLOB NOT NULL REFERENCES users (id),
    id BLOB NOT NULL CHECK (length(id) = 16),
    revision INTEGER NOT NULL,
    -- 1 password
    kind INTEGER NOT NULL CHECK (kind = 1),
    secret TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    changed_at INTEGER NOT NULL,
    PRIMARY KEY (user, id)
) STRICT, WITHOUT ROWID;

-- Refers to no user, because the users may be kept elsewhere. A cookie's session has no client.
CREATE TABLE sessions (
    digest BLOB NOT NULL PRIMARY KEY CHECK (length(digest) = 32),
    id BLOB NOT NULL CHECK (length(id) = 16),
    user BLOB NOT NULL CHECK (length(user) = 16),
    epoch BLOB NOT NULL CHECK (length(epoch) = 8),
    client TEXT,
    -- 1 anonymous, 2 device key, 3 password, 4 proven identity
    method INTEGER NOT NULL CHECK (method BETWEEN 1 AND 4),
    created_at INTEGER NOT NULL,
    accessed_at INTEGER NOT NULL,
    ends_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX sessions_by_user ON sessions (user, id);
CREATE INDEX sessions_by_end ON sessions (ends_at);

CREATE TABLE spent (
    nonce BLOB NOT NULL PRIMARY KEY CHECK (length(nonce) = 16),
    until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX spent_by_time ON spent (until);

-- A cursor is never given twice, also when the last event was forgotten.
CREATE TABLE events (
    cursor INTEGER PRIMARY KEY AUTOINCREMENT,
    user BLOB NOT NULL CHECK (length(user) = 16),
    at INTEGER NOT NULL,
    kind INTEGER NOT NULL CHECK (kind BETWEEN 1 AND 13),
    detail BLOB
) STRICT;
