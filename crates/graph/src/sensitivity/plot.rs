//! Bar chart of a sensitivity report.

use super::report::{BlockDecision, SensitivityReport};
use crate::quantize::QuantizeError;
use plotters::prelude::*;

const ROW: i32 = 20;
const TOP: i32 = 56;
const WIDTH: i32 = 1000;
/// Where bars may lie; names stand to the left, numbers to the right.
const BARS: std::ops::Range<i32> = 430..820;

impl SensitivityReport {
    /// An SVG: a bar per block as long as the AuPRC that it costs in INT8, coloured by decision.
    ///
    /// # Errors
    /// [`QuantizeError::Plot`].
    pub fn to_svg(&self) -> Result<String, QuantizeError> {
        let mut text = String::new();
        let height = TOP + ROW * self.rows.len() as i32 + 20;
        {
            let area = SVGBackend::with_string(&mut text, (WIDTH as u32, height as u32))
                .into_drawing_area();
            self.draw(&area, height)
                .map_err(|what| QuantizeError::Plot { what })?;
        }
        Ok(text)
    }

    fn draw(
        &self,
        area: &DrawingArea<SVGBackend<'_>, plotters::coord::Shift>,
        height: i32,
    ) -> Result<(), String> {
        let text = |e: &dyn std::fmt::Display| e.to_string();
        let say = |what: String, x: i32, y: i32, size: i32| {
            let style = ("sans-serif", size).into_font().color(&BLACK);
            area.draw(&Text::new(what, (x, y), style))
                .map_err(|e| text(&e))
        };
        area.fill(&WHITE).map_err(|e| text(&e))?;
        let title = format!(
            "AuPRC that INT8 costs, block by block (decision in all: {:+.4}, allowed: {:.4})",
            self.drop(),
            self.max_drop
        );
        say(title, 10, 8, 17)?;
        let said = "blue: INT8, orange: higher precision; right: AuPRC drop, SQNR, share of MACs";
        say(said.to_owned(), 10, 30, 13)?;
        // Bars to the left of the line are gains.
        let drops = || self.rows.iter().map(|r| r.auprc_drop);
        let (low, high) = (drops().fold(0.0, f64::min), drops().fold(0.0, f64::max));
        let span = (high - low).max(1e-6);
        let place =
            |drop: f64| BARS.start + ((drop - low) / span * f64::from(BARS.len() as u32)) as i32;
        let line = vec![(place(0.0), TOP - 4), (place(0.0), height - 16)];
        area.draw(&PathElement::new(line, BLACK))
            .map_err(|e| text(&e))?;
        for (i, row) in self.rows.iter().enumerate() {
            let y = TOP + ROW * i as i32;
            let (from, to) = (
                place(row.auprc_drop.min(0.0)),
                place(row.auprc_drop.max(0.0)),
            );
            let colour = match row.decision {
                BlockDecision::Int8 => RGBColor(60, 120, 190),
                BlockDecision::Costly | BlockDecision::Asked => RGBColor(225, 130, 40),
            };
            let bar = Rectangle::new(
                [(from, y), (to.max(from + 1), y + ROW - 6)],
                colour.filled(),
            );
            area.draw(&bar).map_err(|e| text(&e))?;
            say(short(&row.block), 10, y + 1, 12)?;
            let db = row.sqnr_db.map_or("–".into(), |db| format!("{db:.0} dB"));
            let share = 100.0 * row.mac_share;
            let numbers = format!("{:+.4}   {db}   {share:.1} %", row.auprc_drop);
            say(numbers, BARS.end + 12, y + 1, 12)?;
        }
        area.present().map_err(|e| text(&e))
    }
}

/// The end of a name that is too long for its place.
fn short(name: &str) -> String {
    const LONGEST: usize = 62;
    let count = name.chars().count();
    if count <= LONGEST {
        return name.to_owned();
    }
    let end: String = name.chars().skip(count - LONGEST).collect();
    format!("…{end}")
}

#[cfg(test)]
mod tests {
    use super::super::report::tests::example;
    use super::*;

    #[test]
    fn every_block_has_its_bar() {
        let mut verdict = example();
        let svg = verdict.to_svg().unwrap();
        assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"));
        assert_eq!(svg.matches("fill=\"#E18228\"").count(), 2, "{svg}");
        assert_eq!(svg.matches("fill=\"#3C78BE\"").count(), 1);
        assert!(svg.contains("+0.0400"));
        verdict.rows.clear();
        assert!(verdict.to_svg().unwrap().contains("AuPRC"));
    }

    #[test]
    fn long_names_keep_their_end() {
        let name = format!("{}tail", "x".repeat(90));
        let short = short(&name);
        assert!(short.starts_with('…') && short.ends_with("tail"));
        assert_eq!(short.chars().count(), 63);
    }
}
