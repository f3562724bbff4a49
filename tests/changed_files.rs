//! Files that were changed at random, through every reader: each is read, or refused with a reason,
//! and never a panic, whoever wrote it. `UNMASK_FUZZ_CASES` says how many of each kind are tried
//! (300 unless it does); `fuzz/` looks deeper, with coverage.

#[path = "../fuzz/src/readers.rs"]
#[allow(dead_code)]
mod readers;

mod common;

use common::{model, put};
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use unmask::config::RunConfig;
use unmask::source::{NextFrame, OpenSource, RunPace, SourceClock, SourceReader, SourceUri};
use unmask_frame::{Size, decode_jpeg, decode_picture};

/// Longest that one file may take: far more than any does, on a busy machine.
const LONGEST: Duration = Duration::from_secs(20);
/// Longest text that is put in at one place, bytes.
const INSERT_LIMIT: usize = 64;

/// Numbers from a seed (splitmix64): the same files on every machine.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `sides`; 0 where there is none.
    fn roll(&mut self, sides: usize) -> usize {
        (self.next() as usize).checked_rem(sides).unwrap_or(0)
    }
}

/// Words and numbers that readers stumble over.
const AWKWARD: [&[u8]; 14] = [
    b"-1",
    b"18446744073709551616",
    b"1e999",
    b"nan",
    b"\"",
    b"[[[[[[[[",
    b"{}",
    b"null",
    b"../",
    b"\n",
    b"\xff\xff\xff\xff",
    b"\x00\x00\x00\x00",
    b"\x7f\xff\xff\xff",
    b"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01",
];

/// `seed` with one to three changes.
fn change(seed: &[u8], other: &[u8], dice: &mut Dice) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for _ in 0..=dice.roll(3) {
        let at = dice.roll(bytes.len());
        let length = dice.roll(INSERT_LIMIT).min(bytes.len() - at);
        match dice.roll(14) {
            0..=3 if !bytes.is_empty() => bytes[at] ^= 1 << dice.roll(8),
            4..=7 if !bytes.is_empty() => bytes[at] = dice.next() as u8,
            8 => bytes.truncate(at),
            9 => drop(bytes.drain(at..at + length)),
            10 => {
                let piece = bytes[at..at + length].to_vec();
                bytes.splice(at..at, piece);
            }
            11 | 12 => {
                let word = AWKWARD[dice.roll(AWKWARD.len())];
                let end = (at + word.len()).min(bytes.len());
                bytes.splice(at..end, word.iter().copied());
            }
            _ => {
                let from = dice.roll(other.len());
                let to = (from + INSERT_LIMIT).min(other.len());
                bytes.splice(at..at, other[from..to].iter().copied());
            }
        }
    }
    bytes
}

fn cases() -> usize {
    std::env::var("UNMASK_FUZZ_CASES")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(300)
}

/// Reads changed forms of `seeds` with `read`; some must be refused.
fn try_changed(kind: &str, seeds: &[Vec<u8>], read: impl Fn(&Path, &[u8]) -> Result<(), String>) {
    let folder = tempfile::tempdir().unwrap();
    let mut dice = Dice(kind.bytes().map(u64::from).sum());
    let (mut refused, mut slowest) = (0, Duration::ZERO);
    let tried = cases();
    for number in 0..tried {
        let seed = &seeds[dice.roll(seeds.len())];
        let other = &seeds[dice.roll(seeds.len())];
        let bytes = change(seed, other, &mut dice);
        let start = Instant::now();
        let outcome = catch_unwind(AssertUnwindSafe(|| read(folder.path(), &bytes)));
        slowest = slowest.max(start.elapsed());
        let outcome = outcome.unwrap_or_else(|_| {
            let path = std::env::temp_dir().join(format!("unmask-{kind}-{number}"));
            fs::write(&path, &bytes).unwrap();
            panic!("{kind} {number} panicked; it is in {}", path.display())
        });
        if let Err(reason) = outcome {
            assert!(
                !reason.is_empty(),
                "{kind} {number}: refused without a word"
            );
            refused += 1;
        }
    }
    assert!(slowest < LONGEST, "{kind}: {slowest:?}");
    assert!(refused > tried / 10, "{kind}: only {refused} refused");
    println!(
        "\n{tried} tried, {tried} held, 0 lost: {kind} {refused} refused, slowest {} ms",
        slowest.as_millis()
    );
}

fn file(path: &Path) -> Vec<u8> {
    fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn fixture(path: &str) -> Vec<u8> {
    file(
        &Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/fixtures")
            .join(path),
    )
}

fn written(folder: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, bytes).unwrap();
    path
}

/// A picture of the small models in the format of `name`'s end.
fn picture(name: &str) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    put(&folder.path().join(name), true);
    file(&folder.path().join(name))
}

#[test]
fn changed_pictures_are_read_or_refused() {
    for kind in ["png", "jpg", "webp"] {
        let seed = picture(&format!("a.{kind}"));
        try_changed(kind, &[seed], |_, bytes| decode_picture(bytes).map(drop));
    }
    let seed = picture("a.jpg");
    try_changed("mjpg", &[seed], |_, bytes| {
        let decoded = decode_jpeg(bytes, Some(Size::new(256, 128)));
        decoded.map(drop).map_err(|error| error.to_string())
    });
}

#[test]
fn changed_labels_and_scores_are_read_or_refused() {
    let scores = ["00", "01"].map(|name| fixture(&format!("eval/anomaly/scores/{name}.npy")));
    try_changed("npy", &scores, |folder, bytes| {
        let path = written(folder, "a.npy", bytes);
        let read = unmask_score::npy::read(&path);
        read.map(drop).map_err(|error| error.to_string())
    });
    let labels = ["00", "01"].map(|name| fixture(&format!("eval/anomaly/labels/{name}.png")));
    try_changed("labels", &labels, |folder, bytes| {
        let path = written(folder, "a.png", bytes);
        unmask_eval::dataset::read_classes(&path).map(drop)
    });
}

#[test]
fn changed_configurations_are_read_or_refused() {
    let full = common::unmask(Path::new("."), &["config"]).stdout;
    let short =
        b"[sink]\nalerts = [\"a.jsonl\", \"mqtt://u:p@h/t\"]\n[[ladder.steps]]\nname = \"x\"\n\
                  every = 2\n[decide]\nconfirm = \"4/6\"\nregion = [[0.4, 0.5], [1.0, 1.0]]\n";
    try_changed("config", &[full, short.to_vec()], |_, bytes| {
        let text = std::str::from_utf8(bytes).map_err(|error| error.to_string())?;
        let read = RunConfig::parse(text, Path::new("a.toml"));
        read.map(drop).map_err(|error| error.to_string())
    });
}

/// Reads a recording to its end; the first bad frame is what is wrong with it.
fn read_recording(folder: &Path) -> Result<(), String> {
    let source = SourceUri::Recording(folder.to_path_buf());
    let source = OpenSource::open(&source, 10.0).map_err(|error| error.to_string())?;
    let reader = SourceReader::start(source, SourceClock::start(), RunPace::Offline, Some(64))
        .map_err(|error| error.to_string())?;
    let mut bad = None;
    loop {
        match reader.take_within(LONGEST) {
            NextFrame::Frame(frame, _) => bad = bad.or(frame.err()),
            NextFrame::Nothing => return Err("no frame came in time".into()),
            NextFrame::End => break,
        }
    }
    match bad {
        Some(bad) => Err(bad.to_string()),
        None => reader
            .failure()
            .map_or(Ok(()), |error| Err(error.to_string())),
    }
}

#[test]
fn changed_recordings_are_read_or_refused() {
    let base = tempfile::tempdir().unwrap();
    fs::create_dir(base.path().join("in")).unwrap();
    for i in 0..4 {
        put(&base.path().join(format!("in/{i}.png")), i == 1);
    }
    let args = ["record", "--source", "pictures:in", "--out", "drive"];
    assert!(common::unmask(base.path(), &args).status.success());
    let drive = base.path().join("drive");
    for name in ["recording.json", "frames.jsonl"] {
        let seed = file(&drive.join(name));
        try_changed(name, &[seed], |_, bytes| {
            written(&drive, name, bytes);
            read_recording(&drive)
        });
        let out = base.path().join("again");
        let _ = fs::remove_dir_all(&out);
        let args = ["record", "--source", "pictures:in", "--out", "again"];
        assert!(common::unmask(base.path(), &args).status.success());
        fs::copy(out.join(name), drive.join(name)).unwrap();
    }
}

/// Files that fuzzing kept, whole ones and others.
fn kept(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/findings")
        .join(target);
    let entries = fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| file(path)).collect()
}

#[test]
fn changed_models_are_read_or_refused() {
    let mut seeds = kept("onnx");
    seeds.extend(["mask.onnx", "pixel.onnx", "integers.onnx"].map(|name| file(&model(name))));
    try_changed("onnx", &seeds, readers::onnx);
}

#[test]
fn changed_checkpoints_are_read_or_refused() {
    let mut seeds = kept("safetensors");
    seeds.push(fixture("import/swin.safetensors"));
    try_changed("safetensors", &seeds, readers::safetensors);
    let mut seeds = kept("pickle");
    seeds.push(fixture("import/legacy.pth"));
    try_changed("pickle", &seeds, readers::pickle);
}
