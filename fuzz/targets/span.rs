//! See [`fuzz::api::span`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::api::span(bytes));
