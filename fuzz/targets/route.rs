//! See [`fuzz::wire::route`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::wire::route(bytes));
