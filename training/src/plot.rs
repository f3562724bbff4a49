//! The log as a picture: losses above, validation below, over all steps of the run.

use plotters::prelude::*;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// Why no picture was drawn.
#[derive(Debug, thiserror::Error)]
pub enum PlotError {
    /// The log cannot be read.
    #[error("{path}: {source}")]
    Read {
        /// The log.
        path: PathBuf,
        /// The error of the system.
        source: std::io::Error,
    },
    /// A line of the log is no JSON object.
    #[error("{path}, line {line}: {what}")]
    Line {
        /// The log.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// What is wrong with it.
        what: String,
    },
    /// The picture cannot be drawn or written.
    #[error("{path}: {what}")]
    Draw {
        /// The picture.
        path: PathBuf,
        /// What went wrong.
        what: String,
    },
}

/// A named line: (step over all stages, value).
type PlotSeries = (&'static str, Vec<(f64, f64)>);

/// Draws `log` (JSON Lines as the trainer writes them) as an SVG file.
///
/// # Errors
/// [`PlotError`], naming file and line.
pub fn draw(log: &Path, svg: &Path) -> Result<(), PlotError> {
    let (losses, validation) = read(log)?;
    let area = SVGBackend::new(svg, (900, 700)).into_drawing_area();
    let failed = |what: String| PlotError::Draw {
        path: svg.to_owned(),
        what,
    };
    area.fill(&WHITE).map_err(|e| failed(e.to_string()))?;
    let (above, below) = area.split_vertically(380);
    chart(&above, "losses (weighted sum and parts)", &losses).map_err(failed)?;
    chart(&below, "validation at mask resolution", &validation).map_err(failed)?;
    area.present().map_err(|e| failed(e.to_string()))
}

fn read(path: &Path) -> Result<(Vec<PlotSeries>, Vec<PlotSeries>), PlotError> {
    let text =
        unmask_frame::read_regular_text(path, u64::MAX).map_err(|source| PlotError::Read {
            path: path.to_owned(),
            source,
        })?;
    let mut losses: Vec<PlotSeries> = ["loss", "class", "mask", "dice", "margin"]
        .map(|n| (n, Vec::new()))
        .into();
    let mut validation: Vec<PlotSeries> = ["miou", "accuracy", "auprc", "fpr95"]
        .map(|n| (n, Vec::new()))
        .into();
    let (mut stage, mut before, mut last) = (Value::Null, 0.0, 0.0);
    for (number, line) in text.lines().enumerate() {
        let wrong = |what: &str| PlotError::Line {
            path: path.to_owned(),
            line: number + 1,
            what: what.to_owned(),
        };
        let entry: Value = serde_json::from_str(line).map_err(|e| wrong(&e.to_string()))?;
        let step = entry["step"].as_f64().ok_or_else(|| wrong("no `step`"))?;
        if entry["stage"] != stage {
            before = last;
            stage = entry["stage"].clone();
        }
        last = before + step + 1.0;
        let (series, values) = match entry.get("validation") {
            Some(values) => (&mut validation, values),
            None => (&mut losses, &entry),
        };
        for (name, points) in series {
            // What is not a number (no pasted pixel) is left out.
            if let Some(value) = values[*name].as_f64() {
                points.push((last, value));
            }
        }
    }
    Ok((losses, validation))
}

fn chart<B: DrawingBackend>(
    area: &DrawingArea<B, plotters::coord::Shift>,
    title: &str,
    series: &[PlotSeries],
) -> Result<(), String> {
    let points = || series.iter().flat_map(|(_, points)| points);
    let far = points().map(|p| p.0).fold(1.0, f64::max);
    let high = points().map(|p| p.1).fold(1e-3, f64::max) * 1.05;
    let text = |e: &dyn std::fmt::Display| e.to_string();
    let mut chart = ChartBuilder::on(area)
        .caption(title, ("sans-serif", 18))
        .margin(10)
        .x_label_area_size(30)
        .y_label_area_size(45)
        .build_cartesian_2d(0.0..far, 0.0..high)
        .map_err(|e| text(&e))?;
    chart
        .configure_mesh()
        .x_desc("step")
        .light_line_style(WHITE)
        .draw()
        .map_err(|e| text(&e))?;
    for (i, (name, points)) in series.iter().enumerate().filter(|(_, s)| !s.1.is_empty()) {
        let colour = Palette99::pick(i).to_rgba();
        chart
            .draw_series(LineSeries::new(
                points.iter().copied(),
                colour.stroke_width(2),
            ))
            .map_err(|e| text(&e))?
            .label(*name)
            .legend(move |(x, y)| Rectangle::new([(x, y - 3), (x + 12, y + 3)], colour.filled()));
    }
    chart
        .configure_series_labels()
        .background_style(WHITE.mix(0.8))
        .border_style(BLACK.mix(0.3))
        .draw()
        .map_err(|e| text(&e))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_becomes_a_picture_and_a_broken_line_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let (log, svg) = (dir.path().join("log.jsonl"), dir.path().join("log.svg"));
        let lines = concat!(
            r#"{"stage":"a","step":0,"loss":3.0,"class":1.0}"#,
            "\n",
            r#"{"stage":"a","step":9,"validation":{"miou":0.5,"auprc":null}}"#,
            "\n",
            r#"{"stage":"b","step":0,"loss":2.0}"#,
            "\n"
        );
        std::fs::write(&log, lines).unwrap();
        let (losses, validation) = read(&log).unwrap();
        // The second stage continues where the first ended.
        assert_eq!(losses[0].1, [(1.0, 3.0), (11.0, 2.0)]);
        assert_eq!(validation[0].1, [(10.0, 0.5)]);
        assert!(validation[2].1.is_empty());
        draw(&log, &svg).unwrap();
        let drawn = std::fs::read_to_string(&svg).unwrap();
        assert!(drawn.starts_with("<svg") && drawn.contains("miou"));

        std::fs::write(&log, format!("{lines}nonsense\n")).unwrap();
        let error = draw(&log, &svg).unwrap_err().to_string();
        assert!(error.contains("line 4"), "{error}");
    }
}
