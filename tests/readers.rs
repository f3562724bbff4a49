//! Files that fuzzing found worth keeping (`fuzz/corpus`), through the readers: every outcome is a
//! file that was read or an error that says what is wrong, never a panic.

#[path = "../fuzz/src/readers.rs"]
mod readers;

use std::fs;
use std::path::{Path, PathBuf};

/// The kept files of the fuzz target `target`.
fn kept(target: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/corpus")
        .join(target);
    let entries = fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// Reads all kept files of `target` with `read`; some must be refused, and some `whole`.
fn replay(
    target: &str,
    read: fn(&Path, &[u8]) -> Result<(), String>,
    whole: fn(&Result<(), String>) -> bool,
) {
    let folder = tempfile::tempdir().unwrap();
    let files = kept(target);
    let (mut refused, mut wholes) = (0, 0);
    for file in &files {
        // The name stands before whatever a panic says.
        print!("{target}/{}: ", file.file_name().unwrap().to_string_lossy());
        let outcome = read(folder.path(), &fs::read(file).unwrap());
        wholes += usize::from(whole(&outcome));
        match outcome {
            Ok(()) => println!("read"),
            Err(error) => {
                println!("{error}");
                assert!(!error.is_empty());
                refused += 1;
            }
        }
    }
    println!("{target}: {} files, {refused} refused", files.len());
    assert!(files.len() > 50, "only {} files", files.len());
    assert!(
        refused > 0 && wholes > 0,
        "{refused} refused, {wholes} whole"
    );
}

#[test]
fn kept_onnx_files_are_read_or_refused() {
    replay("onnx", readers::onnx, Result::is_ok);
}

#[test]
fn kept_safetensors_files_are_read_or_refused() {
    replay("safetensors", readers::safetensors, Result::is_ok);
}

#[test]
fn kept_pickles_are_read_or_refused() {
    // None of them is a whole network: read to the end, its tensors belong to nothing.
    replay(
        "pickle",
        readers::pickle,
        |outcome| matches!(outcome, Err(error) if error.contains("its keys are not those of Mask2Former")),
    );
}
