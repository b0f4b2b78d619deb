//! See [`fuzz::kube::kube_path`].
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::kube::kube_path(bytes));
