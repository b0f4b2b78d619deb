//! See [`fuzz::access::schedule`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::access::schedule(bytes));
