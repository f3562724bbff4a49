//! Statistics of an image, cheap enough for every frame.

/// Columns of the grid.
const COLS: usize = 96;
/// Rows of the grid.
const ROWS: usize = 54;
/// Pixels taken a cell and axis: enough to average noise away.
const TAPS: usize = 4;
/// Neighbouring cells that differ by more than this show texture, luma.
const TEXTURE: f32 = 4.0;
/// Edges below this height are noise, luma.
const LOWEST_EDGE: f32 = 12.0;
/// Cells from one side of an edge to the other: what a sharp lens does in one, a bad one does in
/// all of them.
const EDGE_CELLS: usize = 4;
/// Share of the steepest edges that are looked at.
const STEEPEST: f32 = 0.01;

/// Mean luma of a grid of cells, and one pixel of each.
#[derive(Clone, Debug, Default)]
pub struct FrameStatistics {
    luma: Vec<f32>,
    pixels: Vec<[u8; 3]>,
    sorted: Vec<f32>,
    edges: Vec<(f32, f32)>,
}

/// What a glance says of one picture.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct BlindSigns {
    /// Luma that 99 in 100 cells do not exceed, 0 to 255.
    pub luma_p99: f32,
    /// Share of cells at 250 or above.
    pub bright_share: f32,
    /// Share of cells that differ from the one to the right or below.
    pub textured_share: f32,
    /// How much of their height the steepest edges rise from one cell to the next: near 1 where
    /// sharp, 1/4 where an edge is as wide as four cells. 1 where there is no edge to tell by.
    pub sharpness: f32,
}

impl FrameStatistics {
    /// Looks at `w` x `h` interleaved RGB pixels. A picture smaller than a cell grid is looked at
    /// more than once in places; one without pixels is black.
    pub fn measure(&mut self, w: usize, h: usize, rgb: &[u8]) -> BlindSigns {
        let whole = rgb.len() >= w * h * 3;
        self.measure_with(if whole { w } else { 0 }, h, |x, y| {
            let i = (y * w + x) * 3;
            [rgb[i], rgb[i + 1], rgb[i + 2]]
        })
    }

    /// As [`FrameStatistics::measure`], at whatever `pixel` gives for column and row.
    pub fn measure_pixels(
        &mut self,
        w: usize,
        h: usize,
        pixel: &dyn Fn(usize, usize) -> [u8; 3],
    ) -> BlindSigns {
        self.measure_with(w, h, pixel)
    }

    fn measure_with(
        &mut self,
        w: usize,
        h: usize,
        pixel: impl Fn(usize, usize) -> [u8; 3],
    ) -> BlindSigns {
        self.luma.clear();
        self.pixels.clear();
        // Once for all: later frames must not allocate.
        self.edges.clear();
        self.edges.reserve(2 * COLS * ROWS);
        if w == 0 || h == 0 {
            return BlindSigns {
                sharpness: 1.0,
                ..BlindSigns::default()
            };
        }
        for row in 0..ROWS {
            for col in 0..COLS {
                let mut sum = 0u32;
                for j in 0..TAPS {
                    let y = (row * TAPS + j) * h / (ROWS * TAPS);
                    for i in 0..TAPS {
                        let x = (col * TAPS + i) * w / (COLS * TAPS);
                        sum += luma(pixel(x, y));
                    }
                }
                self.luma.push(sum as f32 / (TAPS * TAPS * 256) as f32);
                let (x, y) = (col * w / COLS, row * h / ROWS);
                self.pixels.push(pixel(x, y));
            }
        }
        self.signs()
    }

    /// Whether every pixel looked at is the same: no sensor's noise lets that happen.
    pub fn same_pixels(&self, other: &FrameStatistics) -> bool {
        !self.pixels.is_empty() && self.pixels == other.pixels
    }

    fn signs(&mut self) -> BlindSigns {
        let cells = self.luma.len() as f32;
        self.sorted.clear();
        self.sorted.extend_from_slice(&self.luma);
        let at = self.sorted.len() * 99 / 100;
        let luma_p99 = *self.sorted.select_nth_unstable_by(at, f32::total_cmp).1;
        let bright = self.luma.iter().filter(|&&v| v >= 250.0).count();
        let mut textured = 0usize;
        self.edges.clear();
        for row in 0..ROWS {
            for col in 0..COLS {
                let v = self.luma[row * COLS + col];
                let right = (col + 1 < COLS).then(|| self.luma[row * COLS + col + 1]);
                let below = (row + 1 < ROWS).then(|| self.luma[(row + 1) * COLS + col]);
                let differs = |other: f32| (other - v).abs() > TEXTURE;
                textured += usize::from(right.is_some_and(differs) || below.is_some_and(differs));
                if col + EDGE_CELLS < COLS {
                    self.add_edge(row * COLS + col, 1);
                }
                if row + EDGE_CELLS < ROWS {
                    self.add_edge(row * COLS + col, COLS);
                }
            }
        }
        BlindSigns {
            luma_p99,
            bright_share: bright as f32 / cells,
            textured_share: textured as f32 / cells,
            sharpness: self.sharpness(),
        }
    }

    /// The edge from cell `from` over [`EDGE_CELLS`] steps of `stride` cells: its height, and the
    /// largest single step in it.
    fn add_edge(&mut self, from: usize, stride: usize) {
        let cell = |k: usize| self.luma[from + k * stride];
        let height = (cell(EDGE_CELLS) - cell(0)).abs();
        if height < LOWEST_EDGE {
            return;
        }
        let step = (0..EDGE_CELLS)
            .map(|k| (cell(k + 1) - cell(k)).abs())
            .fold(0.0, f32::max);
        self.edges.push((height, (step / height).min(1.0)));
    }

    /// Mean sharpness of the highest edges.
    fn sharpness(&mut self) -> f32 {
        let wanted = ((ROWS * COLS) as f32 * STEEPEST) as usize;
        if self.edges.len() < wanted {
            return 1.0;
        }
        self.edges
            .select_nth_unstable_by(wanted - 1, |a, b| b.0.total_cmp(&a.0));
        self.edges[..wanted].iter().map(|edge| edge.1).sum::<f32>() / wanted as f32
    }
}

/// Luma of a colour, times 256 (BT.601).
fn luma([r, g, b]: [u8; 3]) -> u32 {
    77 * u32::from(r) + 150 * u32::from(g) + 29 * u32::from(b)
}
