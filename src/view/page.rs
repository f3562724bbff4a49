//! Report page of a run: one HTML file and the pictures next to it.

mod charts;

use crate::budget::{FrameStage, LatencyStats};
use std::fmt::Write;

/// A figure at the top of the page.
#[derive(Clone, Debug, PartialEq)]
pub struct PageFigure {
    /// The figure.
    pub value: String,
    /// What it is.
    pub label: String,
    /// Whether it is as it should be, where that can be said.
    pub good: Option<bool>,
}

impl PageFigure {
    /// A figure that is neither good nor bad.
    pub fn plain(value: impl Into<String>, label: impl Into<String>) -> Self {
        Self {
            value: value.into(),
            label: label.into(),
            good: None,
        }
    }

    /// A figure that is good or bad.
    pub fn rated(value: impl Into<String>, label: impl Into<String>, good: bool) -> Self {
        Self {
            good: Some(good),
            ..Self::plain(value, label)
        }
    }
}

/// An object reported, or an object that was truly there, over the frames of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct AlertSpan {
    /// Its id, or what it is.
    pub id: String,
    /// First frame.
    pub first: u64,
    /// Last frame.
    pub last: u64,
    /// Highest score.
    pub score_max: f32,
    /// Largest area, px.
    pub area_px: u32,
    /// Whether an alert about it came late.
    pub late: bool,
    /// For an alert: whether something was truly there. For a true object: whether it was found.
    pub real: Option<bool>,
}

/// What a page says.
#[derive(Debug)]
pub struct RunPage<'a> {
    /// Heading.
    pub title: &'a str,
    /// One sentence below it.
    pub lead: &'a str,
    /// The figures at the top.
    pub figures: &'a [PageFigure],
    /// Frames of the run: length of the timeline.
    pub frames: u64,
    /// Objects reported.
    pub alerts: &'a [AlertSpan],
    /// Objects truly there, where that is known.
    pub truth: Option<&'a [AlertSpan]>,
    /// Times of the run.
    pub latency: &'a LatencyStats,
    /// How old an alert may be, ms.
    pub budget_ms: f64,
    /// Path of the contact sheet, from the page.
    pub sheet: &'a str,
    /// Folder of the overlays, from the page, with `/` at its end; empty for the page's own.
    pub overlay_folder: &'a str,
    /// File names of overlays.
    pub overlays: &'a [String],
    /// Footer lines: model, source, settings.
    pub notes: &'a [(String, String)],
}

/// Writes the page.
pub fn html(page: &RunPage<'_>) -> String {
    let mut out = String::with_capacity(32 * 1024);
    let title = escape(page.title);
    // Writing into a string cannot fail; the results are dropped for that reason.
    let _ = write!(
        out,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n\
         <header><div><h1>{title}</h1><p>{}</p></div></header>\n<main>\n",
        escape(page.lead)
    );
    figures(&mut out, page.figures);
    charts::timeline(&mut out, page);
    let _ = write!(
        out,
        "<section><h2>Frames with the highest scores</h2>\n<a href=\"{0}\"><img src=\"{0}\" \
         alt=\"Contact sheet: the frames with the highest scores of the run\"></a></section>\n",
        path(page.sheet)
    );
    out.push_str("<div class=\"pair\">\n");
    latency(&mut out, page);
    charts::ages(&mut out, page);
    out.push_str("</div>\n");
    overlays(&mut out, page);
    out.push_str("<section><h2>This run</h2>\n<table class=\"notes\">\n");
    for (key, value) in page.notes {
        let _ = writeln!(
            out,
            "<tr><th>{}</th><td>{}</td></tr>",
            escape(key),
            escape(value)
        );
    }
    out.push_str("</table></section>\n</main>\n</body>\n</html>\n");
    out
}

fn figures(out: &mut String, figures: &[PageFigure]) {
    out.push_str("<section class=\"figures\">\n");
    for figure in figures {
        let class = match figure.good {
            Some(true) => " class=\"good\"",
            Some(false) => " class=\"bad\"",
            None => "",
        };
        let _ = writeln!(
            out,
            "<div{class}><b>{}</b><span>{}</span></div>",
            escape(&figure.value),
            escape(&figure.label)
        );
    }
    out.push_str("</section>\n");
}

fn latency(out: &mut String, page: &RunPage<'_>) {
    out.push_str(
        "<section><h2>Where the time goes</h2>\n<table>\n<tr><th>stage</th><th>p50 ms</th>\
         <th>p99 ms</th><th>max ms</th></tr>\n",
    );
    for stage in FrameStage::ALL {
        let p = page.latency.stage(stage);
        let _ = writeln!(
            out,
            "<tr><td>{}</td><td>{:.2}</td><td>{:.2}</td><td>{:.2}</td></tr>",
            stage.name(),
            p.p50_ms,
            p.p99_ms,
            p.max_ms
        );
    }
    let age = page.latency.age();
    let _ = write!(
        out,
        "<tr class=\"sum\"><td>capture to alert</td><td>{:.2}</td><td>{:.2}</td><td>{:.2}</td></tr>\n\
         </table>\n<p>Reading and drawing run alongside the engine; {:.1} % of the frames' time is \
         spent outside it.</p></section>\n",
        age.p50_ms,
        age.p99_ms,
        age.max_ms,
        page.latency.outside_engine_share() * 100.0
    );
}

fn overlays(out: &mut String, page: &RunPage<'_>) {
    if page.overlays.is_empty() {
        return;
    }
    out.push_str("<section><h2>Overlays</h2>\n<p class=\"links\">");
    for name in page.overlays {
        let _ = write!(
            out,
            "<a href=\"{}{}\">{}</a> ",
            path(page.overlay_folder),
            path(name),
            escape(name.trim_end_matches(".png"))
        );
    }
    out.push_str("</p></section>\n");
}

/// Text that may stand anywhere in HTML.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

/// A relative path as a link: every byte that has a meaning in links is written as `%xx`.
fn path(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'/' => {
                out.push(char::from(byte));
            }
            _ => {
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
    out
}

const STYLE: &str = include_str!("page/style.css");

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn span(id: &str, real: Option<bool>, late: bool) -> AlertSpan {
        AlertSpan {
            id: id.into(),
            first: 3,
            last: 9,
            score_max: 0.8,
            area_px: 500,
            late,
            real,
        }
    }

    fn page(alerts: &[AlertSpan], truth: Option<&[AlertSpan]>) -> String {
        let mut latency = LatencyStats::new(Duration::from_millis(50), false);
        for i in 0..20 {
            latency.add(FrameStage::Engine, Duration::from_millis(30 + i));
            latency.finish_frame(Duration::from_millis(40 + i));
        }
        html(&RunPage {
            title: "A <run> & more",
            lead: "lead",
            figures: &[
                PageFigure::plain("12", "frames"),
                PageFigure::rated("3", "missed", false),
            ],
            frames: 20,
            alerts,
            truth,
            latency: &latency,
            budget_ms: 50.0,
            sheet: "contact sheet.png",
            overlay_folder: "overlays/",
            overlays: &["000001-a#b.png".into()],
            notes: &[("model".into(), "a\"b".into())],
        })
    }

    /// Opened and closed tags must match: a crude check, but it sees a forgotten end.
    fn assert_balanced(html: &str) {
        for tag in [
            "html", "body", "main", "section", "div", "table", "svg", "p", "text", "rect",
        ] {
            let opened = html.matches(&format!("<{tag}>")).count()
                + html.matches(&format!("<{tag} ")).count();
            let closed = html.matches(&format!("</{tag}>")).count();
            assert_eq!(opened, closed, "<{tag}>");
        }
    }

    #[test]
    fn a_page_names_what_happened_and_needs_nothing_from_the_net() {
        let truth = [
            span("dog", Some(true), false),
            span("box", Some(false), false),
        ];
        let alerts = [
            span("f-1", Some(true), true),
            span("f-2", Some(false), false),
        ];
        let html = page(&alerts, Some(&truth));
        assert_balanced(&html);
        let parts = [
            "dog: found",
            "box: missed",
            "alert f-2: score 0.80",
            "false alert",
            ", late",
            "class=\"bad\"",
            "budget 50 ms",
            "9 of 20 frames missed",
        ];
        for part in parts {
            assert!(html.contains(part), "{part}");
        }
        assert!(!html.contains("http"), "the page must work without a net");
    }

    #[test]
    fn timeline_steps_are_round_and_few() {
        let steps = [0, 7, 10, 11, 100, 150, 1000, 20_000, u64::MAX].map(charts::round_step);
        assert_eq!(steps[..8], [1, 1, 1, 2, 10, 20, 100, 2000]);
        assert!(u64::MAX / steps[8] <= 10);
    }

    #[test]
    fn text_is_escaped_and_paths_are_links() {
        let html = page(&[span("<script>-1", None, false)], None);
        assert!(html.contains("A &lt;run&gt; &amp; more") && html.contains("a&quot;b"));
        assert!(!html.contains("<script>"));
        assert!(html.contains("src=\"contact%20sheet.png\""));
        assert!(html.contains("href=\"overlays/000001-a%23b.png\""));
        assert!(!html.contains("there and found"));
    }

    #[test]
    fn an_empty_run_and_a_long_one_are_shown() {
        let html = page(&[], None);
        assert!(html.contains("No alerts"));
        assert_balanced(&html);
        let many: Vec<AlertSpan> = (0..100)
            .map(|i| span(&format!("f-{i}"), None, false))
            .collect();
        let html = page(&many, None);
        assert!(html.contains("60 more are not shown"));
        let none = LatencyStats::new(Duration::ZERO, false);
        let empty = self::html(&RunPage {
            title: "t",
            lead: "l",
            figures: &[],
            frames: 0,
            alerts: &[],
            truth: None,
            latency: &none,
            budget_ms: 0.0,
            sheet: "s",
            overlay_folder: "",
            overlays: &[],
            notes: &[],
        });
        assert!(empty.contains("No frame was finished"));
    }
}
