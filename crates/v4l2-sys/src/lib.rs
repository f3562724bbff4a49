#![doc = include_str!("../README.md")]
#![no_std]
#![allow(
    missing_docs,
    non_camel_case_types,
    non_snake_case,
    non_upper_case_globals
)]
#![allow(clippy::all)]

#[cfg(not(all(
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "aarch64")
)))]
compile_error!("the V4L2 bindings are checked for Linux on x86-64 and aarch64 only");

include!("bindings.rs");
