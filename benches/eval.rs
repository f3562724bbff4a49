//! Evaluation speed: `unmask eval` on saved score maps at 1280×720, next to NumPy and scikit-learn
//! on the same files.
//!
//! `cargo bench --bench eval`. `UNMASK_BENCH_PICTURES` sets how many (24). Python is
//! `UNMASK_PYTHON` or `python3`, with numpy, scikit-learn, scipy and pillow; without it, its part
//! is left out.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use unmask_frame::{ScoreMap, Size};
use unmask_score::npy;

const SIZE: Size = Size::new(1280, 720);

fn main() {
    let count = std::env::var("UNMASK_BENCH_PICTURES")
        .ok()
        .and_then(|n| n.parse().ok());
    let count: usize = count.unwrap_or(24);
    let dir = tempfile::tempdir().expect("a temporary folder");
    let (scores, labels) = (dir.path().join("scores"), dir.path().join("labels"));
    for sub in [&scores, &labels] {
        std::fs::create_dir(sub).expect("a folder");
    }
    for index in 0..count {
        write_pair(index as u64, &scores, &labels);
    }

    println!("{count} score maps, {SIZE}");
    let unmask = |more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_unmask"));
        command
            .args(["eval", "--json", "--scores"])
            .arg(&scores)
            .arg("--labels")
            .arg(&labels);
        command.args(more);
        command
    };
    let (_, warm) = timed(&mut unmask(&[])).expect("unmask runs");
    let mut exact_s = f64::INFINITY;
    for (name, more) in [
        ("unmask eval, exact", &[][..]),
        ("unmask eval, exact, 1 thread", &["--threads", "1"]),
        ("unmask eval, --fast", &["--fast"]),
    ] {
        let (seconds, _) = timed(&mut unmask(more)).expect("unmask runs");
        println!("{name:<32}{:>9.1} pictures/s", count as f64 / seconds);
        exact_s = if more.is_empty() { seconds } else { exact_s };
    }

    let python = std::env::var("UNMASK_PYTHON").unwrap_or_else(|_| "python3".into());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/eval_reference.py");
    let Some((seconds, reference)) =
        timed(Command::new(python).arg(script).args([&scores, &labels]))
    else {
        println!("NumPy and scikit-learn: not measured (set UNMASK_PYTHON)");
        return;
    };
    println!(
        "{:<32}{:>9.1} pictures/s",
        "NumPy and scikit-learn",
        count as f64 / seconds
    );
    println!(
        "{:<32}{:>9.1} times faster",
        "unmask eval, exact",
        seconds / exact_s
    );
    for key in ["auprc", "fpr95", "auroc", "siou", "ppv", "f1_mean"] {
        let value = |text: &str| {
            let json: serde_json::Value = serde_json::from_str(text).expect("JSON");
            json[key].as_f64().expect("a number")
        };
        let (ours, theirs) = (value(&warm), value(&reference));
        assert!(
            (ours - theirs).abs() < 1e-9,
            "{key}: {ours} is not {theirs}"
        );
    }
    println!("all metrics agree within 1e-9");
}

/// Seconds and stdout of a command; `None` where it fails.
fn timed(command: &mut Command) -> Option<(f64, String)> {
    let start = Instant::now();
    let output = command
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    Some((
        start.elapsed().as_secs_f64(),
        String::from_utf8(output.stdout).ok()?,
    ))
}

/// A few round objects; scores are smooth, know half of them, and carry noise in every pixel.
fn write_pair(index: u64, scores: &Path, labels: &Path) {
    let mut state = index + 1;
    let mut next = || {
        state = state
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (state >> 40) as f32 / 2f32.powi(24)
    };
    let blobs: Vec<[f32; 4]> = (0..8)
        .map(|_| {
            [
                next() * 1280.0,
                next() * 720.0,
                15.0 + next() * 60.0,
                next(),
            ]
        })
        .collect();
    let mut values = Vec::with_capacity(SIZE.area_px());
    let mut marks = Vec::with_capacity(SIZE.area_px());
    for at in 0..SIZE.area_px() {
        let (x, y) = ((at % SIZE.w) as f32, (at / SIZE.w) as f32);
        let mut logit = -3.0 + 1.5 * (x * 0.011).sin() * (y * 0.017).cos() + next() - 0.5;
        let mut label = if y > 690.0 { 255 } else { 0 };
        for (number, [bx, by, radius, seen]) in blobs.iter().enumerate() {
            let far = ((x - bx).powi(2) + (y - by).powi(2)).sqrt() / radius;
            if far < 1.0 && number % 2 == 0 {
                label = 1;
            }
            logit += 6.0 * seen * (-far * far).exp();
        }
        values.push(1.0 / (1.0 + (-logit).exp()));
        marks.push(label);
    }
    let map = ScoreMap::new(SIZE, values).expect("as many as pixels");
    npy::write(&scores.join(format!("{index:04}.npy")), &map).expect("a score map");
    image::GrayImage::from_raw(SIZE.w as u32, SIZE.h as u32, marks)
        .expect("as many as pixels")
        .save(labels.join(format!("{index:04}.png")))
        .expect("a label picture");
}
