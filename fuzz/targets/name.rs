//! See [`fuzz::access::name`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::access::name(bytes));
