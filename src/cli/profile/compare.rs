//! Two profiles side by side.

use super::report::ProfileReport;
use crate::budget::LatencyPercentiles;
use std::fmt::Write as _;

/// A difference of less than this is not worth a sign, ms.
const NOTHING_MS: f64 = 0.05;

/// Every stage's median and 99th percentile in both, and how they differ.
pub(super) fn table(a: &ProfileReport, b: &ProfileReport) -> String {
    let mut out = String::new();
    // Writing into a string cannot fail; the results are dropped for that reason.
    for (name, p) in [("A", a), ("B", b)] {
        let _ = writeln!(
            out,
            "{name}: {} on the {} ({}, {} threads), {} frames of {}, budget {} ms",
            p.model,
            p.engine.name,
            p.engine.precision,
            p.engine.threads,
            p.frames,
            p.source,
            p.budget_ms
        );
        let _ = writeln!(out, "   {}", p.machine());
    }
    if a.source != b.source || a.realtime != b.realtime || a.rate_hz != b.rate_hz {
        out.push_str("The two have different sources or pacing: compare with care.\n");
    }
    let _ = writeln!(
        out,
        "{:<18}{:>10}{:>10}{:>9}{:>10}{:>10}{:>9}",
        "stage", "A p50 ms", "B p50 ms", "B - A", "A p99 ms", "B p99 ms", "B - A"
    );
    let mut line = |name: &str, x: LatencyPercentiles, y: LatencyPercentiles| {
        let _ = writeln!(
            out,
            "{name:<18}{:>10.2}{:>10.2}{:>9}{:>10.2}{:>10.2}{:>9}",
            x.p50_ms,
            y.p50_ms,
            change(x.p50_ms, y.p50_ms),
            x.p99_ms,
            y.p99_ms,
            change(x.p99_ms, y.p99_ms)
        );
    };
    for (name, x) in a.stages() {
        if let Some(&y) = b.stages.get(name) {
            line(name, x, y);
        }
    }
    line("capture to alert", a.age, b.age);
    layers(&mut out, a, b);
    let share = |p: &ProfileReport| p.misses as f64 / p.frames.max(1) as f64 * 100.0;
    let _ = writeln!(
        out,
        "misses: A {} of {} ({:.1} %), B {} of {} ({:.1} %)",
        a.misses,
        a.frames,
        share(a),
        b.misses,
        b.frames,
        share(b)
    );
    out
}

/// Both profiles, and by stage how much longer B takes than A, ms.
pub(super) fn json(a: &ProfileReport, b: &ProfileReport) -> serde_json::Value {
    let change = |x: LatencyPercentiles, y: LatencyPercentiles| serde_json::json!({ "p50_ms": y.p50_ms - x.p50_ms, "p99_ms": y.p99_ms - x.p99_ms });
    let mut changes = serde_json::Map::new();
    for (name, x) in a.stages() {
        if let Some(&y) = b.stages.get(name) {
            changes.insert(name.to_string(), change(x, y));
        }
    }
    changes.insert("capture to alert".to_owned(), change(a.age, b.age));
    serde_json::json!({ "a": a, "b": b, "b_minus_a": changes })
}

/// The blocks that both have, where both were measured.
fn layers(out: &mut String, a: &ProfileReport, b: &ProfileReport) {
    let (Some(before), Some(after)) = (&a.layers, &b.layers) else {
        return;
    };
    let pairs = before.iter().filter_map(|x| {
        let y = after.iter().find(|y| y.name == x.name)?;
        Some((x, y))
    });
    for (i, (x, y)) in pairs.enumerate() {
        if i == 0 {
            let _ = writeln!(
                out,
                "{:<18}{:>10}{:>10}{:>9}",
                "block", "A ms", "B ms", "B - A"
            );
        }
        let _ = writeln!(
            out,
            "{:<18}{:>10.2}{:>10.2}{:>9}",
            x.name,
            x.ms,
            y.ms,
            change(x.ms, y.ms)
        );
    }
}

/// The difference in percent, where it is more than nothing.
fn change(a: f64, b: f64) -> String {
    if (b - a).abs() < NOTHING_MS {
        "=".into()
    } else if a > 0.0 {
        format!("{:+.1} %", (b / a - 1.0) * 100.0)
    } else {
        format!("{:+.2}", b - a)
    }
}

#[cfg(test)]
mod tests {
    use super::super::report::tests::profile;
    use super::*;

    #[test]
    fn differences_are_in_percent_of_the_first() {
        let said = table(&profile(40.0), &profile(30.0));
        let engine = said.lines().find(|l| l.starts_with("engine")).unwrap();
        assert!(
            engine.contains("-25.0 %") && engine.contains("-23.8 %"),
            "{engine}"
        );
        let decide = said.lines().find(|l| l.starts_with("decide")).unwrap();
        assert_eq!(decide.matches('=').count(), 2, "{decide}");
        let heads = said.lines().find(|l| l.starts_with("heads")).unwrap();
        assert!(
            heads.contains("10.00") && heads.contains("-25.0 %"),
            "{heads}"
        );
        assert!(said.contains("A 3 of 10 (30.0 %)") && !said.contains("with care"));
    }

    #[test]
    fn different_sources_are_said() {
        let mut other = profile(40.0);
        other.source = "pictures:x".into();
        assert!(table(&profile(40.0), &other).contains("with care"));
        assert_eq!(change(0.0, 3.0), "+3.00");
    }
}
