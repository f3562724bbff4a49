//! Any bytes as an ONNX file.
#![no_main]

use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};
use unmask_fuzz::{in_folder, protobuf, readers};

fuzz_target!(|bytes: &[u8]| in_folder(|folder| {
    let _ = readers::onnx(folder, bytes);
}));

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    let any = |buffer: &mut [u8], len: usize| {
        let most = buffer.len();
        fuzzer_mutate(buffer, len, most)
    };
    let new = protobuf::mutate(&data[..size], max_size, seed, any);
    let len = new.len().min(max_size);
    data[..len].copy_from_slice(&new[..len]);
    len
});
