//! The figures as rows of a table, and the table in the docs.

use super::suite::SuiteResult;
use anyhow::{Context, bail};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// First lines of the table.
pub const HEAD: &str = "\
| suite | tried | held | alerts | lost, counted | lost, not counted | figures | run |
|---|---|---|---|---|---|---|---|";

const BEGIN: &str = "<!-- figures -->";
const END: &str = "<!-- end of the figures -->";

/// The row of a suite that took `took`.
pub fn row(name: &str, result: &SuiteResult, took: Duration) -> String {
    let mut figures = result.figures.clone();
    if !result.skipped.is_empty() {
        figures.push(format!("skipped: {}", result.skipped.join(", ")));
    }
    // Suites that know of no alerts say so.
    let known = result.alerts + result.lost_counted > 0;
    let of_alerts = |count: u64| match known {
        true => count.to_string(),
        false => "–".to_string(),
    };
    format!(
        "| {name} | {} | {} | {} | {} | {} | {} | {}, {:.0} s |",
        result.tried,
        result.held(),
        match result.alerts {
            0 => "–".to_string(),
            alerts => alerts.to_string(),
        },
        of_alerts(result.lost_counted),
        of_alerts(result.lost_uncounted),
        figures.join("; ").replace('|', "\\|"),
        today(),
        took.as_secs_f64()
    )
}

fn today() -> String {
    let out = Command::new("date").arg("+%F").output();
    out.map(|out| String::from_utf8_lossy(&out.stdout).trim().to_string())
        .unwrap_or_default()
}

/// Puts `rows` into the table of `page`; rows of other suites stay.
pub fn write(page: &Path, rows: &[(&str, String)]) -> anyhow::Result<()> {
    let text =
        std::fs::read_to_string(page).with_context(|| format!("cannot read {}", page.display()))?;
    let text = put(&text, rows)?;
    std::fs::write(page, text).with_context(|| format!("cannot write {}", page.display()))
}

fn put(text: &str, rows: &[(&str, String)]) -> anyhow::Result<String> {
    let Some((before, rest)) = text.split_once(BEGIN) else {
        bail!("the page has no line `{BEGIN}`");
    };
    let Some((old, after)) = rest.split_once(END) else {
        bail!("the page has no line `{END}`");
    };
    let mut table = String::from(HEAD);
    for (name, _) in super::SUITES {
        let new = rows.iter().find(|(suite, _)| *suite == name);
        let kept = || {
            let start = format!("| {name} |");
            old.lines().find(|line| line.starts_with(&start))
        };
        if let Some(row) = new.map(|(_, row)| row.as_str()).or_else(kept) {
            table.push('\n');
            table.push_str(row);
        }
    }
    Ok(format!("{before}{BEGIN}\n{table}\n{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_other_suites_stay() {
        let page = format!("a\n{BEGIN}\n{HEAD}\n| kill | 1 |\n| files | 2 |\n{END}\nb\n");
        let rows = [("kill", "| kill | 9 |".to_string())];
        let page = put(&page, &rows).unwrap();
        assert_eq!(
            page,
            format!("a\n{BEGIN}\n{HEAD}\n| files | 2 |\n| kill | 9 |\n{END}\nb\n")
        );
        assert!(put("nothing", &rows).is_err());
    }

    #[test]
    fn suite_without_alerts_says_so() {
        let mut result = SuiteResult::default();
        result.add("a", &[]);
        result.add("b", &["it ended".into()]);
        let row = row("fuzz", &result, Duration::from_secs(3));
        assert!(row.starts_with("| fuzz | 2 | 1 | – | – | – |"), "{row}");
    }
}
