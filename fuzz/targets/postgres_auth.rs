//! See [`fuzz::wire::postgres_auth`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::wire::postgres_auth(bytes));
