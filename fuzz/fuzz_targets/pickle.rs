//! Any bytes as a pickled checkpoint.
#![no_main]

use libfuzzer_sys::fuzz_target;
use unmask_fuzz::{in_folder, readers};

fuzz_target!(|bytes: &[u8]| in_folder(|folder| {
    let _ = readers::pickle(folder, bytes);
}));
