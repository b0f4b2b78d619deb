//! See [`fuzz::access::template`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::access::template(bytes));
