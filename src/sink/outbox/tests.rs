//! The outbox across restarts, damage, disk faults and changes by other processes.

mod histories;

use super::segment::name;
use super::*;

use crate::sink::disk::DiskOperation;
use crate::sink::disk::faults::Plan;
use std::fs::OpenOptions;

const LARGE: OutboxLimits = OutboxLimits { bytes: 1 << 20 };

fn open(folder: &Path) -> AlertOutbox {
    AlertOutbox::open(folder, LARGE).unwrap()
}

fn rest(outbox: &mut AlertOutbox) -> Vec<String> {
    std::iter::from_fn(|| outbox.take().unwrap())
        .map(|pending| String::from_utf8(pending.text).unwrap())
        .collect()
}

fn push(outbox: &mut AlertOutbox, texts: &[&str]) {
    for text in texts {
        outbox.push(text.as_bytes()).unwrap();
    }
}

#[test]
fn what_is_not_acknowledged_comes_again_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let mut outbox = open(folder.path());
    assert_eq!((outbox.buffered(), outbox.take().unwrap()), (0, None));
    push(&mut outbox, &["a", "b", "c"]);
    let taken: Vec<u64> = (0..2)
        .map(|_| outbox.take().unwrap().unwrap().number)
        .collect();
    assert_eq!((taken.as_slice(), outbox.buffered()), (&[0, 1][..], 3));
    // Out of order: the first one still holds the place.
    assert!(outbox.ack(1) && !outbox.ack(1) && !outbox.ack(2) && !outbox.ack(9));
    outbox.save().unwrap();
    outbox.rewind();
    assert_eq!(
        (rest(&mut outbox), outbox.buffered()),
        (vec!["a".into(), "c".into()], 2)
    );
    outbox.ack(0);
    outbox.save().unwrap();
    drop(outbox);
    // The end of the process, too.
    let mut outbox = open(folder.path());
    assert_eq!((outbox.buffered(), outbox.damaged()), (1, 0));
    push(&mut outbox, &["d"]);
    assert_eq!(rest(&mut outbox), ["c", "d"]);
    outbox.ack(2);
    outbox.ack(3);
    assert_eq!(outbox.buffered(), 0);
    // Never saved: at least once, not at most once.
    drop(outbox);
    assert_eq!(rest(&mut open(folder.path())), ["c", "d"]);
}

#[test]
fn a_torn_tail_costs_only_itself() {
    let folder = tempfile::tempdir().unwrap();
    let mut outbox = open(folder.path());
    push(&mut outbox, &["first", "second", "third"]);
    drop(outbox);
    let path = folder.path().join(name(0));
    let whole = std::fs::read(&path).unwrap();
    for cut in 0..whole.len() {
        std::fs::write(&path, &whole[..cut]).unwrap();
        let mut outbox = open(folder.path());
        let lines = whole[..cut].iter().filter(|&&b| b == b'\n').count();
        push(&mut outbox, &["new"]);
        let got = rest(&mut outbox);
        let want: Vec<&str> = ["first", "second", "third"][..lines]
            .iter()
            .copied()
            .chain(["new"])
            .collect();
        assert_eq!(got, want, "cut at {cut}");
        assert_eq!(
            outbox.damaged(),
            u64::from(cut > 0 && whole[cut - 1] != b'\n')
        );
        drop(outbox);
        for entry in std::fs::read_dir(folder.path()).unwrap() {
            std::fs::remove_file(entry.unwrap().path()).unwrap();
        }
    }
}

#[test]
fn damage_in_the_middle_costs_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let mut outbox = open(folder.path());
    push(&mut outbox, &["aaaa", "bbbb", "cccc"]);
    drop(outbox);
    let path = folder.path().join(name(0));
    let text = std::fs::read_to_string(&path)
        .unwrap()
        .replace("bbbb", "bxbb");
    std::fs::write(&path, text).unwrap();
    std::fs::write(folder.path().join("acked"), "garbage").unwrap();
    let mut outbox = open(folder.path());
    assert_eq!(outbox.damaged(), 1);
    assert_eq!(rest(&mut outbox), ["aaaa", "cccc"]);
    outbox.ack(0);
    outbox.ack(2);
    outbox.save().unwrap();
    drop(outbox);
    assert_eq!(open(folder.path()).buffered(), 0);
}

#[test]
fn a_full_outbox_drops_the_oldest_and_counts_them() {
    let folder = tempfile::tempdir().unwrap();
    let limits = OutboxLimits { bytes: 32 << 10 };
    let mut outbox = AlertOutbox::open(folder.path(), limits).unwrap();
    let text = "x".repeat(1000);
    for number in 0..10 {
        assert_eq!(outbox.push(text.as_bytes()).unwrap(), number);
    }
    let first = outbox.take().unwrap().unwrap();
    for _ in 10..100 {
        outbox.push(text.as_bytes()).unwrap();
        assert!(outbox.bytes() <= limits.bytes);
    }
    let on_disk: u64 = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|e| e.unwrap().metadata().unwrap().len())
        .sum();
    assert!(on_disk <= limits.bytes + 100, "{on_disk}");
    // The one on its way is neither: it may still arrive.
    assert_eq!(outbox.dropped() + outbox.buffered(), 99);
    assert!(outbox.dropped() >= 67 && outbox.buffered() >= 24);
    // It arrives, and is not lost, too.
    assert!(outbox.ack(first.number) && !outbox.ack(first.number));
    let left = rest(&mut outbox).len() as u64;
    assert_eq!(outbox.dropped() + left, 99);
    // A smaller limit holds from the start.
    drop(outbox);
    let outbox = AlertOutbox::open(folder.path(), OutboxLimits { bytes: 9 << 10 }).unwrap();
    assert!(outbox.bytes() <= 9 << 10 && outbox.buffered() < left);
}

#[test]
fn acknowledged_segments_are_removed() {
    let folder = tempfile::tempdir().unwrap();
    let limits = OutboxLimits { bytes: 32 << 10 };
    let mut outbox = AlertOutbox::open(folder.path(), limits).unwrap();
    for _ in 0..1000 {
        outbox.push(&[b'x'; 500]).unwrap();
        let pending = outbox.take().unwrap().unwrap();
        outbox.ack(pending.number);
        outbox.save().unwrap();
    }
    assert_eq!((outbox.dropped(), outbox.buffered()), (0, 0));
    assert!(outbox.segments.len() <= 2, "{}", outbox.segments.len());
}

#[test]
fn bad_lines_and_folders_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut outbox = open(folder.path());
    assert!(outbox.push(b"two\nlines").is_err());
    assert!(outbox.push(&vec![b'x'; 70_000]).is_err());
    assert_eq!(outbox.buffered(), 0);
    let error = AlertOutbox::open(folder.path(), LARGE)
        .unwrap_err()
        .to_string();
    assert!(error.contains("another process"), "{error}");
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let error = AlertOutbox::open(&file, LARGE).unwrap_err().to_string();
    assert!(error.contains("file"), "{error}");
    drop(outbox);
    // A lost `acked` file with segments that start later than 0.
    std::fs::write(folder.path().join(name(7)), "junk").unwrap();
    let mut outbox = open(folder.path());
    assert_eq!(outbox.push(b"x").unwrap(), 8);
    assert_eq!(rest(&mut outbox), ["x"]);
}

#[test]
fn what_somebody_removes_is_put_back() {
    let base = tempfile::tempdir().unwrap();
    let folder = base.path().join("outbox");
    let mut outbox = open(&folder);
    push(&mut outbox, &["a", "b"]);
    drop(outbox);
    let mut outbox = open(&folder);
    push(&mut outbox, &["c"]);
    let first = outbox.take().unwrap().unwrap();
    outbox.ack(first.number);
    outbox.save().unwrap();
    assert_eq!(outbox.check().unwrap(), None);
    for (what, named) in [
        ("lock", "lock"),
        ("acked", "`acked`"),
        (name(0).as_str(), "1 removed segments"),
        (name(2).as_str(), "1 removed segments"),
    ] {
        std::fs::remove_file(folder.join(what)).unwrap();
        let found = outbox.check().unwrap().unwrap();
        assert!(found.contains(named), "{what}: {found}");
        assert_eq!(outbox.check().unwrap(), None, "{what}");
    }
    std::fs::remove_dir_all(&folder).unwrap();
    let found = outbox.check().unwrap().unwrap();
    assert!(
        found.contains("folder") && found.contains("2 removed segments"),
        "{found}"
    );
    // Held again: nobody else gets in.
    assert!(AlertOutbox::open(&folder, LARGE).is_err());
    push(&mut outbox, &["d"]);
    assert_eq!((outbox.buffered(), outbox.removed_by_others()), (3, 0));
    drop(outbox);
    assert_eq!(rest(&mut open(&folder)), ["b", "c", "d"]);
}

#[test]
fn what_somebody_cuts_off_is_counted_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut outbox = open(folder.path());
    push(&mut outbox, &["aaaa", "bbbb", "cccc", "dddd"]);
    let path = folder.path().join(name(0));
    let line = std::fs::metadata(&path).unwrap().len() / 4;
    let taken = outbox.take().unwrap().unwrap();
    let second = outbox.take().unwrap().unwrap();
    let cut = |bytes| {
        let file = OpenOptions::new().write(true).open(&path).unwrap();
        file.set_len(bytes).unwrap();
    };
    // In the middle of the third.
    cut(2 * line + 3);
    let found = outbox.check().unwrap().unwrap();
    assert!(found.contains("2 alerts were truncated"), "{found}");
    assert_eq!((outbox.buffered(), outbox.removed_by_others()), (2, 2));
    push(&mut outbox, &["eeee"]);
    // All of it, with two on their way: one arrives all the same, the other is lost.
    cut(0);
    outbox.check().unwrap();
    assert_eq!((outbox.buffered(), outbox.removed_by_others()), (0, 3));
    assert!(outbox.ack(taken.number));
    outbox.rewind();
    assert!(!outbox.ack(second.number));
    assert_eq!((outbox.buffered(), outbox.removed_by_others()), (0, 4));
    push(&mut outbox, &["ffff"]);
    assert_eq!(rest(&mut outbox), ["ffff"]);
    drop(outbox);
    assert_eq!(rest(&mut open(folder.path())), ["ffff"]);
}

#[test]
fn a_line_that_is_changed_on_disk_is_not_delivered() {
    let folder = tempfile::tempdir().unwrap();
    let mut outbox = open(folder.path());
    push(&mut outbox, &["aaaa", "bbbb", "cccc"]);
    let path = folder.path().join(name(0));
    let text = std::fs::read_to_string(&path).unwrap();
    // In place: the file stays the same one.
    let file = OpenOptions::new().write(true).open(&path).unwrap();
    SinkDisk::default()
        .write_at(&file, text.replace("bbbb", "bxbb").as_bytes(), 0)
        .unwrap();
    assert_eq!(rest(&mut outbox), ["aaaa", "cccc"]);
    assert_eq!((outbox.buffered(), outbox.removed_by_others()), (2, 1));
}

#[test]
fn a_disk_that_is_full_at_the_start_is_no_reason_not_to_start() {
    let folder = tempfile::tempdir().unwrap();
    drop(open(folder.path()));
    let (disk, faults) = SinkDisk::failing(Plan::NONE);
    faults.set(Plan {
        of: Some(DiskOperation::Write),
        first: 1,
        length: 3,
    });
    let mut outbox = AlertOutbox::open_on(disk, folder.path(), LARGE).unwrap();
    let failed = (0..9).take_while(|_| outbox.push(b"x").is_err()).count();
    assert!((1..=3).contains(&failed), "{failed}");
    assert_eq!((outbox.buffered(), rest(&mut outbox).len()), (1, 1));
}
