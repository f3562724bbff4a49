//! A page about a run: one HTML file that needs nothing but the pictures beside it.

use crate::budget::{Ledger, Stage};
use std::fmt::Write;

/// Rows of the timeline; the rest is counted.
const TIMELINE_ROWS: usize = 40;
/// Bars of the age histogram.
const BINS: usize = 40;

/// A figure at the top of the page.
#[derive(Clone, Debug, PartialEq)]
pub struct Fact {
    /// The figure.
    pub value: String,
    /// What it is.
    pub label: String,
    /// Whether it is as it should be, where that can be said.
    pub good: Option<bool>,
}

impl Fact {
    /// A figure that is neither good nor bad.
    pub fn plain(value: impl Into<String>, label: impl Into<String>) -> Self {
        Self {
            value: value.into(),
            label: label.into(),
            good: None,
        }
    }

    /// A figure that is good or bad.
    pub fn judged(value: impl Into<String>, label: impl Into<String>, good: bool) -> Self {
        Self {
            good: Some(good),
            ..Self::plain(value, label)
        }
    }
}

/// A thing told of, or a thing that was truly there, over the frames of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Span {
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
    /// For an alert: whether something was truly there. For a true thing: whether it was found.
    pub real: Option<bool>,
}

/// What a page says.
#[derive(Debug)]
pub struct Page<'a> {
    /// Heading.
    pub title: &'a str,
    /// One sentence below it.
    pub lead: &'a str,
    /// The figures at the top.
    pub facts: &'a [Fact],
    /// Frames of the run: length of the timeline.
    pub frames: u64,
    /// Things told of.
    pub alerts: &'a [Span],
    /// Things truly there, where that is known.
    pub truth: Option<&'a [Span]>,
    /// Times of the run.
    pub ledger: &'a Ledger,
    /// How old an alert may be, ms.
    pub budget_ms: f64,
    /// Path of the contact sheet, from the page.
    pub sheet: &'a str,
    /// Folder of the overlays, from the page, with `/` at its end; empty for the page's own.
    pub overlay_folder: &'a str,
    /// File names of overlays.
    pub overlays: &'a [String],
    /// Lines at the foot: model, source, settings.
    pub notes: &'a [(String, String)],
}

/// Writes the page.
pub fn html(page: &Page<'_>) -> String {
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
    facts(&mut out, page.facts);
    timeline(&mut out, page);
    let _ = write!(
        out,
        "<section><h2>Most telling frames</h2>\n<a href=\"{0}\"><img src=\"{0}\" \
         alt=\"Contact sheet: the most telling frames of the run\"></a></section>\n",
        path(page.sheet)
    );
    out.push_str("<div class=\"pair\">\n");
    latency(&mut out, page);
    ages(&mut out, page);
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

fn facts(out: &mut String, facts: &[Fact]) {
    out.push_str("<section class=\"facts\">\n");
    for fact in facts {
        let class = match fact.good {
            Some(true) => " class=\"good\"",
            Some(false) => " class=\"bad\"",
            None => "",
        };
        let _ = writeln!(
            out,
            "<div{class}><b>{}</b><span>{}</span></div>",
            escape(&fact.value),
            escape(&fact.label)
        );
    }
    out.push_str("</section>\n");
}

/// One row a thing: what was truly there above, what was told below.
fn timeline(out: &mut String, page: &Page<'_>) {
    const LEFT: f64 = 150.0;
    const WIDTH: f64 = 1000.0;
    const ROW: f64 = 18.0;
    let truth = page.truth.unwrap_or(&[]);
    let rows: Vec<(&Span, bool)> = truth
        .iter()
        .map(|s| (s, true))
        .chain(page.alerts.iter().map(|s| (s, false)))
        .collect();
    out.push_str("<section><h2>Timeline</h2>\n");
    if rows.is_empty() {
        out.push_str("<p>Nothing was told in this run.</p></section>\n");
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
        let (class, label, told) = if *is_truth {
            let (class, said) = match span.real {
                Some(true) => ("found", "found"),
                _ => ("missed", "missed"),
            };
            let told = format!("{}: {said}, up to {} px", span.id, span.area_px);
            (class, span.id.clone(), told)
        } else {
            let number = span.id.rsplit('-').next().unwrap_or("");
            let (class, said) = match (span.real, span.late) {
                (Some(false), _) => ("false", ", false alert"),
                (_, true) => ("late", ", late"),
                _ => ("told", ""),
            };
            let told = format!(
                "alert {}: score {:.2}, up to {} px{said}",
                span.id, span.score_max, span.area_px
            );
            (class, format!("alert #{number}"), told)
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
            escape(&told),
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
fn round_step(frames: u64) -> u64 {
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

fn latency(out: &mut String, page: &Page<'_>) {
    out.push_str(
        "<section><h2>Where the time goes</h2>\n<table>\n<tr><th>stage</th><th>p50 ms</th>\
         <th>p99 ms</th><th>max ms</th></tr>\n",
    );
    for stage in Stage::ALL {
        let p = page.ledger.stage(stage);
        let _ = writeln!(
            out,
            "<tr><td>{}</td><td>{:.2}</td><td>{:.2}</td><td>{:.2}</td></tr>",
            stage.name(),
            p.p50_ms,
            p.p99_ms,
            p.max_ms
        );
    }
    let age = page.ledger.age();
    let _ = write!(
        out,
        "<tr class=\"sum\"><td>capture to alert</td><td>{:.2}</td><td>{:.2}</td><td>{:.2}</td></tr>\n\
         </table>\n<p>Reading and drawing run beside the engine; {:.1} % of the frames' time is \
         spent outside it.</p></section>\n",
        age.p50_ms,
        age.p99_ms,
        age.max_ms,
        page.ledger.outside_engine_share() * 100.0
    );
}

/// Histogram of ages, with the budget as a line.
fn ages(out: &mut String, page: &Page<'_>) {
    const WIDTH: f64 = 480.0;
    const HEIGHT: f64 = 220.0;
    const BASE: f64 = HEIGHT - 24.0;
    out.push_str("<section><h2>Age of a frame when its alerts are out</h2>\n");
    let bins = page.ledger.age_histogram(BINS);
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
        page.ledger.misses(),
        page.ledger.frames(),
        label_y = HEIGHT - 6.0,
    );
}

fn overlays(out: &mut String, page: &Page<'_>) {
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

const STYLE: &str = "
:root{--ink:#1c1c22;--dim:#6b6b76;--line:#e4e4ea;--paper:#f6f6f9;--card:#fff;--told:#0a84ff;
--late:#ff9f0a;--bad:#e5263f;--good:#1f9d55}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);
font:15px/1.5 system-ui,-apple-system,'Segoe UI',Roboto,sans-serif}
header{background:#16161b;color:#fff;padding:28px 24px 30px}
header h1{margin:0;font-size:26px;letter-spacing:-.01em;overflow-wrap:anywhere}
header p{margin:6px 0 0;color:#b9b9c6}
header div{max-width:1200px;margin:0 auto}
main{max-width:1248px;margin:0 auto;padding:0 24px 48px}
section{background:var(--card);border:1px solid var(--line);border-radius:12px;padding:18px 20px;
margin-top:18px}
h2{font-size:15px;margin:0 0 12px}
p{margin:10px 0 0;color:var(--dim)}
.facts{display:grid;grid-template-columns:repeat(auto-fit,minmax(140px,1fr));gap:12px;
background:none;border:0;padding:0;margin-top:-14px}
.facts div{background:var(--card);border:1px solid var(--line);border-radius:12px;padding:14px 16px}
.facts b{display:block;font-size:24px;line-height:1.2;font-variant-numeric:tabular-nums}
.facts span{color:var(--dim);font-size:13px}
.facts .good b{color:var(--good)}.facts .bad b{color:var(--bad)}
img{display:block;width:100%;border-radius:8px}
svg{display:block;width:100%;height:auto}
.pair{display:grid;grid-template-columns:repeat(auto-fit,minmax(360px,1fr));gap:18px}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th,td{text-align:right;padding:5px 8px;border-bottom:1px solid var(--line)}
th{font-weight:500;color:var(--dim)}
th:first-child,td:first-child{text-align:left;padding-left:0}
.sum td{font-weight:600;border-bottom:0}
.notes th{width:140px;vertical-align:top;text-align:left}
.notes td{text-align:left;overflow-wrap:anywhere}
text{font:12px system-ui,sans-serif;fill:var(--dim)}
.row{text-anchor:end;fill:var(--ink)}.axis{text-anchor:middle}.end{text-anchor:end}
.grid{stroke:var(--line)}.base{stroke:#b9b9c6}.budget{stroke:var(--ink);stroke-dasharray:4 3}
rect.told{fill:var(--told)}rect.late{fill:var(--late)}rect.false{fill:var(--bad)}
rect.found{fill:var(--good)}rect.missed{fill:#b9b9c6}
.key i{display:inline-block;width:12px;height:12px;border-radius:3px;margin:0 5px 0 12px;
vertical-align:-1px}
.key i:first-child{margin-left:0}
i.told{background:var(--told)}i.late{background:var(--late)}i.false{background:var(--bad)}
i.found{background:var(--good)}i.missed{background:#b9b9c6}
.links{font-variant-numeric:tabular-nums;line-height:1.9}
a{color:var(--told);text-decoration:none;margin-right:8px}
section>a{margin:0}
";

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn span(id: &str, real: Option<bool>, late: bool) -> Span {
        Span {
            id: id.into(),
            first: 3,
            last: 9,
            score_max: 0.8,
            area_px: 500,
            late,
            real,
        }
    }

    fn page(alerts: &[Span], truth: Option<&[Span]>) -> String {
        let mut ledger = Ledger::new(Duration::from_millis(50), false);
        for i in 0..20 {
            ledger.add(Stage::Engine, Duration::from_millis(30 + i));
            ledger.finish_frame(Duration::from_millis(40 + i));
        }
        html(&Page {
            title: "A <run> & more",
            lead: "lead",
            facts: &[
                Fact::plain("12", "frames"),
                Fact::judged("3", "missed", false),
            ],
            frames: 20,
            alerts,
            truth,
            ledger: &ledger,
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
        let steps = [0, 7, 10, 11, 100, 150, 1000, 20_000, u64::MAX].map(round_step);
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
        assert!(html.contains("Nothing was told"));
        assert_balanced(&html);
        let many: Vec<Span> = (0..100)
            .map(|i| span(&format!("f-{i}"), None, false))
            .collect();
        let html = page(&many, None);
        assert!(html.contains("60 more are not shown"));
        let none = Ledger::new(Duration::ZERO, false);
        let empty = self::html(&Page {
            title: "t",
            lead: "l",
            facts: &[],
            frames: 0,
            alerts: &[],
            truth: None,
            ledger: &none,
            budget_ms: 0.0,
            sheet: "s",
            overlay_folder: "",
            overlays: &[],
            notes: &[],
        });
        assert!(empty.contains("No frame was finished"));
    }
}
