//! Filling polygons: even-odd rule, a pixel belongs where its centre lies inside.

/// A corner, px; pixel `(x, y)` covers `[x, x+1) × [y, y+1)`.
pub(super) type Corner = (f64, f64);

/// Sets to 255 the pixels of `mask` (`w × h`) whose centre lies inside `polygon`. Parts outside
/// the mask are cut off. Returns the number of pixels inside.
pub(super) fn fill(mask: &mut [u8], w: usize, h: usize, polygon: &[Corner]) -> usize {
    let mut count = 0;
    let mut crossings: Vec<f64> = Vec::new();
    let (top, bottom) = polygon
        .iter()
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(t, b), &(_, y)| {
            (t.min(y), b.max(y))
        });
    // `as` saturates: values outside the mask and NaN land on its border.
    let first = top.floor().max(0.0) as usize;
    let last = (bottom.ceil().max(0.0) as usize).min(h);
    for y in first..last {
        let centre = y as f64 + 0.5;
        crossings.clear();
        for (i, &(x0, y0)) in polygon.iter().enumerate() {
            let (x1, y1) = polygon[(i + 1) % polygon.len()];
            // Half-open, so that a corner on the line counts once.
            if (y0 <= centre) != (y1 <= centre) {
                crossings.push(x0 + (centre - y0) / (y1 - y0) * (x1 - x0));
            }
        }
        crossings.sort_by(f64::total_cmp);
        for pair in crossings.chunks_exact(2) {
            // Centres in [a, b): the first is at ceil(a - 0.5).
            let from = (pair[0] - 0.5).ceil().max(0.0) as usize;
            let to = ((pair[1] - 0.5).ceil().max(0.0) as usize).min(w);
            for pixel in mask
                .get_mut(y * w + from.min(to)..y * w + to)
                .unwrap_or_default()
            {
                count += usize::from(*pixel == 0);
                *pixel = 255;
            }
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(w: usize, h: usize, polygon: &[Corner]) -> (usize, Vec<String>) {
        let mut mask = vec![0; w * h];
        let n = fill(&mut mask, w, h, polygon);
        assert_eq!(n, mask.iter().filter(|&&v| v == 255).count());
        let row = |r: &[u8]| r.iter().map(|&v| if v > 0 { '#' } else { '.' }).collect();
        (n, mask.chunks(w).map(row).collect())
    }

    #[test]
    fn a_rectangle_covers_the_pixels_whose_centres_it_holds() {
        let (n, rows) = drawn(5, 4, &[(1.0, 1.0), (4.0, 1.0), (4.0, 3.0), (1.0, 3.0)]);
        assert_eq!(
            (n, rows),
            (
                6,
                vec![
                    ".....".into(),
                    ".###.".into(),
                    ".###.".into(),
                    ".....".into()
                ]
            )
        );
        // Edges through pixel centres: left and top edges in, right and bottom edges out.
        let (n, rows) = drawn(4, 3, &[(0.5, 0.5), (2.5, 0.5), (2.5, 1.5), (0.5, 1.5)]);
        assert_eq!((n, rows[1].as_str()), (2, "...."), "{rows:?}");
    }

    #[test]
    fn the_direction_does_not_matter_and_overlaps_cancel() {
        let ring = [(0.0, 0.0), (6.0, 0.0), (6.0, 6.0), (0.0, 6.0)];
        let mut back = ring;
        back.reverse();
        assert_eq!(drawn(6, 6, &ring), drawn(6, 6, &back));
        // An outline that runs round a hole: even-odd leaves the hole open.
        let holed = [
            (0.0, 0.0),
            (6.0, 0.0),
            (6.0, 6.0),
            (0.0, 6.0),
            (0.0, 0.0),
            (2.0, 2.0),
            (4.0, 2.0),
            (4.0, 4.0),
            (2.0, 4.0),
            (2.0, 2.0),
        ];
        assert_eq!(drawn(6, 6, &holed).0, 32);
    }

    #[test]
    fn a_triangle_has_half_the_area() {
        let (n, _) = drawn(100, 100, &[(0.0, 0.0), (100.0, 0.0), (0.0, 100.0)]);
        assert!((4900..=5100).contains(&n), "{n}");
    }

    #[test]
    fn what_lies_outside_is_cut_off() {
        let big = [(-50.0, -50.0), (50.0, -50.0), (50.0, 50.0), (-50.0, 50.0)];
        assert_eq!(drawn(3, 2, &big).0, 6);
        let left = [(-9.0, 0.0), (-1.0, 0.0), (-1.0, 2.0), (-9.0, 2.0)];
        let below = [(0.0, 5.0), (3.0, 5.0), (3.0, 9.0), (0.0, 9.0)];
        assert_eq!(drawn(3, 2, &left).0 + drawn(3, 2, &below).0, 0);
    }

    #[test]
    fn degenerate_polygons_are_empty() {
        assert_eq!(drawn(4, 4, &[]).0, 0);
        assert_eq!(drawn(4, 4, &[(1.0, 1.0)]).0, 0);
        assert_eq!(drawn(4, 4, &[(0.0, 0.0), (4.0, 4.0)]).0, 0);
        assert_eq!(drawn(4, 4, &[(1.0, 1.0), (3.0, 1.0), (2.0, 1.0)]).0, 0);
        assert_eq!(
            drawn(4, 4, &[(f64::NAN, 1.0), (3.0, f64::NAN), (2.0, 1.0)]).0,
            0
        );
    }
}
