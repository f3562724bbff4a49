//! A few frames through the binary, and whether two binaries say the same of them.

use crate::apt::AptCache;
use crate::arch::TargetArch;
use crate::cache::Cache;
use crate::process::{ProcessRunner, on_path};
use anyhow::{Context, bail};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// Alerts as they were written.
pub type Alerts = Vec<Value>;

/// How far two numbers may lie apart: the processors round and fuse differently.
const SLACK: f64 = 1e-4;
/// What differs from run to run.
const OF_THE_RUN: [&str; 5] = ["id", "captured_at", "age_ms", "on_time", "budget_ms"];

/// Runs the binary on the synthetic drive with the tests' tiny model.
pub fn of(
    apt: &AptCache<'_>,
    runner: &ProcessRunner,
    arch: TargetArch,
    cache: &Cache,
    program: &Path,
) -> anyhow::Result<Alerts> {
    let mut start = emulation(apt, arch, cache)?;
    start.push(program.to_path_buf());
    let file = cache.work().join("alerts.jsonl");
    let mut command = Command::new(&start[0]);
    command
        .args(&start[1..])
        .args(["run", "--source", "synthetic:1", "--frames", "6", "--model"])
        .arg(cache.repository().join("tests/fixtures/models/mask.onnx"))
        .args(["--anywhere", "--no-rules", "--confirm", "1/1"])
        .args(["--min-area", "50", "--threshold", "0.3"])
        .args(["--budget-ms", "600000", "--threads", "1", "--alerts"])
        .arg(&file);
    runner
        .output(&mut command, Duration::from_secs(900))
        .with_context(|| format!("the binary for {} does not run", arch.name()))?;
    let text = fs::read_to_string(&file).context("no alerts were written")?;
    let alerts: Result<Alerts, _> = text.lines().map(serde_json::from_str).collect();
    let alerts = alerts.context("an alert is not JSON")?;
    if alerts.is_empty() {
        bail!("the binary for {} gives no alert to compare", arch.name());
    }
    Ok(alerts)
}

/// What runs programs of another processor, with the C library that they were linked against.
fn emulation(apt: &AptCache<'_>, arch: TargetArch, cache: &Cache) -> anyhow::Result<Vec<PathBuf>> {
    if arch == TargetArch::host()? {
        return Ok(Vec::new());
    }
    let name = format!("qemu-{}", arch.name());
    let with_static = format!("{name}-static");
    let emulator = if let Some(found) = [&with_static, &name].into_iter().find(|n| on_path(n)) {
        PathBuf::from(found)
    } else {
        let root = cache.folder().join("user-emulation");
        if !root.exists() {
            apt.unpack(&["qemu-user-static"], false, &root, &[])?;
        }
        root.join("usr/bin").join(with_static)
    };
    let root = cache.folder().join(format!("sysroot-{}", arch.name()));
    Ok(vec![emulator, "-L".into(), root])
}

/// Compares what two binaries said of the same frames.
pub fn compare(wanted: &Alerts, found: &Alerts) -> anyhow::Result<()> {
    if wanted.len() != found.len() {
        bail!("{} alerts and {}", wanted.len(), found.len());
    }
    for (number, (a, b)) in wanted.iter().zip(found).enumerate() {
        if let Some(place) = difference(a, b, "") {
            bail!("alert {} differs at {place}: {a} and {b}", number + 1);
        }
    }
    Ok(())
}

/// Where two values differ.
fn difference(a: &Value, b: &Value, place: &str) -> Option<String> {
    match (a, b) {
        (Value::Object(a), Value::Object(b)) if place.is_empty() || a.len() == b.len() => a
            .iter()
            .filter(|(key, _)| !OF_THE_RUN.contains(&key.as_str()))
            .find_map(|(key, value)| {
                let other = b.get(key).unwrap_or(&Value::Null);
                difference(value, other, &format!("{place}/{key}"))
            }),
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => a
            .iter()
            .zip(b)
            .enumerate()
            .find_map(|(at, (a, b))| difference(a, b, &format!("{place}/{at}"))),
        (Value::Number(x), Value::Number(y)) if x.is_f64() || y.is_f64() => {
            let (x, y) = (x.as_f64()?, y.as_f64()?);
            ((x - y).abs() > SLACK * x.abs().max(1.0)).then(|| place.to_string())
        }
        (a, b) => (a != b).then(|| place.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_belongs_to_the_run_is_not_compared_and_the_rest_is() {
        let alert = |id: &str, score: f64, left: u32| json!({"id": id, "age_ms": score, "score_max": score, "box": [left, 2, 3, 4]});
        let of = |alert| vec![alert];
        compare(&of(alert("a", 0.5, 1)), &of(alert("b", 0.50001, 1))).unwrap();
        let error = compare(&of(alert("a", 0.5, 1)), &of(alert("a", 0.5, 2))).unwrap_err();
        assert!(error.to_string().contains("/box/0"), "{error}");
        let error = compare(&of(alert("a", 0.5, 1)), &of(alert("a", 0.6, 1))).unwrap_err();
        assert!(error.to_string().contains("/score_max"), "{error}");
        assert!(compare(&of(alert("a", 0.5, 1)), &Vec::new()).is_err());
    }
}
