//! See [`fuzz::api::bundle`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::api::bundle(bytes));
