//! See [`fuzz::access::pattern`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::access::pattern(bytes));
