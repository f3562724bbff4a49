//! Upsamples maps to the picture: bilinear, half-pixel centres.

use unmask_frame::{ScoreMap, Size};

/// One tap pair an output position: value = (1 - f) * v[i] + f * v[j].
#[derive(Clone, Copy, Debug)]
struct FilterTap {
    i: u32,
    j: u32,
    f: f32,
}

/// Enlarges (or shrinks, without a filter) maps of one size to another; keeps its tables.
#[derive(Debug)]
pub struct Upsampler {
    from: Size,
    to: Size,
    columns: Vec<FilterTap>,
    rows: Vec<FilterTap>,
    row: Vec<f32>,
}

impl Upsampler {
    /// Tables for maps of `from` cells to become maps of `to` cells. Neither may be empty.
    pub fn new(from: Size, to: Size) -> Self {
        Self {
            from,
            to,
            columns: taps(from.w, to.w),
            rows: taps(from.h, to.h),
            row: vec![0.0; from.w],
        }
    }

    /// Whether the tables are for maps of `from` cells that become maps of `to` cells.
    pub fn is_for(&self, from: Size, to: Size) -> bool {
        (self.from, self.to) == (from, to)
    }

    /// Writes `map` at the new size into `out`.
    ///
    /// Output pixel `x` reads at `(x + 0.5) * from / to - 0.5`, held to the map's edge: what
    /// `interpolate(mode = "bilinear", align_corners = False)` does.
    ///
    /// Returns `None` where `map` does not have the size the tables are for.
    pub fn run(&mut self, map: &ScoreMap) -> Option<ScoreMap> {
        if map.size() != self.from {
            return None;
        }
        let mut out = vec![0.0f32; self.to.area_px()];
        for (to, tap) in out.chunks_exact_mut(self.to.w).zip(&self.rows) {
            let (a, b) = (map.row(tap.i as usize), map.row(tap.j as usize));
            for ((o, &a), &b) in self.row.iter_mut().zip(a).zip(b) {
                *o = a + (b - a) * tap.f;
            }
            for (o, tap) in to.iter_mut().zip(&self.columns) {
                let (a, b) = (self.row[tap.i as usize], self.row[tap.j as usize]);
                *o = a + (b - a) * tap.f;
            }
        }
        ScoreMap::new(self.to, out)
    }
}

/// `map` at size `to`: see [`Upsampler::run`].
pub fn upsample(map: &ScoreMap, to: Size) -> ScoreMap {
    if map.size() == to {
        return map.clone();
    }
    Upsampler::new(map.size(), to)
        .run(map)
        .expect("the tables are for this map")
}

fn taps(from: usize, to: usize) -> Vec<FilterTap> {
    let last = from.saturating_sub(1);
    (0..to)
        .map(|o| {
            let at = ((o as f64 + 0.5) * from as f64 / to as f64 - 0.5).max(0.0);
            let i = (at as usize).min(last);
            FilterTap {
                i: i as u32,
                j: (i + 1).min(last) as u32,
                f: (at - i as f64) as f32,
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(w: usize, h: usize, data: &[f32]) -> ScoreMap {
        ScoreMap::new(Size::new(w, h), data.to_vec()).unwrap()
    }

    #[test]
    fn doubling_reads_at_quarters_and_holds_the_edge() {
        let out = upsample(&map(2, 1, &[0.0, 4.0]), Size::new(4, 2));
        assert_eq!(out.row(0), &[0.0, 1.0, 3.0, 4.0]);
        assert_eq!(out.row(1), out.row(0));
    }

    #[test]
    fn equals_the_formula_at_odd_ratios() {
        let data: Vec<f32> = (0..7 * 5).map(|i| (i * 37 % 11) as f32).collect();
        let from = map(7, 5, &data);
        for to in [
            Size::new(31, 13),
            Size::new(7, 5),
            Size::new(3, 2),
            Size::new(1, 1),
        ] {
            let out = upsample(&from, to);
            for y in 0..to.h {
                for x in 0..to.w {
                    let at = |o: usize, n: usize, m: usize| {
                        ((o as f64 + 0.5) * n as f64 / m as f64 - 0.5).clamp(0.0, n as f64 - 1.0)
                    };
                    let (fx, fy) = (at(x, 7, to.w), at(y, 5, to.h));
                    let (x0, y0) = (fx as usize, fy as usize);
                    let v = |x: usize, y: usize| f64::from(from.at(x.min(6), y.min(4)));
                    let (dx, dy) = (fx - x0 as f64, fy - y0 as f64);
                    let want = (1.0 - dy) * ((1.0 - dx) * v(x0, y0) + dx * v(x0 + 1, y0))
                        + dy * ((1.0 - dx) * v(x0, y0 + 1) + dx * v(x0 + 1, y0 + 1));
                    assert!(
                        (f64::from(out.at(x, y)) - want).abs() < 1e-5,
                        "{to} at {x},{y}"
                    );
                }
            }
        }
    }

    #[test]
    fn one_cell_fills_the_picture_and_foreign_sizes_are_refused() {
        let out = upsample(&map(1, 1, &[0.25]), Size::new(5, 3));
        assert!(out.data().iter().all(|&v| v == 0.25));
        let mut tables = Upsampler::new(Size::new(2, 2), Size::new(4, 4));
        assert!(tables.run(&map(1, 1, &[0.0])).is_none());
    }
}
