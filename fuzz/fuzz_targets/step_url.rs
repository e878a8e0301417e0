//! See `step_url` in `src/lib.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| countersign_fuzz::run("step_url", bytes));
