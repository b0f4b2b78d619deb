//! See [`fuzz::mysql::mysql_script`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::mysql::mysql_script(bytes));
