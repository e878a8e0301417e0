//! Nothing: the end-to-end tests are in `tests/it`, and a package needs a target.
