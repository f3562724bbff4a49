//! Programs, libraries and data that tests compare against, and what a test does without them: it is
//! skipped by name, and fails in CI (`UNMASK_CI=1`).
#![forbid(unsafe_code)]

use std::ffi::OsStr;
use std::fmt::Display;
use std::io::Write;
use std::path::PathBuf;

/// Set to `1` where no oracle may be missing.
pub const CI: &str = "UNMASK_CI";
/// Names of the oracles that may be missing there all the same, separated by spaces.
pub const CI_WITHOUT: &str = "UNMASK_CI_WITHOUT";

/// True if a test must fail where the oracle `name` is missing: in CI, unless CI does without it.
pub fn is_required(name: &str) -> bool {
    let read = |key: &str| std::env::var(key).unwrap_or_default();
    required(&read(CI), &read(CI_WITHOUT), name)
}

fn required(ci: &str, without: &str, name: &str) -> bool {
    !matches!(ci, "" | "0") && !without.split_whitespace().any(|known| known == name)
}

/// Prints that `test` is skipped for want of the oracle `name`, on the process's standard error:
/// the test runner keeps what a passing test prints to itself.
///
/// # Panics
/// Where the oracle [is required](is_required).
#[track_caller]
pub fn skip(test: &str, name: &str, reason: impl Display) {
    assert!(
        !is_required(name),
        "{test} needs {name}: {reason}; {CI}=1 forbids to skip it, {CI_WITHOUT} names what may be \
         missing"
    );
    // One write: lines of tests that run at once stay whole.
    let line = format!("skipped {test}: {reason}\n");
    let _ = std::io::stderr().write_all(line.as_bytes());
}

/// The Python with numpy, onnx and onnxruntime that `UNMASK_PYTHON` names. Oracle `python`.
#[track_caller]
pub fn python(test: &str) -> Option<PathBuf> {
    variable(test, "python", "UNMASK_PYTHON", "a Python with onnxruntime")
}

/// The folder of real pictures that `UNMASK_DATA` names. Oracle `data`.
#[track_caller]
pub fn data(test: &str) -> Option<PathBuf> {
    variable(test, "data", "UNMASK_DATA", "a folder of real pictures")
}

/// The folder of TensorRT-RTX's libraries that `UNMASK_RTX` names. Oracle `rtx`.
#[track_caller]
pub fn rtx(test: &str) -> Option<PathBuf> {
    let what = "a folder with libtensorrt_rtx.so.1";
    variable(test, "rtx", "UNMASK_RTX", what)
}

/// The public weights of EfficientNet-Lite0 that `UNMASK_BACKBONE` names. Oracle `backbone`.
#[track_caller]
pub fn backbone(test: &str) -> Option<PathBuf> {
    let what = "efficientnet-lite0-*.pth";
    variable(test, "backbone", "UNMASK_BACKBONE", what)
}

#[track_caller]
fn variable(test: &str, name: &str, key: &str, what: &str) -> Option<PathBuf> {
    let value = std::env::var_os(key).filter(|value| !value.is_empty());
    if value.is_none() {
        skip(test, name, format_args!("{key} does not name {what}"));
    }
    value.map(PathBuf::from)
}

/// The program `name`, which is an oracle of that name.
#[track_caller]
pub fn program(test: &str, name: &str) -> Option<PathBuf> {
    let found = find_program(name);
    if found.is_none() {
        skip(test, name, format_args!("{name} is not installed"));
    }
    found
}

/// The program `name` in `PATH` or in a folder of services' programs.
pub fn find_program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH");
    let path = path.as_deref().unwrap_or(OsStr::new(""));
    std::env::split_paths(path)
        .chain(["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from))
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHILD: &str = "UNMASK_ORACLE_CHILD";

    #[test]
    fn ci_requires_all_but_what_it_names() {
        for ci in ["", "0"] {
            assert!(!required(ci, "", "python"));
        }
        assert!(required("1", "", "python"));
        assert!(required("1", "data rtx", "python"));
        assert!(!required("1", "data rtx", "rtx"));
        assert!(required("1", "data", "dat"));
    }

    #[test]
    fn programs_are_found_where_they_are() {
        let sh = find_program("sh").expect("every test machine has a shell");
        assert!(sh.ends_with("sh") && sh.is_file());
        assert_eq!(find_program("no-such-program-at-all"), None);
    }

    /// In processes of their own, since the environment belongs to all tests of this one.
    #[test]
    fn a_missing_oracle_fails_in_ci_and_is_skipped_elsewhere() {
        let run = |ci: &str, without: &str| {
            std::process::Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "tests::missing", "--nocapture"])
                .env(CHILD, "1")
                .env(CI, ci)
                .env(CI_WITHOUT, without)
                .output()
                .unwrap()
        };
        let here = run("", "");
        let said = String::from_utf8_lossy(&here.stderr).into_owned();
        assert!(here.status.success(), "{said}");
        assert!(said.contains("skipped missing: no-such-oracle is not installed"));
        let ci = run("1", "data");
        let said = String::from_utf8_lossy(&ci.stderr).into_owned();
        assert!(!ci.status.success(), "{said}");
        assert!(said.contains("missing needs no-such-oracle"), "{said}");
        assert!(run("1", "no-such-oracle").status.success());
    }

    /// What [`a_missing_oracle_fails_in_ci_and_is_skipped_elsewhere`] runs.
    #[test]
    fn missing() {
        if std::env::var_os(CHILD).is_some() {
            assert_eq!(program("missing", "no-such-oracle"), None);
        }
    }
}

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
