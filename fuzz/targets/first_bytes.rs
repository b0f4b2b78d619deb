//! See [`fuzz::wire::first_bytes`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::wire::first_bytes(bytes));
