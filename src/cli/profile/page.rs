//! A profile as a page: one HTML file with its drawings inside, which loads nothing.

use super::report::ProfileReport;
use crate::budget::LatencyPercentiles;
use std::fmt::Write as _;

/// Width of the drawings, in their own units.
const WIDTH: f64 = 760.0;
/// Left of the bars: the names.
const LEFT: f64 = 130.0;
/// Height of a row.
const ROW: f64 = 26.0;

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:52rem;margin:2rem auto;\
padding:0 1rem;color:#1b2a33;background:#fff}table{border-collapse:collapse;width:100%}\
th,td{text-align:right;padding:.2rem .6rem;border-bottom:1px solid #d8dfe3}\
th:first-child,td:first-child{text-align:left}svg{width:100%;height:auto}svg text{font:12px \
system-ui,sans-serif;fill:#44545e}.p50{fill:#2b7a8c}.p99{fill:#8fc3cf}.max{fill:#dbe9ed}\
.late{fill:#c8452f}.budget{stroke:#c8452f;stroke-width:1.5;stroke-dasharray:4 3}\
.end{text-anchor:end}";

/// The page.
pub(super) fn html(profile: &ProfileReport) -> String {
    let mut out = String::from("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">");
    // Writing into a string cannot fail; the results are dropped for that reason.
    let _ = writeln!(
        out,
        "<meta name=\"viewport\" content=\"width=device-width\"><title>unmask profile</title>\
         <style>{STYLE}</style></head><body><h1>unmask profile</h1>\n<p>{} of {}, {} frames at \
         {:.1} frames/s on the {} ({}, {} threads), {} frames of warm-up not counted. Model {}, \
         {}x{} (height x width), SHA-256 {}.</p>",
        if profile.realtime {
            "Real time"
        } else {
            "Every frame waited for"
        },
        escape(&profile.source),
        profile.frames,
        profile.frames_per_second,
        escape(&profile.engine.name),
        escape(&profile.engine.precision),
        profile.engine.threads,
        profile.warm_up,
        escape(&profile.model),
        profile.engine.input_height,
        profile.engine.input_width,
        escape(&profile.engine.hash)
    );
    counts(&mut out, profile);
    bars(&mut out, profile);
    table(&mut out, profile);
    ages(&mut out, profile);
    layers(&mut out, profile);
    board(&mut out, profile);
    out.push_str("</body></html>\n");
    out
}

fn counts(out: &mut String, profile: &ProfileReport) {
    let _ = write!(
        out,
        "<p><b>{}</b> on time, <b>{}</b> late within the budget of {} ms",
        profile.on_time, profile.late, profile.budget_ms
    );
    if profile.unknown_age > 0 {
        let _ = write!(out, ", <b>{}</b> of unknown age", profile.unknown_age);
    }
    for (cause, count) in profile.dropped.iter().filter(|(_, count)| **count > 0) {
        let _ = write!(out, ", <b>{count}</b> dropped ({})", escape(cause));
    }
    let _ = writeln!(
        out,
        ". Jitter {:.2} ms. First frame: {}.</p>",
        profile.jitter_ms,
        profile.first_frame()
    );
}

fn rows(profile: &ProfileReport) -> Vec<(&'static str, LatencyPercentiles)> {
    profile
        .stages()
        .chain([("capture to alert", profile.age)])
        .collect()
}

/// Median, 99th percentile and largest value of every stage, over each other.
fn bars(out: &mut String, profile: &ProfileReport) {
    let rows = rows(profile);
    let most = rows
        .iter()
        .map(|r| r.1.max_ms)
        .fold(profile.budget_ms, f64::max);
    let x = |ms: f64| ms / most.max(1e-9) * (WIDTH - LEFT - 60.0);
    let height = ROW * rows.len() as f64 + 8.0;
    let _ = writeln!(
        out,
        "<h2>Stages</h2><svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" \
         aria-label=\"Times of the stages\">"
    );
    for (i, (name, p)) in rows.iter().enumerate() {
        let y = ROW * i as f64;
        let _ = write!(
            out,
            "<text class=\"end\" x=\"{:.0}\" y=\"{:.0}\">{name}</text>",
            LEFT - 8.0,
            y + 16.0
        );
        for (class, ms) in [("max", p.max_ms), ("p99", p.p99_ms), ("p50", p.p50_ms)] {
            let _ = write!(
                out,
                "<rect class=\"{class}\" x=\"{LEFT}\" y=\"{:.0}\" width=\"{:.1}\" height=\"{:.0}\">\
                 <title>{name}: {class} {ms:.2} ms</title></rect>",
                y + 3.0,
                x(ms).max(0.5),
                ROW - 7.0
            );
        }
        let _ = writeln!(
            out,
            "<text x=\"{:.1}\" y=\"{:.0}\">{:.2}</text>",
            LEFT + x(p.max_ms) + 5.0,
            y + 16.0,
            p.p50_ms
        );
    }
    let budget = LEFT + x(profile.budget_ms);
    let _ = writeln!(
        out,
        "<line class=\"budget\" x1=\"{budget:.1}\" x2=\"{budget:.1}\" y1=\"0\" \
         y2=\"{height}\"/></svg><p>Dark: median; middle: 99th percentile; light: largest value. \
         The line is the budget.</p>"
    );
}

fn table(out: &mut String, profile: &ProfileReport) {
    out.push_str(
        "<table><tr><th>stage</th><th>p50 ms</th><th>p90 ms</th><th>p99 ms</th><th>p99.9 ms</th>\
         <th>max ms</th></tr>\n",
    );
    for (name, p) in rows(profile) {
        let _ = writeln!(
            out,
            "<tr><td>{name}</td><td>{:.2}</td><td>{:.2}</td><td>{:.2}</td><td>{:.2}</td>\
             <td>{:.2}</td></tr>",
            p.p50_ms, p.p90_ms, p.p99_ms, p.p999_ms, p.max_ms
        );
    }
    out.push_str("</table>\n");
}

fn ages(out: &mut String, profile: &ProfileReport) {
    const HEIGHT: f64 = 180.0;
    const BASE: f64 = HEIGHT - 20.0;
    let Some(&(last, _)) = profile.ages.last() else {
        return;
    };
    let end = last.max(profile.budget_ms * 1.05).max(1e-9);
    let most = profile.ages.iter().map(|a| a.1).max().unwrap_or(1).max(1) as f64;
    let _ = writeln!(
        out,
        "<h2>Age of a frame when its alerts are out</h2><svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
         role=\"img\" aria-label=\"Histogram of ages\">"
    );
    let mut from = 0.0;
    for &(to, count) in &profile.ages {
        let height = count as f64 / most * (BASE - 10.0);
        let class = if to <= profile.budget_ms {
            "p50"
        } else {
            "late"
        };
        if count > 0 {
            let _ = writeln!(
                out,
                "<rect class=\"{class}\" x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" \
                 height=\"{height:.1}\"><title>{count} frames up to {to:.1} ms</title></rect>",
                from / end * WIDTH,
                BASE - height,
                ((to - from) / end * WIDTH - 1.0).max(1.0)
            );
        }
        from = to;
    }
    let budget = profile.budget_ms / end * WIDTH;
    let _ = writeln!(
        out,
        "<line class=\"budget\" x1=\"{budget:.1}\" x2=\"{budget:.1}\" y1=\"0\" y2=\"{BASE}\"/>\
         <text x=\"0\" y=\"{HEIGHT}\">0</text><text class=\"end\" x=\"{WIDTH}\" y=\"{HEIGHT}\">\
         {end:.0} ms</text></svg>"
    );
}

/// The blocks of the network, a bar each.
fn layers(out: &mut String, profile: &ProfileReport) {
    let Some(layers) = profile.layers.as_ref().filter(|all| !all.is_empty()) else {
        return;
    };
    let most = layers.iter().map(|layer| layer.share).fold(0.0, f64::max);
    let height = ROW * layers.len() as f64 + 8.0;
    let _ = writeln!(
        out,
        "<h2>Blocks of the network</h2><svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" \
         aria-label=\"Times of the blocks\">"
    );
    for (i, layer) in layers.iter().enumerate() {
        let y = ROW * i as f64;
        let width = layer.share / most.max(1e-9) * (WIDTH - LEFT - 130.0);
        let _ = writeln!(
            out,
            "<text class=\"end\" x=\"{:.0}\" y=\"{:.0}\">{}</text><rect class=\"p50\" x=\"{LEFT}\" \
             y=\"{:.0}\" width=\"{:.1}\" height=\"{:.0}\"/><text x=\"{:.1}\" y=\"{:.0}\">{:.2} ms, \
             {:.1} %</text>",
            LEFT - 8.0,
            y + 16.0,
            escape(&layer.name),
            y + 3.0,
            width.max(0.5),
            ROW - 7.0,
            LEFT + width + 5.0,
            y + 16.0,
            layer.ms,
            layer.share * 100.0
        );
    }
    let _ = writeln!(
        out,
        "</svg><p>Each block run by itself after the measured frames: {:.2} ms together, where the \
         engine takes {:.2} ms in the middle.</p>",
        profile.layers_ms(),
        profile.stages.get("engine").map_or(0.0, |p| p.p50_ms)
    );
}

fn board(out: &mut String, profile: &ProfileReport) {
    out.push_str("<h2>Machine</h2><table>\n");
    for (name, text) in profile.board() {
        let _ = writeln!(
            out,
            "<tr><td>{}</td><td>{}</td></tr>",
            escape(&name),
            escape(&text)
        );
    }
    out.push_str("</table>\n");
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::super::report::tests::profile;
    use super::*;

    #[test]
    fn a_page_holds_everything_and_loads_nothing() {
        let page = html(&profile(40.0));
        for part in [
            "&lt;m&gt;.onnx",
            "<b>6</b> on time, <b>1</b> late",
            "<b>2</b> dropped (too_late)",
            "capture to alert",
            "cpu-thermal",
            "class=\"late\"",
            "backbone &lt;stem&gt;",
            "10.00 ms, 25.0 %",
            "</html>",
        ] {
            assert!(page.contains(part), "{part}");
        }
        assert_eq!(page.matches("<svg").count(), page.matches("</svg>").count());
        for loaded in ["http", "src=", "href=", "url("] {
            assert!(!page.contains(loaded), "{loaded}");
        }
    }

    #[test]
    fn a_profile_without_a_frame_is_a_page_too() {
        let mut empty = profile(0.0);
        empty.ages.clear();
        empty.budget_ms = 0.0;
        assert!(!html(&empty).contains("NaN"));
    }
}
