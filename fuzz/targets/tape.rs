//! See [`fuzz::api::tape`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::api::tape(bytes));
