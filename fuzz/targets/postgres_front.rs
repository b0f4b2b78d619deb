//! See [`fuzz::wire::postgres_front`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::wire::postgres_front(bytes));
