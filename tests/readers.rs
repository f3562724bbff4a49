//! Findings of the fuzz targets (`fuzz/findings`), fixtures, and files made from both by the changes
//! of the fuzz targets, through the readers: every outcome is a file that was read or an error that
//! says what is wrong, never a panic.

#[path = "../fuzz/src/lib.rs"]
#[allow(dead_code, reason = "the fuzz targets use more of it")]
mod fuzz;

use fuzz::{Dice, header, protobuf, readers};
use std::cell::RefCell;
use std::fs;
use std::path::{Path, PathBuf};

/// Largest file that is made, bytes.
const LIMIT_BYTES: usize = 32 << 10;
/// Most changes to one file.
const CHANGES: u32 = 4;

/// Files of `folders`, below the repository, that end as `ends` say, sorted.
fn files(folders: &[&str], ends: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for folder in folders {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        let entries = fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
        found.extend(entries.map(|entry| entry.unwrap().path()));
    }
    let known = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        path.is_file() && ends.iter().any(|end| name.ends_with(end))
    };
    found.retain(known);
    found.sort();
    found
}

/// Some bytes of `buffer`, of which `len` are in use, changed, removed or added; gives how many are
/// in use then.
fn bytes_changed(dice: &mut Dice, buffer: &mut [u8], len: usize) -> usize {
    if len == 0 {
        return 0;
    }
    let at = dice.roll(len);
    match dice.roll(4) {
        0 => {
            buffer.copy_within(at + 1..len, at);
            len - 1
        }
        1 if len < buffer.len() => {
            buffer.copy_within(at..len, at + 1);
            buffer[at] = dice.roll(256) as u8;
            len + 1
        }
        2 => {
            buffer[at] ^= 1 << dice.roll(8);
            len
        }
        _ => {
            buffer[at] = [0, 1, 0x7f, 0x80, 0xff][dice.roll(5)];
            len
        }
    }
}

/// How a fuzz target changes a file.
type Change = fn(&[u8], usize, u32, &dyn Fn(&mut [u8], usize) -> usize) -> Vec<u8>;

fn plain(bytes: &[u8], _: usize, _: u32, any: &dyn Fn(&mut [u8], usize) -> usize) -> Vec<u8> {
    let mut buffer = bytes.to_vec();
    buffer.push(0);
    let len = any(&mut buffer, bytes.len());
    buffer.truncate(len);
    buffer
}

/// A fuzz target as this test runs it.
struct Target {
    name: &'static str,
    /// Folders of the files that it starts from, and how their names end.
    seeds: (&'static [&'static str], &'static [&'static str]),
    read: fn(&Path, &[u8]) -> Result<(), String>,
    change: Change,
    /// Whether a file was read to its end.
    is_whole: fn(&Result<(), String>) -> bool,
    /// How many files are made of each.
    made: u32,
}

impl Target {
    /// Reads all files; some must be refused, and some whole.
    fn replay(&self) {
        let folder = tempfile::tempdir().unwrap();
        let (mut refused, mut whole, mut all) = (0, 0, 0);
        let mut try_one = |name: &str, bytes: &[u8]| {
            // The name stands before whatever a panic says.
            print!("{}/{name}: ", self.name);
            let outcome = (self.read)(folder.path(), bytes);
            all += 1;
            whole += usize::from((self.is_whole)(&outcome));
            match outcome {
                Ok(()) => println!("read"),
                Err(error) => {
                    println!("{error}");
                    assert!(!error.is_empty());
                    refused += 1;
                }
            }
        };
        let findings = format!("fuzz/findings/{}", self.name);
        let (folders, ends) = self.seeds;
        let findings = files(&[&findings], &[""]);
        assert!(!findings.is_empty(), "{} has no findings", self.name);
        let seeds = files(folders, ends);
        assert!(seeds.len() > 3, "only {} files to start from", seeds.len());
        for path in findings.iter().chain(&seeds) {
            let bytes = fs::read(path).unwrap();
            let name = path.file_name().unwrap().to_string_lossy();
            try_one(&name, &bytes);
            if bytes.len() > LIMIT_BYTES {
                continue;
            }
            for seed in 0..self.made {
                let dice = RefCell::new(Dice::new(seed));
                let any = |buffer: &mut [u8], len: usize| {
                    bytes_changed(&mut dice.borrow_mut(), buffer, len)
                };
                let mut bytes = bytes.clone();
                for change in 0..=seed % CHANGES {
                    bytes = (self.change)(&bytes, LIMIT_BYTES, seed * CHANGES + change, &any);
                }
                try_one(&format!("{name} changed by {seed}"), &bytes);
            }
        }
        println!("{}: {all} files, {refused} refused", self.name);
        assert!(all > 300, "only {all} files");
        assert!(refused > 0 && whole > 0, "{refused} refused, {whole} whole");
    }
}

#[test]
fn onnx_files_are_read_or_refused() {
    Target {
        name: "onnx",
        seeds: (&["tests/fixtures/models"], &[".onnx"]),
        read: readers::onnx,
        change: |bytes, most, seed, any| protobuf::mutate(bytes, most, seed, any),
        is_whole: Result::is_ok,
        made: 24,
    }
    .replay();
}

#[test]
fn safetensors_files_are_read_or_refused() {
    Target {
        name: "safetensors",
        seeds: (
            &["tests/fixtures/import", "tests/fixtures/network"],
            &[".safetensors"],
        ),
        read: readers::safetensors,
        change: |bytes, most, seed, any| header::mutate(bytes, most, seed, any),
        is_whole: Result::is_ok,
        made: 40,
    }
    .replay();
}

#[test]
fn pickles_are_read_or_refused() {
    Target {
        name: "pickle",
        seeds: (&["tests/fixtures/import"], &[".pkl", ".pth"]),
        read: readers::pickle,
        change: plain,
        // None of them is a whole network: read to the end, its tensors belong to nothing.
        is_whole: |outcome| {
            matches!(outcome, Err(error) if error.contains("its keys are not those of Mask2Former"))
        },
        made: 60,
    }
    .replay();
}
