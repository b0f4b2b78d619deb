//! See [`fuzz::wire::proxy_header`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::wire::proxy_header(bytes));
