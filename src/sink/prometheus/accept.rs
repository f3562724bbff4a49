//! Which form of the metrics is asked for, and the older one made from the newer.

use std::collections::BTreeSet;
use std::fmt::Write;

/// Whether `request` asks for the older text form of Prometheus (`text/plain`) rather than for
/// OpenMetrics. Who does not say gets OpenMetrics.
pub(super) fn wants_plain(request: &[u8]) -> bool {
    let request = String::from_utf8_lossy(request);
    let mut best = [None::<f32>; 2];
    let mut any = None;
    for line in request.lines().skip(1) {
        let Some((name, value)) = line.split_once(':') else {
            continue;
        };
        if !name.trim().eq_ignore_ascii_case("accept") {
            continue;
        }
        for wanted in value.split(',') {
            let mut parts = wanted.split(';').map(str::trim);
            let media = parts.next().unwrap_or_default().to_ascii_lowercase();
            let mut weight = 1.0;
            let mut known = true;
            for part in parts {
                match part.split_once('=') {
                    Some(("q", q)) => weight = q.parse().unwrap_or(0.0),
                    Some(("version", version)) if media == "text/plain" => {
                        known = version == "0.0.4";
                    }
                    _ => {}
                }
            }
            let slot = match media.as_str() {
                "application/openmetrics-text" | "application/*" => &mut best[0],
                "text/plain" | "text/*" if known => &mut best[1],
                "*/*" => &mut any,
                _ => continue,
            };
            *slot = Some(slot.unwrap_or(0.0).max(weight));
        }
    }
    let [open_metrics, plain] = best.map(|weight| weight.or(any).unwrap_or(0.0));
    plain > open_metrics
}

/// The same metrics in the older form: a counter is named as its samples are, and there is no end
/// mark.
pub(super) fn plain(open_metrics: &str) -> String {
    let mut out = String::with_capacity(open_metrics.len());
    let counters: BTreeSet<&str> = open_metrics
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.strip_suffix(" counter"))
        .collect();
    for line in open_metrics.lines() {
        let Some(comment) = line.strip_prefix("# ") else {
            out.push_str(line);
            out.push('\n');
            continue;
        };
        let mut words = comment.splitn(3, ' ');
        let (Some(kind @ ("HELP" | "TYPE")), Some(name), Some(rest)) =
            (words.next(), words.next(), words.next())
        else {
            continue;
        };
        let total = if counters.contains(name) {
            "_total"
        } else {
            ""
        };
        // Writing into a string cannot fail.
        let _ = writeln!(out, "# {kind} {name}{total} {rest}");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_that_is_asked_for_is_given() {
        let asks = |accept: &str| {
            wants_plain(format!("GET /metrics HTTP/1.1\r\nHost: x\r\n{accept}\r\n\r\n").as_bytes())
        };
        for accept in [
            "Accept: text/plain",
            "accept: text/plain;version=0.0.4;q=0.5, */*;q=0.1",
            "ACCEPT: application/openmetrics-text;q=0.3,text/plain;q=0.9",
            "Accept: text/*",
        ] {
            assert!(asks(accept), "{accept}");
        }
        for accept in [
            "X: text/plain",
            "Accept: */*",
            "Accept: text/html",
            // What Prometheus itself asks for.
            "Accept: application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;\
             q=0.3,*/*;q=0.2",
            "Accept: text/plain;version=1.0.0, application/openmetrics-text",
        ] {
            assert!(!asks(accept), "{accept}");
        }
    }

    #[test]
    fn counters_are_named_as_their_samples() {
        let new = "# HELP a_b Bytes.\n# TYPE a_b counter\na_b_total{x=\"1\"} 3\n\
                   # HELP t Time.\n# TYPE t gauge\n# UNIT t seconds\nt 1.5\n# EOF\n";
        let old = "# HELP a_b_total Bytes.\n# TYPE a_b_total counter\na_b_total{x=\"1\"} 3\n\
                   # HELP t Time.\n# TYPE t gauge\nt 1.5\n";
        assert_eq!(plain(new), old);
    }
}
