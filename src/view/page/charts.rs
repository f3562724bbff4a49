//! Charts of the report page: timeline and histogram of ages, as SVG.

use super::{AlertSpan, RunPage, escape};
use std::fmt::Write;

/// Rows of the timeline; the rest is counted.
const TIMELINE_ROWS: usize = 40;
/// Bars of the age histogram.
const BINS: usize = 40;

/// One row per object: what was truly there above, what was reported below.
pub(super) fn timeline(out: &mut String, page: &RunPage<'_>) {
    const LEFT: f64 = 150.0;
    const WIDTH: f64 = 1000.0;
    const ROW: f64 = 18.0;
    let truth = page.truth.unwrap_or(&[]);
    let rows: Vec<(&AlertSpan, bool)> = truth
        .iter()
        .map(|s| (s, true))
        .chain(page.alerts.iter().map(|s| (s, false)))
        .collect();
    out.push_str("<section><h2>Timeline</h2>\n");
    if rows.is_empty() {
        out.push_str("<p>No alerts in this run.</p></section>\n");
        return;
    }
    let shown = rows.len().min(TIMELINE_ROWS);
    let height = shown as f64 * ROW + 26.0;
    let frames = page.frames.max(1) as f64;
    let x = |frame: u64| LEFT + frame as f64 / frames * (WIDTH - LEFT - 10.0);
    let _ = writeln!(
        out,
        "<svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"Timeline of alerts\">"
    );
    let step = round_step(page.frames);
    for frame in (0..=page.frames).step_by(step as usize) {
        let _ = writeln!(
            out,
            "<line class=\"grid\" x1=\"{0:.1}\" x2=\"{0:.1}\" y1=\"0\" y2=\"{1:.1}\"/>\
             <text class=\"axis\" x=\"{0:.1}\" y=\"{2:.1}\">{frame}</text>",
            x(frame),
            height - 20.0,
            height - 5.0
        );
    }
    for (row, (span, is_truth)) in rows.iter().take(TIMELINE_ROWS).enumerate() {
        let y = row as f64 * ROW;
        let (class, label, reported) = if *is_truth {
            let (class, said) = match span.real {
                Some(true) => ("found", "found"),
                _ => ("missed", "missed"),
            };
            let reported = format!("{}: {said}, up to {} px", span.id, span.area_px);
            (class, span.id.clone(), reported)
        } else {
            let number = span.id.rsplit('-').next().unwrap_or("");
            let (class, said) = match (span.real, span.late) {
                (Some(false), _) => ("false", ", false alert"),
                (_, true) => ("late", ", late"),
                _ => ("told", ""),
            };
            let reported = format!(
                "alert {}: score {:.2}, up to {} px{said}",
                span.id, span.score_max, span.area_px
            );
            (class, format!("alert #{number}"), reported)
        };
        let from = x(span.first);
        let width = (x(span.last + 1) - from).max(3.0);
        let _ = writeln!(
            out,
            "<text class=\"row\" x=\"{:.0}\" y=\"{:.1}\">{}</text>\
             <rect class=\"{class}\" x=\"{from:.1}\" y=\"{:.1}\" width=\"{width:.1}\" \
             height=\"{:.0}\" rx=\"3\"><title>{}, frames {} to {}</title></rect>",
            LEFT - 10.0,
            y + 13.0,
            escape(&label),
            y + 3.0,
            ROW - 6.0,
            escape(&reported),
            span.first,
            span.last
        );
    }
    out.push_str("</svg>\n<p class=\"key\">");
    if page.truth.is_some() {
        out.push_str(
            "<i class=\"found\"></i>there and found <i class=\"missed\"></i>there and missed ",
        );
    }
    out.push_str("<i class=\"told\"></i>alert <i class=\"late\"></i>alert that came late ");
    if page.truth.is_some() {
        out.push_str("<i class=\"false\"></i>false alert ");
    }
    if rows.len() > shown {
        let _ = write!(out, "· {} more are not shown ", rows.len() - shown);
    }
    out.push_str("· by frame</p></section>\n");
}

/// A round number of frames, so that at most ten steps fill the timeline.
pub(super) fn round_step(frames: u64) -> u64 {
    let mut ten = 1u64;
    loop {
        for step in [1, 2, 5].map(|s| ten.saturating_mul(s)) {
            if frames / step <= 10 {
                return step;
            }
        }
        ten = ten.saturating_mul(10);
    }
}

/// Histogram of ages, with the budget as a line.
pub(super) fn ages(out: &mut String, page: &RunPage<'_>) {
    const WIDTH: f64 = 480.0;
    const HEIGHT: f64 = 220.0;
    const BASE: f64 = HEIGHT - 24.0;
    out.push_str("<section><h2>Age of frames when their alerts are emitted</h2>\n");
    let bins = page.latency.age_histogram(BINS);
    let Some(&(last_ms, _)) = bins.last() else {
        out.push_str("<p>No frame was finished.</p></section>\n");
        return;
    };
    let most = bins.iter().map(|b| b.1).max().unwrap_or(1).max(1) as f64;
    let end_ms = last_ms.max(page.budget_ms * 1.1);
    let x = |ms: f64| ms / end_ms * WIDTH;
    let _ = writeln!(
        out,
        "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"Histogram of ages\">"
    );
    let mut from = 0.0;
    for (to, count) in &bins {
        if *count > 0 {
            let height = (*count as f64 / most * (BASE - 12.0)).max(1.5);
            let class = if *to <= page.budget_ms {
                "told"
            } else {
                "late"
            };
            let _ = writeln!(
                out,
                "<rect class=\"{class}\" x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" \
                 height=\"{height:.1}\"><title>{count} frames up to {to:.1} ms</title></rect>",
                x(from) + 0.5,
                BASE - height,
                (x(*to) - x(from) - 1.0).max(1.0)
            );
        }
        from = *to;
    }
    let budget = x(page.budget_ms);
    let side = if budget > WIDTH - 110.0 {
        "end"
    } else {
        "start"
    };
    let shift = if side == "end" { -5.0 } else { 5.0 };
    let _ = write!(
        out,
        "<line class=\"base\" x1=\"0\" x2=\"{WIDTH}\" y1=\"{BASE}\" y2=\"{BASE}\"/>\n\
         <line class=\"budget\" x1=\"{budget:.1}\" x2=\"{budget:.1}\" y1=\"0\" y2=\"{BASE}\"/>\n\
         <text class=\"label {side}\" x=\"{:.1}\" y=\"12\">budget {:.0} ms</text>\n\
         <text class=\"label start\" x=\"0\" y=\"{label_y:.0}\">0</text>\n\
         <text class=\"label end\" x=\"{WIDTH}\" y=\"{label_y:.0}\">{end_ms:.0} ms</text>\n\
         </svg>\n<p>{} of {} frames missed the budget.</p></section>\n",
        budget + shift,
        page.budget_ms,
        page.latency.misses(),
        page.latency.frames(),
        label_y = HEIGHT - 6.0,
    );
}
