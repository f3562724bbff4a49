//! Postprocess subgraphs against `unmask-score`, on random logits.

use super::{floats, noise, run};
use crate::prepare::fit::FitGeometry;
use crate::prepare::postprocess::{
    CLASS_LOGITS, LOGITS, MASK_LOGITS, MaskHead, OutputGrid, mask, pixel,
};
use rten::Value;
use rten_tensor::Tensor;
use rten_tensor::prelude::*;
use unmask_frame::Size;
use unmask_model::FrameView;
use unmask_onnx::messages::ModelProto;
use unmask_score::{
    MaskOutput, MaskScorer, PixelOutput, PixelScore, ScoredFrame, pixel_score, upsample,
};

const CLOSE: f32 = 1e-5;

fn whole(cells: Size) -> FitGeometry {
    FitGeometry {
        view: FrameView {
            x: 0,
            y: 0,
            size: cells,
        },
        content: cells,
        cells,
    }
}

fn ints(value: Value) -> Tensor<i32> {
    value.try_into().unwrap()
}

/// Score and classes of a part's outputs against those of the score room. Classes may differ only
/// where two are as good as each other; there are none such in random logits.
fn agrees(outputs: Vec<Value>, want: &ScoredFrame) {
    let mut outputs = outputs.into_iter();
    let score = floats(outputs.next().unwrap());
    let Size { w, h } = want.score.size();
    assert_eq!(score.shape(), [1, h, w]);
    let pairs = score.iter().zip(want.score.data());
    let worst = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(worst <= CLOSE, "{worst:e}");
    let classes = ints(outputs.next().unwrap());
    assert_eq!(classes.shape(), [1, h, w]);
    let mut same = classes.iter().zip(want.classes.data());
    assert!(same.all(|(&a, &b)| a == i32::from(b)));
}

/// Logits of a mask model; the queries of `sure` have a column that they are sure of.
struct Case {
    queries: usize,
    known: usize,
    size: Size,
    class: Vec<f32>,
    mask: Vec<f32>,
}

impl Case {
    fn new(seed: u64, sure: &[(usize, usize, f32)]) -> Self {
        let (queries, known, size) = (9, 5, Size::new(13, 7));
        let mut class = noise(seed, queries * (known + 1), 4.0);
        for &(q, c, logit) in sure {
            class[q * (known + 1)..(q + 1) * (known + 1)].fill(0.0);
            class[q * (known + 1) + c] = logit;
        }
        Self {
            queries,
            known,
            size,
            class,
            mask: noise(seed + 1, queries * size.area_px(), 9.0),
        }
    }

    fn scored(&self, stuff: &[usize], refine: bool) -> ScoredFrame {
        let out = MaskOutput {
            class_logits: &self.class,
            mask_logits: &self.mask,
            queries: self.queries,
            known: self.known,
            size: self.size,
        };
        MaskScorer::new().score(&out, stuff, refine).unwrap()
    }

    fn part(
        &self,
        grid: &OutputGrid<'_>,
        no_object: usize,
        stuff: &[usize],
        refine: bool,
    ) -> ModelProto {
        mask(
            grid,
            &MaskHead {
                queries: self.queries,
                known: self.known,
                no_object,
                stuff,
                refine,
            },
        )
    }

    fn run(&self, part: &ModelProto, class: &[f32]) -> Vec<Value> {
        let Size { w, h } = self.size;
        let class_shape = [1, self.queries, self.known + 1];
        run(
            part,
            &[
                (CLASS_LOGITS, &class_shape, class),
                (MASK_LOGITS, &[1, self.queries, h, w], &self.mask),
            ],
        )
    }
}

fn grid(size: Size, geometry: &FitGeometry, opset: i64) -> OutputGrid<'_> {
    OutputGrid {
        size,
        full_size: None,
        geometry,
        opset,
    }
}

#[test]
fn the_mask_head_is_the_mask_score() {
    // Two sure queries of stuff, one of them and one of another class, none; all stuff.
    let two = [(1, 2, 9.0), (4, 3, 8.0)];
    let (one, none) = ([(1, 2, 9.0), (4, 0, 9.0)], []);
    let mut refined = 0;
    for seed in 1..6 {
        for sure in [&two[..], &one, &none] {
            let case = Case::new(seed, sure);
            let geometry = whole(case.size);
            for stuff in [&[2, 3][..], &[0, 1, 2, 3, 4], &[]] {
                for refine in [true, false] {
                    let want = case.scored(stuff, refine);
                    refined += want.score.data().iter().filter(|s| **s == 0.0).count();
                    // The way to name axes changes with opset 18.
                    for opset in [17, 18] {
                        let grid = grid(case.size, &geometry, opset);
                        let mut part = case.part(&grid, case.known, stuff, refine);
                        part.opset_import[0].version = Some(opset);
                        agrees(case.run(&part, &case.class), &want);
                    }
                }
            }
        }
    }
    assert!(refined > 100, "{refined} cells were refined at all");
}

#[test]
fn sure_queries_just_below_the_bounds_do_not_refine() {
    // Six columns: logit a gives e^a / (e^a + 5) = 0.95 at a = ln 95 = 4.5539.
    for (logit, refines) in [(4.55, false), (4.56, true)] {
        let case = Case::new(3, &[(0, 1, logit), (1, 1, logit)]);
        let want = case.scored(&[1], true);
        assert_eq!(want.qualified >= 2, refines);
        let geometry = whole(case.size);
        let part = case.part(&grid(case.size, &geometry, 17), case.known, &[1], true);
        agrees(case.run(&part, &case.class), &want);
    }
}

#[test]
fn the_no_object_column_may_stand_anywhere() {
    let case = Case::new(11, &[(1, 2, 9.0), (4, 3, 8.0)]);
    let want = case.scored(&[2, 3], true);
    let columns = case.known + 1;
    for at in 0..columns {
        let mut class = case.class.clone();
        for row in class.chunks_exact_mut(columns) {
            row[at..].rotate_right(1);
        }
        let geometry = whole(case.size);
        let part = case.part(&grid(case.size, &geometry, 17), at, &[2, 3], true);
        agrees(case.run(&part, &class), &want);
    }
}

#[test]
fn queries_are_reported_with_their_class_and_probability() {
    let case = Case::new(5, &[(1, 2, 9.0), (4, 5, 8.0)]);
    let geometry = whole(case.size);
    let part = case.part(&grid(case.size, &geometry, 17), case.known, &[2], true);
    let mut outputs = case.run(&part, &case.class);
    let ends = part.graph.as_ref().unwrap().output.iter();
    let names: Vec<_> = ends.filter_map(|o| o.name.as_deref()).collect();
    assert_eq!(names, ["anomaly", "classes", "query_score", "query_class"]);
    let class = ints(outputs.pop().unwrap()).to_vec();
    let score = floats(outputs.pop().unwrap()).to_vec();
    assert_eq!((class.len(), class[1], class[4]), (9, 2, 5));
    let sure = 9f32.exp() / (9f32.exp() + 5.0);
    assert!((score[1] - sure).abs() < 1e-6);
}

#[test]
fn a_letterboxed_map_ends_with_the_picture() {
    let case = Case::new(7, &[]);
    let cells = Size::new(10, 4);
    let geometry = whole(cells);
    let part = case.part(&grid(case.size, &geometry, 17), case.known, &[1], false);
    let got = floats(case.run(&part, &case.class).remove(0)).to_vec();
    let want = case.scored(&[], false);
    for y in 0..cells.h {
        for x in 0..cells.w {
            assert!((got[y * cells.w + x] - want.score.at(x, y)).abs() <= CLOSE);
        }
    }
}

#[test]
fn full_size_enlarges_the_masks_before_they_are_scored() {
    let mut case = Case::new(9, &[(0, 1, 9.0), (1, 1, 9.0)]);
    let to = Size::new(30, 20);
    let geometry = whole(to);
    let grid = OutputGrid {
        size: case.size,
        full_size: Some(to),
        geometry: &geometry,
        opset: 17,
    };
    let part = case.part(&grid, case.known, &[1], true);
    let got = case.run(&part, &case.class);
    let planes = case.mask.chunks_exact(case.size.area_px());
    let enlarged = planes.flat_map(|plane| {
        let plane = unmask_frame::PixelMap::new(case.size, plane.to_vec()).unwrap();
        upsample(&plane, to).into_data()
    });
    case.mask = enlarged.collect();
    case.size = to;
    agrees(got, &case.scored(&[1], true));
}

#[test]
fn the_pixel_head_is_the_pixel_score() {
    use PixelScore::{Entropy, MaxLogit, MaxSoftmax};
    let size = Size::new(11, 6);
    let geometry = whole(size);
    for classes in [1, 2, 7] {
        let logits = noise(classes as u64, classes * size.area_px(), 12.0);
        for kind in [MaxSoftmax, MaxLogit, Entropy] {
            for opset in [17, 18] {
                let mut part = pixel(&grid(size, &geometry, opset), classes, kind);
                part.opset_import[0].version = Some(opset);
                let shape = [1, classes, size.h, size.w];
                let got = run(&part, &[(LOGITS, &shape, &logits)]);
                let out = PixelOutput {
                    logits: &logits,
                    classes,
                    size,
                };
                agrees(got, &pixel_score(&out, kind).unwrap());
            }
        }
    }
}
