//! Help texts: the short ones fit a screen, and none changes unseen.
//!
//! After a deliberate change: `INSTA_UPDATE=always cargo test --test help`, and read the difference.

#![cfg(feature = "offline")]

use std::process::Command;

const SUBCOMMANDS: [&str; 18] = [
    "run",
    "demo",
    "record",
    "camera",
    "profile",
    "thresholds",
    "config",
    "validate",
    "build",
    "doctor",
    "score",
    "eval",
    "export",
    "prepare",
    "calibrate",
    "quantize",
    "learn",
    "inspect",
];

/// Lines of a terminal window of usual size.
const SCREEN_LINES: usize = 50;
const SCREEN_COLUMNS: usize = 100;

fn help(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_unmask"))
        .args(arguments)
        .env_remove("COLUMNS")
        .output()
        .unwrap();
    assert!(output.status.success(), "{arguments:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn every_subcommand_is_listed_here() {
    let top = help(&["-h"]);
    let commands = top.split_once("Commands:\n").unwrap().1;
    let listed: Vec<&str> = commands
        .lines()
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .collect();
    assert_eq!(listed, SUBCOMMANDS);
}

#[test]
fn short_help_fits_a_screen() {
    for subcommand in SUBCOMMANDS {
        let text = help(&[subcommand, "-h"]);
        let lines = text.lines().count();
        assert!(lines <= SCREEN_LINES, "{subcommand}: {lines} lines");
        for line in text.lines() {
            assert!(
                line.chars().count() <= SCREEN_COLUMNS,
                "{subcommand}: {line}"
            );
        }
    }
}

#[test]
fn options_have_an_example_or_need_none() {
    for subcommand in SUBCOMMANDS {
        let text = help(&[subcommand, "--help"]);
        assert!(
            text.contains(&format!("  unmask {subcommand}")),
            "{subcommand}"
        );
    }
}

#[test]
fn help_texts_are_as_reviewed() {
    insta::assert_snapshot!("unmask", help(&["--help"]));
    for subcommand in SUBCOMMANDS {
        insta::assert_snapshot!(format!("{subcommand}-short"), help(&[subcommand, "-h"]));
        insta::assert_snapshot!(format!("{subcommand}-long"), help(&[subcommand, "--help"]));
    }
}
