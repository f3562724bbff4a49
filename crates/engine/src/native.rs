//! Native kernels for convolutions and the operators between them.
//!
//! The runtime takes no operators from outside, and its convolutions take half of a frame. So the
//! graph is cut in three: what comes before the first convolution, the convolutions with the
//! additions, bounds and pools between them ([`Section`]), and the rest. The first and the last are
//! the runtime's.

mod conv;
mod maps;
mod plan;
mod split;
#[cfg(test)]
mod tests;
mod winograd;

pub(super) use split::{Part, Wire, split_graph};

use conv::{Clamp, Conv};
use maps::{Map, Pool, Rounding};
use winograd::{Tiles, Winograd};

/// Values that a section may read; a graph that needs more is left to the runtime.
pub(super) const INPUTS_LIMIT: usize = 8;
/// Bytes of weights that fit next to the maps into a core's own cache.
const OWN_CACHE_BYTES: usize = 256 << 10;

/// Steps over maps, planned once, with all their memory.
#[derive(Debug)]
pub(super) struct NativeSection {
    steps: Vec<SectionStep>,
    maps: Vec<Map>,
    /// Values that leave it, `[1, channels, height, width]`.
    outputs: Vec<(Vec<usize>, Vec<f32>)>,
}

/// Numbers of maps in [`Section::maps`].
type MapIndex = usize;

#[derive(Debug)]
enum SectionStep {
    /// Input `input` becomes a map.
    Enter {
        input: usize,
        to: MapIndex,
    },
    Conv(Box<ConvStep>),
    MaxPool {
        pool: Pool,
        from: MapIndex,
        to: MapIndex,
    },
    Add {
        a: MapIndex,
        b: MapIndex,
        clamp: Clamp,
        to: MapIndex,
    },
    Bound {
        from: MapIndex,
        clamp: Clamp,
        to: MapIndex,
    },
    Round {
        from: MapIndex,
        rounding: Rounding,
        to: MapIndex,
    },
    /// A map becomes output `output`.
    Leave {
        from: MapIndex,
        output: usize,
    },
}

/// How a convolution is computed.
#[derive(Debug)]
enum NativeKernel {
    Direct(Conv),
    Winograd(Winograd),
}

/// Tiles of a group that Winograd's kernel transforms at once: their points and products fit into a
/// core's own cache.
const TILES: usize = 32;

#[derive(Debug)]
struct ConvStep {
    kernel: NativeKernel,
    from: MapIndex,
    /// Rows of the input from one row of the output to the next.
    stride: usize,
    /// Where the first window begins, row and value in the row.
    first: (usize, usize),
    add: Option<MapIndex>,
    clamp: Clamp,
    to: MapIndex,
    weights_bytes: usize,
}

impl NativeSection {
    /// Runs all steps on `inputs`, each `[1, channels, height, width]`, on the threads of the pool
    /// that this is called in.
    pub fn run(&mut self, inputs: &[&[f32]]) {
        for step in &self.steps {
            // The map that a step writes is taken out, so that it can read the others.
            let write = |maps: &mut Vec<Map>, to: usize, f: &dyn Fn(&[Map], &mut Map)| {
                let geometry = maps[to].geometry;
                let data = std::mem::take(&mut maps[to].data);
                let mut map = Map { geometry, data };
                f(maps, &mut map);
                maps[to] = map;
            };
            let maps = &mut self.maps;
            match step {
                SectionStep::Enter { input, to } => {
                    write(maps, *to, &|_, to| to.enter(inputs[*input]));
                }
                SectionStep::Conv(step) => write(maps, step.to, &|maps, to| step.run(maps, to)),
                SectionStep::MaxPool { pool, from, to } => {
                    write(maps, *to, &|maps, to| {
                        maps::max_pool(pool, &maps[*from], to)
                    });
                }
                SectionStep::Add { a, b, clamp, to } => write(maps, *to, &|maps, to| {
                    maps::add(&maps[*a], &maps[*b], *clamp, to);
                }),
                SectionStep::Bound { from, clamp, to } => {
                    write(maps, *to, &|maps, to| maps::bound(&maps[*from], *clamp, to));
                }
                SectionStep::Round { from, rounding, to } => write(maps, *to, &|maps, to| {
                    maps::round(&maps[*from], *rounding, to);
                }),
                SectionStep::Leave { from, output } => {
                    maps[*from].leave(&mut self.outputs[*output].1);
                }
            }
        }
    }

    /// Shape and values of output `i` of the last run.
    pub fn output(&self, i: usize) -> (&[usize], &[f32]) {
        let (shape, values) = &self.outputs[i];
        (shape, values)
    }
}

impl ConvStep {
    fn run(&self, maps: &[Map], to: &mut Map) {
        let from = &maps[self.from];
        let add = self.add.map(|add| &maps[add]);
        match &self.kernel {
            NativeKernel::Direct(conv) => self.direct(conv, from, add, to),
            NativeKernel::Winograd(conv) => self.winograd(conv, from, add, to),
        }
    }

    fn direct(&self, conv: &Conv, from: &Map, add: Option<&Map>, to: &mut Map) {
        let geometry = to.geometry;
        let threads = rayon::current_num_threads();
        // Every group of rows walks over all weights.
        let groups = match self.weights_bytes > OWN_CACHE_BYTES {
            true => threads,
            false => threads * 3,
        };
        let rows = geometry.height.div_ceil(groups).max(1);
        let left = geometry.border.left * geometry.channels;
        let pitch = from.geometry.pitch();
        to.each_rows(rows, |first, chunk| {
            for block in 0..conv.blocks() {
                for (i, row) in chunk.chunks_mut(geometry.pitch()).enumerate() {
                    let y = first + i;
                    let start = (y * self.stride + self.first.0) * pitch + self.first.1;
                    let add = add.map(|map| map.row(y));
                    let out = &mut row[left..][..geometry.row_len()];
                    conv.row(block, &from.data[start..], add, self.clamp, out);
                }
            }
        });
    }

    fn winograd(&self, conv: &Winograd, from: &Map, add: Option<&Map>, to: &mut Map) {
        let geometry = to.geometry;
        let columns = geometry.width / 2;
        let all = geometry.height / 2;
        let share = all.div_ceil(rayon::current_num_threads());
        let rows = TILES.div_ceil(columns).clamp(1, share.max(1));
        let left = geometry.border.left * geometry.channels;
        let pitch = from.geometry.pitch();
        to.each_rows(2 * rows, |first, chunk| {
            let start = (first + self.first.0) * pitch + self.first.1;
            conv.run(Tiles {
                input: &from.data[start..],
                input_pitch: pitch,
                add: add.map(|map| {
                    let geometry = map.geometry;
                    (&map.data[geometry.row(first)..], geometry.pitch())
                }),
                clamp: self.clamp,
                rows: chunk.len() / geometry.pitch() / 2,
                columns,
                output: &mut chunk[left..],
                output_pitch: geometry.pitch(),
            });
        });
    }
}
