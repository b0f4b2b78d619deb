//! See [`fuzz::wire::postgres_back`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::wire::postgres_back(bytes));
