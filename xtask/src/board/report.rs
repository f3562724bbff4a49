//! Report of the virtual boards.

use super::debian::Init;
use crate::arch::TargetArch;
use crate::process::last_lines;
use anyhow::Context;
use board_guest::{CaseResult, ReportLine};
use clap::ValueEnum;
use std::fs;
use std::path::Path;

/// Where the table lies in the documentation.
const BEGIN: &str = "<!-- cases: written by cargo xtask board --write -->\n";
const END: &str = "<!-- end of cases -->\n";

/// Which board it was.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Label {
    /// Its processor.
    pub arch: TargetArch,
    /// What it booted into.
    pub init: Init,
}

impl Label {
    /// Every board, in the order of the documentation.
    fn all() -> impl Iterator<Item = Self> {
        [TargetArch::X86_64, TargetArch::Aarch64]
            .into_iter()
            .flat_map(|arch| {
                Init::value_variants()
                    .iter()
                    .map(move |&init| Self { arch, init })
            })
    }

    fn text(self) -> String {
        match self.init.codename() {
            None => self.arch.name().to_string(),
            Some(release) => format!("{} with Debian's {release}", self.arch.name()),
        }
    }
}

/// What came of one board.
pub struct BoardReport {
    label: Label,
    kernel: String,
    cases: Vec<CaseResult>,
    running: Option<String>,
    up_s: f64,
    off_s: Option<f64>,
    broken: Option<String>,
}

impl BoardReport {
    /// Nothing yet.
    pub fn new(label: Label) -> Self {
        Self {
            label,
            kernel: String::new(),
            cases: Vec::new(),
            running: None,
            up_s: 0.0,
            off_s: None,
            broken: None,
        }
    }

    /// Takes what the board told.
    pub fn take(&mut self, line: ReportLine) {
        match line {
            ReportLine::Up {
                kernel, seconds, ..
            } => {
                self.kernel = kernel;
                self.up_s = seconds;
            }
            ReportLine::Begin { name } => self.running = Some(name),
            ReportLine::Case(case) => {
                self.running = None;
                self.cases.push(case);
            }
            ReportLine::End { seconds } => self.off_s = Some(seconds),
            ReportLine::Broken { reason } => self.broken = Some(reason),
        }
    }

    /// True if the suite came to its own end.
    pub fn whole(&self) -> bool {
        self.off_s.is_some() && self.broken.is_none()
    }

    /// The board went off before its suite was through.
    pub fn stopped(&mut self, serial: &str) {
        let during = self.running.as_deref().unwrap_or("its start");
        let reason = self.broken.take().unwrap_or_default();
        self.broken = Some(format!("it stopped during {during}. {reason}\n{serial}"));
    }

    /// True if there were cases and every one passed.
    pub fn passed(&self) -> bool {
        self.whole() && !self.cases.is_empty() && self.cases.iter().all(|case| case.passed)
    }
}

/// A case, as it is shown while the board runs.
pub fn one_line(case: &CaseResult) -> String {
    let verdict = if case.passed { "ok  " } else { "FAIL" };
    format!(
        "  {verdict} {:<28} {:>6.1} s  {}",
        case.name, case.seconds, case.outcome
    )
}

/// Prints the boards' tables and totals on stdout.
pub fn print(boards: &[BoardReport]) {
    print!("{}", table(boards));
    for board in boards {
        if let Some(reason) = &board.broken {
            println!("\nThe board {} is broken: {reason}", board.label.text());
        }
    }
    let cases = || boards.iter().flat_map(|board| &board.cases);
    let failed = cases().filter(|case| !case.passed).count()
        + boards.iter().filter(|board| board.broken.is_some()).count();
    let passed = cases().filter(|case| case.passed).count();
    println!("\nboard: {passed} passed, {failed} failed");
}

/// How the table of a board begins in the documentation.
fn heading(label: Label) -> String {
    format!("\n{}, Linux ", label.text())
}

/// Faults and outcomes of all boards, as Markdown.
fn table(boards: &[BoardReport]) -> String {
    let mut text = String::new();
    for board in boards {
        text.push_str(&heading(board.label));
        text.push_str(&format!(
            "{}: up after {:.1} s, through after {:.0} s of the board's time.\n\n\
             | case | what is done | what came of it | |\n|---|---|---|---|\n",
            board.kernel,
            board.up_s,
            board.off_s.unwrap_or(f64::NAN)
        ));
        for case in &board.cases {
            text.push_str(&format!(
                "| {} | {} | {} | {} |\n",
                case.name,
                cell(&case.fault),
                cell(&case.outcome),
                if case.passed { "ok" } else { "**failed**" }
            ));
        }
    }
    text
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

/// Puts the tables between the marks in the documentation; that of a board that did not run stays.
pub fn write(path: &Path, boards: &[BoardReport]) -> anyhow::Result<()> {
    let text =
        fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let text = replaced(&text, boards)
        .with_context(|| format!("{} has no marks for the table", path.display()))?;
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

fn replaced(text: &str, boards: &[BoardReport]) -> Option<String> {
    let from = text.find(BEGIN)? + BEGIN.len();
    let to = from + text[from..].find(END)?;
    let old = &text[from..to];
    let mut tables = String::new();
    for label in Label::all() {
        match boards.iter().position(|board| board.label == label) {
            Some(at) => tables.push_str(&table(&boards[at..=at])),
            None => tables.push_str(old_table(old, label).unwrap_or_default()),
        }
    }
    Some(format!("{}{tables}\n{}", &text[..from], &text[to..]))
}

/// The part of `tables` that is about a board: its heading, and all up to the end of its rows.
fn old_table(tables: &str, label: Label) -> Option<&str> {
    let part = &tables[tables.find(&heading(label))?..];
    let end = part.rfind("|\n")? + 2;
    let next = Label::all()
        .filter_map(|other| part[1..].find(&heading(other)))
        .min()
        .map_or(end, |at| at + 1);
    Some(&part[..end.min(next)])
}

/// The last lines of the serial port, without the board's own.
pub fn tail(serial: &Path, n: usize) -> String {
    let bytes = fs::read(serial).unwrap_or_default();
    let text: Vec<String> = String::from_utf8_lossy(&bytes)
        .lines()
        .filter(|line| !line.contains(board_guest::MARK))
        .map(|line| line.trim_end().to_string())
        .collect();
    last_lines(&text.join("\n"), n)
}

#[cfg(test)]
mod tests {
    use super::*;

    const X86_64: Label = Label {
        arch: TargetArch::X86_64,
        init: Init::Bare,
    };

    fn case(name: &str, passed: bool) -> CaseResult {
        CaseResult {
            name: name.into(),
            fault: "a|b".into(),
            outcome: "seen\ntwice".into(),
            passed,
            seconds: 1.0,
        }
    }

    fn board(cases: &[CaseResult], ended: bool) -> BoardReport {
        let mut board = BoardReport::new(X86_64);
        for case in cases {
            board.take(ReportLine::Begin {
                name: case.name.clone(),
            });
            board.take(ReportLine::Case(case.clone()));
        }
        if ended {
            board.take(ReportLine::End { seconds: 9.0 });
        }
        board
    }

    #[test]
    fn a_board_passes_only_whole_with_cases_that_all_passed() {
        assert!(board(&[case("a/b", true)], true).passed());
        assert!(!board(&[case("a/b", true)], false).passed());
        assert!(!board(&[case("a/b", true), case("a/c", false)], true).passed());
        assert!(!board(&[], true).passed());
        let mut broken = board(&[case("a/b", true)], true);
        broken.take(ReportLine::Broken {
            reason: "panic".into(),
        });
        assert!(!broken.passed());
    }

    #[test]
    fn the_table_stands_between_its_marks_and_is_replaced() {
        let boards = [board(&[case("a/b", true)], true)];
        let page = format!("# Board\n{BEGIN}old\n{END}rest\n");
        let once = replaced(&page, &boards).unwrap();
        assert!(
            once.contains("| a/b | a\\|b | seen twice | ok |\n"),
            "{once}"
        );
        assert!(!once.contains("old"));
        assert!(once.ends_with(&format!("{END}rest\n")));
        assert_eq!(replaced(&once, &boards).unwrap(), once);
        assert!(replaced("no marks", &boards).is_none());
    }

    #[test]
    fn the_table_of_a_board_that_did_not_run_stays() {
        let of = |arch: TargetArch, init: Init, name: &str| BoardReport {
            label: Label { arch, init },
            ..board(&[case(name, true)], true)
        };
        let page = format!("{BEGIN}{END}");
        let arm = replaced(&page, &[of(TargetArch::Aarch64, Init::Bare, "a/arm")]).unwrap();
        let both = replaced(&arm, &[of(TargetArch::X86_64, Init::Bare, "a/pc")]).unwrap();
        let at = |text: &str| both.find(text).unwrap();
        assert!(at("a/pc") < at("aarch64, Linux") && at("aarch64, Linux") < at("a/arm"));
        let again = replaced(&both, &[of(TargetArch::Aarch64, Init::Bare, "b/arm")]).unwrap();
        assert!(again.contains("a/pc") && again.contains("b/arm") && !again.contains("a/arm"));
        let all = [
            of(TargetArch::X86_64, Init::Bare, "a/pc"),
            of(TargetArch::Aarch64, Init::Bare, "a/arm"),
        ];
        assert_eq!(replaced(&page, &all).unwrap(), both);
        let systemd = replaced(&both, &[of(TargetArch::X86_64, Init::Bullseye, "c/d")]).unwrap();
        let at = |text: &str| systemd.find(text).unwrap();
        assert!(at("a/pc") < at("x86_64 with Debian's bullseye, Linux "));
        assert!(at("c/d") < at("aarch64, Linux ") && systemd.contains("a/arm"));
    }
}
