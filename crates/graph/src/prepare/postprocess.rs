//! Postprocess subgraph: from the network's output to score and classes, with the formulas of
//! `unmask-score`.

use super::build::NodeBuilder;
use super::fit::FitGeometry;
use unmask_frame::Size;
use unmask_model::{ANOMALY, CLASSES};
use unmask_onnx::ir::ValueId;
use unmask_onnx::messages::{DataType, ModelProto};
use unmask_score::{COVERED, MIN_QUERIES, PixelScore, SURE};

/// Names of the outputs that only masks have.
pub(crate) const QUERY_CLASS: &str = "query_class";
pub(crate) const QUERY_SCORE: &str = "query_score";

/// What a head is given: class and mask logits, or logits.
pub(super) const CLASS_LOGITS: &str = "head/class_logits";
pub(super) const MASK_LOGITS: &str = "head/mask_logits";
pub(super) const LOGITS: &str = "head/logits";

/// A mask model's output.
pub(super) struct MaskHead<'a> {
    pub queries: usize,
    /// Known classes, without "no object".
    pub known: usize,
    /// Column of "no object".
    pub no_object: usize,
    /// Known classes that refinement may suppress.
    pub stuff: &'a [usize],
    pub refine: bool,
}

/// Grid of an output and what of it shows the picture.
pub(super) struct OutputGrid<'a> {
    /// Of the network's output, cells.
    pub size: Size,
    /// Size to enlarge the output to before it is scored, px.
    pub full_size: Option<Size>,
    pub geometry: &'a FitGeometry,
    pub opset: i64,
}

impl OutputGrid<'_> {
    /// Logits `[1, channels, h, w]` → `[1, channels, cells]` of the part that shows the picture.
    fn flat(&self, b: &mut NodeBuilder, logits: ValueId, channels: usize) -> ValueId {
        let mut logits = logits;
        if let Some(Size { w, h }) = self.full_size.filter(|size| *size != self.size) {
            logits = b.resize(logits, [1, channels, h, w]);
        }
        let Size { w, h } = self.geometry.cells;
        let rows = b.slice(logits, 2, (0, h, 1));
        let part = b.slice(rows, 3, (0, w, 1));
        b.reshape(part, &[1, channels, w * h])
    }

    /// Names `[1, 1, cells]` scores and `[1, cells]` classes as the graph's outputs.
    fn outputs(&self, b: &mut NodeBuilder, score: ValueId, classes: ValueId) {
        let Size { w, h } = self.geometry.cells;
        let score = b.reshape(score, &[1, h, w]);
        b.output(ANOMALY, score);
        let classes = b.reshape(classes, &[1, h, w]);
        b.output(CLASSES, classes);
    }
}

/// The head of a mask model.
pub(super) fn mask(grid: &OutputGrid<'_>, masks: &MaskHead<'_>) -> ModelProto {
    let mut b = NodeBuilder::new("head", grid.opset);
    let columns = masks.known + 1;
    let class = b.input(CLASS_LOGITS, &[1, masks.queries, columns]);
    let Size { w, h } = grid.size;
    let mask = b.input(MASK_LOGITS, &[1, masks.queries, h, w]);

    // Known classes in their order, "no object" last.
    let class = if masks.no_object == masks.known {
        class
    } else {
        let order: Vec<usize> = (0..columns)
            .filter(|&c| c != masks.no_object)
            .chain([masks.no_object])
            .collect();
        b.gather(class, 2, &order)
    };
    let p = b.along("Softmax", class, 2);
    let known = b.slice(p, 2, (0, masks.known, 1));
    let known = b.transpose(known, &[0, 2, 1]);
    let mask = grid.flat(&mut b, mask, masks.queries);
    let s = b.unary("Sigmoid", mask);
    let sums = b.matmul(known, s);
    let best = b.reduce_max(sums, 1);
    let one = b.floats(&[1, 1, 1], vec![1.0]);
    let shape = b.shape(best);
    let plain = b.node("Sub", &[one, best], vec![], &shape);
    let score = if masks.refine && !masks.stuff.is_empty() {
        refine(&mut b, plain, p, s, masks.stuff)
    } else {
        plain
    };
    let classes = b.arg_max(sums, 1);
    grid.outputs(&mut b, score, classes);

    let sure = b.reduce_max(p, 2);
    let sure = b.reshape(sure, &[1, masks.queries]);
    b.output(QUERY_SCORE, sure);
    let label = b.arg_max(p, 2);
    b.output(QUERY_CLASS, label);
    b.finish()
}

/// Refinement in its fixed-query form: a weight a query, 0 where it does not qualify.
///
/// A class that has more than 0.95 of a query's probability is its most probable one, so the
/// largest of the stuff columns decides alone whether the query qualifies, and is its weight.
fn refine(b: &mut NodeBuilder, score: ValueId, p: ValueId, s: ValueId, stuff: &[usize]) -> ValueId {
    let stuff = b.gather(p, 2, stuff);
    let sure = b.reduce_max(stuff, 2);
    let qualifies = b.compare("Greater", sure, SURE);
    let qualifies = b.cast(qualifies, DataType::Float);
    let weights = b.binary("Mul", sure, qualifies);
    let count = b.reduce_sum(qualifies, 1);
    let enough = b.compare("Greater", count, MIN_QUERIES as f32 - 0.5);
    let enough = b.cast(enough, DataType::Float);
    let weights = b.binary("Mul", weights, enough);
    let shape = b.shape(s);
    let cover = b.node("Mul", &[s, weights], vec![], &shape);
    let cover = b.reduce_max(cover, 1);
    let open = b.compare("Less", cover, COVERED);
    let zero = b.floats(&[1, 1, 1], vec![0.0]);
    let shape = b.shape(score);
    b.node("Where", &[open, score, zero], vec![], &shape)
}

/// The head of a per-pixel model.
pub(super) fn pixel(grid: &OutputGrid<'_>, classes: usize, kind: PixelScore) -> ModelProto {
    let mut b = NodeBuilder::new("head", grid.opset);
    let Size { w, h } = grid.size;
    let logits = b.input(LOGITS, &[1, classes, h, w]);
    let logits = grid.flat(&mut b, logits, classes);
    let score = match kind {
        PixelScore::MaxSoftmax => {
            let p = b.along("Softmax", logits, 1);
            let best = b.reduce_max(p, 1);
            let one = b.floats(&[1, 1, 1], vec![1.0]);
            let shape = b.shape(best);
            b.node("Sub", &[one, best], vec![], &shape)
        }
        PixelScore::MaxLogit => {
            let best = b.reduce_max(logits, 1);
            b.unary("Neg", best)
        }
        PixelScore::Entropy => {
            let p = b.along("Softmax", logits, 1);
            let log_p = b.along("LogSoftmax", logits, 1);
            let parts = b.binary("Mul", p, log_p);
            let sum = b.reduce_sum(parts, 1);
            b.with_number("Mul", sum, -kind.entropy_scale(classes))
        }
    };
    let best = b.arg_max(logits, 1);
    grid.outputs(&mut b, score, best);
    b.finish()
}
