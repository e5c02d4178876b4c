//! The embedded backend, in one SQLite file.
