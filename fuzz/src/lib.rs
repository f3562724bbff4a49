//! What the fuzz targets share: how a file is read ([`readers`]), how files are changed
//! ([`protobuf`], [`header`]).
#![forbid(unsafe_code)]

pub mod header;
pub mod protobuf;
pub mod readers;

use std::cell::OnceCell;
use std::path::{Path, PathBuf};

thread_local! {
    static FOLDER: OnceCell<PathBuf> = const { OnceCell::new() };
}

/// Calls `f` with this process's folder, in memory where the machine has such a place.
pub fn in_folder(f: impl FnOnce(&Path)) {
    FOLDER.with(|folder| {
        let folder = folder.get_or_init(|| {
            let memory = Path::new("/dev/shm");
            let root = match memory.is_dir() {
                true => memory.to_owned(),
                false => std::env::temp_dir(),
            };
            let folder = root.join(format!("unmask-fuzz-{}", std::process::id()));
            std::fs::create_dir_all(&folder).expect("a folder for the file under test");
            folder
        });
        f(folder);
    });
}

/// Numbers from a seed (xorshift64*), for choosing what to change.
pub struct Dice(u64);

impl Dice {
    /// Dice that `seed` decides.
    pub fn new(seed: u32) -> Self {
        Self(u64::from(seed).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// A number below `sides`; 0 where there is none.
    pub fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let high = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32;
        (high as usize).checked_rem(sides).unwrap_or(0)
    }
}

/// `part` changed by `mutate`, which changes a buffer in place (its first bytes, as many as it is
/// told) and gives the new length; at most `room` bytes, or as many as there were.
fn changed(part: &[u8], room: usize, mutate: impl Fn(&mut [u8], usize) -> usize) -> Vec<u8> {
    let mut buffer = part.to_vec();
    buffer.resize(part.len().max(room), 0);
    let len = mutate(&mut buffer, part.len());
    buffer.truncate(len);
    buffer
}
