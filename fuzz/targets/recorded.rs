//! See [`fuzz::wire::recorded`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::wire::recorded(bytes));
