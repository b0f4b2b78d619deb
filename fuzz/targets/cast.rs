//! See [`fuzz::api::cast`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::api::cast(bytes));
