//! The bodies of the fuzz targets, one function each: any bytes in, nothing out, a panic where a promise is broken.
//!
//! `targets/` gives them to the fuzzer. The rooms' tests (`crates/*/tests/corpora.rs`) include the same files and
//! feed them with `corpora/`, so what a fuzzer found once is looked at by every `make test`.

pub mod access;
pub mod api;
pub mod ca;
pub mod kube;
pub mod mysql;
pub mod wire;
