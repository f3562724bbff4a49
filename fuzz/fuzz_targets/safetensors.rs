//! Any bytes as a safetensors checkpoint.
#![no_main]

use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};
use unmask_fuzz::{header, in_folder, readers};

fuzz_target!(|bytes: &[u8]| in_folder(|folder| {
    let _ = readers::safetensors(folder, bytes);
}));

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    let any = |buffer: &mut [u8], len: usize| {
        let most = buffer.len();
        fuzzer_mutate(buffer, len, most)
    };
    let new = header::mutate(&data[..size], max_size, seed, any);
    let len = new.len().min(max_size);
    data[..len].copy_from_slice(&new[..len]);
    len
});
