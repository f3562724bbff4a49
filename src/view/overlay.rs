//! Overlay of one frame: tinted anomaly map, boxes, labels, latency bar.

use super::canvas::{Colour, PictureCanvas};
use std::time::Duration;
use unmask_alert::ProcessedFrame;
use unmask_alert::{Alert, AlertEvent};
use unmask_frame::{Picture, ScoreMap};
use unmask_score::Upsampler;

/// Scores from this share of the threshold on begin to show.
const FAINT: f32 = 0.6;
/// Colours of the tint, from faint to strong, with their opacity.
const TINT: [([f32; 3], f32); 3] = [
    ([255.0, 214.0, 10.0], 0.0),
    ([255.0, 122.0, 0.0], 0.45),
    ([236.0, 0.0, 92.0], 0.66),
];
const BEGIN: Colour = [255, 45, 85];
const UPDATE: Colour = [255, 159, 10];
const INK: Colour = [255, 255, 255];
const DARK: Colour = [20, 20, 24];
const DIM: Colour = [170, 170, 180];
const LATE: Colour = [255, 69, 58];
const IN_TIME: Colour = [48, 209, 88];
const ENGINE: Colour = [10, 132, 255];
const OTHER: Colour = [191, 90, 242];
/// The bar shows up to this multiple of the budget.
const BAR_BUDGETS: f64 = 2.0;

/// Draws overlays of frames; keeps its tables.
#[derive(Debug)]
pub struct OverlayDrawer {
    threshold: f32,
    budget: Duration,
    upsampler: Option<Upsampler>,
}

impl OverlayDrawer {
    /// For a run that reports scores above `threshold`, within `budget`.
    pub fn new(threshold: f32, budget: Duration) -> Self {
        Self {
            threshold,
            budget,
            upsampler: None,
        }
    }

    /// The picture of `looked` with everything drawn on it.
    pub fn draw(&mut self, processed: &ProcessedFrame) -> Picture {
        let (from, to) = (
            processed.scored.score.size(),
            processed.frame.picture.size(),
        );
        if !self.upsampler.as_ref().is_some_and(|u| u.is_for(from, to)) {
            self.upsampler = Some(Upsampler::new(from, to));
        }
        let mut picture = processed.frame.picture.clone();
        if let Some(map) = self
            .upsampler
            .as_mut()
            .and_then(|tables| tables.run(&processed.scored.score))
        {
            tint(&mut picture, &map, self.threshold);
        }
        let mut canvas = PictureCanvas::new(&mut picture);
        for alert in processed
            .alerts
            .iter()
            .filter(|a| a.event != AlertEvent::End)
        {
            draw_alert(&mut canvas, alert);
        }
        draw_bar(&mut canvas, processed, self.budget);
        picture
    }
}

/// The picture of `looked` with everything drawn on it: see [`OverlayDrawer::draw`].
pub fn overlay(processed: &ProcessedFrame, threshold: f32, budget: Duration) -> Picture {
    OverlayDrawer::new(threshold, budget).draw(processed)
}

/// Lays the anomaly map over the picture.
fn tint(picture: &mut Picture, map: &ScoreMap, threshold: f32) {
    // From faint (0) over the threshold (0.5) to a score of 1 (1).
    let faint = threshold * FAINT;
    let table: Vec<([f32; 3], f32)> = (0..=255).map(|i| tint_at(i as f32 / 255.0)).collect();
    for (px, &a) in picture.rgb_mut().chunks_exact_mut(3).zip(map.data()) {
        if a <= faint {
            continue;
        }
        let t = if a < threshold {
            0.5 * (a - faint) / (threshold - faint)
        } else {
            0.5 + 0.5 * (a - threshold) / (1.0 - threshold).max(1e-3)
        };
        let (colour, opacity) = table[(t.clamp(0.0, 1.0) * 255.0) as usize];
        for (v, c) in px.iter_mut().zip(colour) {
            *v = (f32::from(*v) * (1.0 - opacity) + c * opacity) as u8;
        }
    }
}

fn tint_at(t: f32) -> ([f32; 3], f32) {
    let at = t * (TINT.len() - 1) as f32;
    let i = (at as usize).min(TINT.len() - 2);
    let f = at - i as f32;
    let mix = |a: f32, b: f32| a + (b - a) * f;
    let ((a, low), (b, high)) = (TINT[i], TINT[i + 1]);
    (std::array::from_fn(|c| mix(a[c], b[c])), mix(low, high))
}

fn draw_alert(canvas: &mut PictureCanvas<'_>, alert: &Alert) {
    let colour = match alert.event {
        AlertEvent::Begin => BEGIN,
        AlertEvent::Update | AlertEvent::End | AlertEvent::Blind | AlertEvent::Degraded => UPDATE,
    };
    let scale = canvas.scale() as u32;
    let [x, y, w, h] = alert.bbox;
    // Outwards to whole pen pixels, and a little away from the object itself.
    let (left, top) = ((x / scale) as i32 - 2, (y / scale) as i32 - 2);
    let right = (x + w).div_ceil(scale) as i32 + 2;
    let bottom = (y + h).div_ceil(scale) as i32 + 2;
    let extent = canvas.extent();
    let (left, top) = (left.max(0), top.max(0));
    let (right, bottom) = (right.min(extent.w as i32), bottom.min(extent.h as i32));
    canvas.outline([left, top, right - left, bottom - top], 2, colour);

    let number = alert.id.rsplit('-').next().unwrap_or("");
    let late = if alert.on_time { "" } else { " late" };
    let text = format!(" #{number} {:.2}{late} ", alert.score_max);
    let (width, height) = (canvas.text_width(&text), canvas.line_height());
    let x = left.min(extent.w as i32 - width).max(0);
    // Above the box; below it where there is no room.
    let y = if top >= height { top - height } else { bottom };
    canvas.text(&text, x, y, DARK, Some(colour));
}

/// The strip at the bottom: frame, age, and where the time went.
fn draw_bar(canvas: &mut PictureCanvas<'_>, processed: &ProcessedFrame, budget: Duration) {
    let extent = canvas.extent();
    let (width, height) = (extent.w as i32, extent.h as i32);
    let line = canvas.line_height();
    let strip = line + 8;
    canvas.darken([0, height - strip, width, strip], 70);
    let y = height - strip + 4;

    let (age, budget) = (processed.age.as_secs_f64(), budget.as_secs_f64());
    let metadata = &processed.frame.metadata;
    let title = match &metadata.name {
        Some(name) => format!("{} {name}", metadata.frame),
        None => format!("frame {}", metadata.frame),
    };
    let verdict = if age <= budget { IN_TIME } else { LATE };
    let times = format!("{:.0} of {:.0} ms", age * 1e3, budget * 1e3);
    let bar = (width / 3).max(20);
    let bar_x = width - bar - 6;
    let times_x = bar_x - 8 - canvas.text_width(&times);
    canvas.text(&times, times_x, y, verdict, None);
    let letters = ((times_x - 14) / canvas.text_width("m").max(1)).max(0) as usize;
    let title: String = title.chars().take(letters).collect();
    canvas.text(&title, 6, y, INK, None);

    // The bar: engine, the rest of the way, and the budget as a tick.
    let pixels = |seconds: f64| {
        let share = (seconds / (budget * BAR_BUDGETS).max(1e-9)).clamp(0.0, 1.0);
        (share * f64::from(bar)).round() as i32
    };
    let engine = processed.times.engine.as_secs_f64().min(age);
    let before = processed.times.prepare.as_secs_f64().min(age - engine);
    canvas.fill([bar_x, y + 2, bar, line - 4], [60, 60, 66]);
    canvas.fill([bar_x, y + 2, pixels(age), line - 4], OTHER);
    let (from, to) = (pixels(before), pixels(before + engine));
    canvas.fill([bar_x + from, y + 2, to - from, line - 4], ENGINE);
    let tick = bar_x + pixels(budget);
    canvas.fill([tick, y - 1, 2, line + 2], verdict);
    canvas.outline([bar_x, y + 2, bar, line - 4], 1, DIM);
}

#[cfg(test)]
mod tests {
    use super::super::gallery::tests::processed;
    use super::*;
    use unmask_frame::Size;

    #[test]
    fn anomalies_are_tinted_boxed_and_the_rest_stays() {
        let size = Size::new(320, 200);
        let frame = processed(size, 3, true);
        let drawn = overlay(&frame, 0.5, Duration::from_millis(100));
        let plain = &frame.frame.picture;
        assert_eq!(drawn.size(), size);
        // Inside the anomaly: redder; on its box: the box's colour; far away: untouched.
        let ([r, _, b], [pr, _, pb]) = (drawn.at(160, 100), plain.at(160, 100));
        assert!(r > pr && i32::from(r) - i32::from(b) > i32::from(pr) - i32::from(pb));
        assert!(drawn.rgb().chunks(3).any(|px| px == BEGIN));
        assert_eq!(drawn.at(5, 5), plain.at(5, 5));
        // The strip is darker.
        assert!(drawn.at(2, 199)[0] < plain.at(2, 199)[0]);
    }

    #[test]
    fn a_late_frame_shows_red_and_one_in_time_green() {
        let frame = processed(Size::new(320, 200), 1, false);
        let has =
            |picture: &Picture, colour: Colour| picture.rgb().chunks(3).any(|px| px == colour);
        let late = overlay(&frame, 0.5, Duration::from_millis(1));
        assert!(has(&late, LATE) && !has(&late, IN_TIME));
        let in_time = overlay(&frame, 0.5, Duration::from_secs(1));
        assert!(has(&in_time, IN_TIME) && !has(&in_time, LATE));
        assert!(!has(&in_time, BEGIN));
    }

    #[test]
    fn any_size_can_be_drawn_on() {
        for size in [Size::new(1, 1), Size::new(9, 300), Size::new(1920, 1080)] {
            let frame = processed(size, 0, true);
            let drawn = overlay(&frame, 0.5, Duration::ZERO);
            assert_eq!(drawn.size(), size);
        }
    }

    #[test]
    fn the_tint_grows_with_the_score() {
        let opacity = |t: f32| tint_at(t).1;
        assert_eq!(opacity(0.0), 0.0);
        assert!(opacity(0.3) < opacity(0.5) && opacity(0.5) < opacity(1.0));
        assert!((opacity(1.0) - 0.66).abs() < 1e-6);
    }
}
