//! Rotation on a good disk, on one that fails, and under others' hands.

use super::*;
use crate::sink::disk::DiskOperation;
use crate::sink::disk::faults::{Plan, folder};
use std::collections::BTreeMap;
use std::io::Write;

fn settings(rotate_bytes: u64, keep: u32) -> FileSettings {
    FileSettings {
        rotate_bytes,
        max_files: keep,
    }
}

fn text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

/// Numbers of the whole lines in all files that begin with `path`, and how often each is there.
fn lines(path: &Path) -> BTreeMap<u64, u32> {
    let mut found = BTreeMap::new();
    let name = path.file_name().unwrap().to_str().unwrap();
    for entry in std::fs::read_dir(path.parent().unwrap()).unwrap() {
        let entry = entry.unwrap();
        if !entry.file_name().to_str().unwrap().starts_with(name) {
            continue;
        }
        for line in text(&entry.path()).split_inclusive('\n') {
            if let Some(number) = line.strip_suffix("!\n").and_then(|l| l.parse().ok()) {
                *found.entry(number).or_default() += 1;
            }
        }
    }
    found
}

#[test]
fn files_are_put_aside_and_the_oldest_is_removed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.jsonl");
    let mut file = RotatingFile::open(&path, &settings(10, 2)).unwrap();
    for i in 0..8 {
        file.write(format!("{i}xxx\n").as_bytes()).unwrap();
    }
    // Two lines per file: exactly ten bytes still fit.
    assert_eq!(text(&path), "6xxx\n7xxx\n");
    assert_eq!(text(&folder.path().join("a.jsonl.1")), "4xxx\n5xxx\n");
    assert_eq!(text(&folder.path().join("a.jsonl.2")), "2xxx\n3xxx\n");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 3);
}

#[test]
fn a_line_longer_than_the_limit_gets_a_file_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a");
    let mut file = RotatingFile::open(&path, &settings(3, 1)).unwrap();
    file.write(b"long line\n").unwrap();
    file.write(b"b\n").unwrap();
    assert_eq!(text(&path), "b\n");
    assert_eq!(text(&folder.path().join("a.1")), "long line\n");
}

#[test]
fn nothing_kept_and_never_rotated() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a");
    let mut file = RotatingFile::open(&path, &settings(2, 0)).unwrap();
    file.write(b"a\n").unwrap();
    file.write(b"b\n").unwrap();
    assert_eq!(text(&path), "b\n");
    let mut file = RotatingFile::open(&path, &settings(0, 3)).unwrap();
    for _ in 0..100 {
        file.write(b"a\n").unwrap();
    }
    assert_eq!(text(&path).len(), 202);
}

#[test]
fn a_torn_last_line_is_ended_before_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a");
    std::fs::write(&path, "{\"cut").unwrap();
    let mut file = RotatingFile::open(&path, &settings(1000, 1)).unwrap();
    file.write(b"{}\n").unwrap();
    assert_eq!(text(&path), "{\"cut\n{}\n");
}

#[test]
fn a_file_that_cannot_be_made_or_written_is_named() {
    let error = RotatingFile::open(Path::new("/nowhere/a"), &settings(1, 1)).unwrap_err();
    assert!(error.to_string().contains("/nowhere/a"), "{error}");
    let mut full = RotatingFile::open(Path::new("/dev/full"), &settings(1, 1)).unwrap();
    assert!(full.write(b"x\n").is_err());
}

#[test]
fn a_file_that_was_moved_or_removed_is_made_again_and_what_was_kept_stays() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("logs/a");
    std::fs::create_dir(folder.path().join("logs")).unwrap();
    let mut file = RotatingFile::open(&path, &settings(6, 3)).unwrap();
    for number in 0..8 {
        file.write(format!("{number}!\n").as_bytes()).unwrap();
    }
    let kept = lines(&path);
    assert_eq!(kept.len(), 8);
    // logrotate's `create`: the file is moved, and nothing comes for a while.
    std::fs::rename(&path, folder.path().join("moved")).unwrap();
    file.check();
    assert!(path.exists());
    file.write(b"8!\n").unwrap();
    assert_eq!((text(&path).as_str(), file.take_problem()), ("8!\n", None));
    assert_eq!(text(&folder.path().join("moved")), "6!\n7!\n");
    assert_eq!(lines(&path).len(), 7, "0 to 5 and 8");
    std::fs::remove_file(&path).unwrap();
    file.write(b"9!\n").unwrap();
    // The folder with it.
    std::fs::remove_dir_all(folder.path().join("logs")).unwrap();
    file.write(b"10!\n").unwrap();
    assert_eq!(lines(&path).into_keys().collect::<Vec<_>>(), [10]);
}

#[test]
fn a_file_that_is_truncated_by_others_continues_from_its_beginning() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a");
    let mut file = RotatingFile::open(&path, &settings(40, 3)).unwrap();
    for round in 0..5 {
        for number in 0..10 {
            file.write(format!("{}!\n", round * 10 + number).as_bytes())
                .unwrap();
        }
        // `copytruncate`.
        std::fs::File::create(&path).unwrap();
        assert_eq!(text(&path), "");
    }
    file.write(b"50!\n").unwrap();
    assert_eq!(text(&path), "50!\n");
    // Cut in the middle of a line, by someone who wrote there, too.
    let mut other = OpenOptions::new().append(true).open(&path).unwrap();
    other.write_all(b"half").unwrap();
    drop(file);
    let mut file = RotatingFile::open(&path, &settings(40, 3)).unwrap();
    file.write(b"51!\n").unwrap();
    assert_eq!(text(&path), "50!\nhalf\n51!\n");
}

#[test]
fn an_interrupted_rotation_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a");
    std::fs::write(&path, "0!\n1!").unwrap();
    // The process ended between the new file and its name.
    std::fs::write(folder.path().join("a.part"), "2!\n3").unwrap();
    let mut file = RotatingFile::open(&path, &settings(100, 3)).unwrap();
    file.write(b"4!\n").unwrap();
    assert_eq!(text(&path), "0!\n1!\n2!\n4!\n");
    assert!(!folder.path().join("a.part").exists());
}

#[test]
fn a_gap_is_filled_before_the_oldest_goes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a");
    let mut file = RotatingFile::open(&path, &settings(3, 4)).unwrap();
    for number in 0..5 {
        file.write(format!("{number}!\n").as_bytes()).unwrap();
    }
    std::fs::remove_file(folder.path().join("a.2")).unwrap();
    file.write(b"5!\n").unwrap();
    assert_eq!(
        lines(&path).into_keys().collect::<Vec<_>>(),
        [0, 1, 3, 4, 5]
    );
}

/// What is kept at the end, whatever failed: the newest lines that were written, without a gap
/// before the oldest that had to go.
fn rotate_under(plan: Plan, keep: u32, moved_at: Option<u64>) -> (u64, u64) {
    const LINES: u64 = 28;
    let folder = folder();
    let path = folder.path().join("a");
    let (disk, faults) = SinkDisk::failing(Plan::NONE);
    let mut file = RotatingFile::open_on(disk, &path, &settings(16, keep)).unwrap();
    file.retry_interval = Duration::ZERO;
    faults.set(plan);
    let (mut written, mut lost) = (Vec::new(), 0);
    let mut before = lines(&path);
    for number in 0..LINES {
        if moved_at == Some(number) {
            std::fs::rename(&path, folder.path().join("moved")).unwrap();
            before = lines(&path);
        }
        match file.write(format!("{number}!\n").as_bytes()) {
            Ok(()) => written.push(number),
            Err(_) => lost += 1,
        }
        let after = lines(&path);
        // One file at most goes at a time, the oldest, and only where every place is taken.
        let gone: Vec<_> = before.keys().filter(|n| !after.contains_key(n)).collect();
        let oldest = after.keys().next().copied().unwrap_or(u64::MAX);
        assert!(gone.iter().all(|n| **n < oldest), "{plan:?}: {gone:?}");
        if !gone.is_empty() {
            let aside = (1..=keep).filter(|n| folder.path().join(format!("a.{n}")).exists());
            assert!(aside.count() + 1 >= keep as usize, "{plan:?}");
        }
        before = after;
    }
    assert_eq!(written.len() as u64 + lost, LINES);
    let kept = lines(&path);
    let last = *written.last().unwrap();
    // What was written before the file was moved is in the moved one.
    let moved = moved_at.is_some_and(|at| last < at);
    assert!(moved || kept.contains_key(&last), "{plan:?}: {kept:?}");
    assert!(
        path.exists() && !folder.path().join("a.part").exists(),
        "{plan:?}"
    );
    (faults.failed(), lost)
}

#[test]
fn no_fault_of_the_disk_destroys_what_is_kept() {
    let (mut tried, mut failed) = (0, 0);
    for of in [
        DiskOperation::Open,
        DiskOperation::Write,
        DiskOperation::Sync,
        DiskOperation::Rename,
        DiskOperation::Truncate,
    ] {
        for length in [1, 3, 20] {
            for keep in [0, 1, 3] {
                for moved_at in [None, Some(14)] {
                    for first in 1.. {
                        let plan = Plan {
                            of: Some(of),
                            first,
                            length,
                        };
                        let (faults, lost) = rotate_under(plan, keep, moved_at);
                        if faults == 0 {
                            break;
                        }
                        assert!(lost <= faults, "{plan:?}: {lost} lost");
                        tried += 1;
                        failed += faults;
                    }
                }
            }
        }
    }
    assert!(tried > 500, "{tried}");
    println!("\n{tried} tried, {tried} held, 0 lost: {failed} faults under a rotated file");
}
