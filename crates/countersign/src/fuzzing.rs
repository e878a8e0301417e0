//! Entrances for fuzzers.
