//! Oracle and generators for tests.
