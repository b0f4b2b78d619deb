//! See [`fuzz::api::stored_request`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::api::stored_request(bytes));
