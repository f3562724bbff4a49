//! The exact ranking of all pixels of a data set, in bounded memory.
//!
//! A score's rank has 32 bits ([`super::sweep::rank`]). Every picture is sorted by the upper 16
//! bits only (a counting sort into a [`ScoreBlock`]: 2 bytes per pixel remain, the lower 16 bits). Blocks
//! stay in memory up to a budget; then they are merged, bucket by bucket, into one run in a
//! temporary file. The final sweep walks all blocks and runs in bucket order and counts the lower
//! 16 bits of one bucket at a time in a table of 65,536 cells. Nothing is compared or sorted
//! twice, every read is sequential, and the result is that of sorting all pixels.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, Write};
use std::mem::take;

use super::sweep::{PixelMetrics, ThresholdSweep, rank};
use super::{ANOMALY, IGNORE};

const BUCKETS: usize = 1 << 16;

/// The pixels of one bucket in one block: positives first, then negatives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct BlockHead {
    bucket: u16,
    counts: [u32; 2],
}

/// One picture, sorted by the upper half of the ranks.
pub(super) struct ScoreBlock {
    heads: Vec<BlockHead>,
    lows: Vec<u16>,
}

impl ScoreBlock {
    /// Sorts a picture. `scores` are finite, `labels` known, both of equal length below 2^32.
    pub(super) fn new(scores: &[f32], labels: &[u8]) -> Self {
        // Slot = bucket and class, so that rising slots are falling scores, positives first.
        let slot =
            |rank: u32, label: u8| ((rank >> 16) << 1 | u32::from(label != ANOMALY)) as usize;
        let pixels = || {
            let pixels = scores
                .iter()
                .zip(labels)
                .filter(|&(_, &label)| label != IGNORE);
            pixels.map(|(&score, &label)| (rank(score), label))
        };
        let mut slots = vec![0u32; 2 * BUCKETS];
        for (rank, label) in pixels() {
            slots[slot(rank, label)] += 1;
        }
        let mut heads = Vec::new();
        let mut filled = 0;
        for (bucket, pair) in slots.as_chunks_mut::<2>().0.iter_mut().enumerate() {
            let counts = *pair;
            if counts != [0, 0] {
                heads.push(BlockHead {
                    bucket: bucket as u16,
                    counts,
                });
            }
            *pair = [filled, filled + counts[0]];
            filled += counts[0] + counts[1];
        }
        let mut lows = vec![0u16; filled as usize];
        for (rank, label) in pixels() {
            let next = &mut slots[slot(rank, label)];
            lows[*next as usize] = rank as u16;
            *next += 1;
        }
        Self { heads, lows }
    }

    fn bytes(&self) -> usize {
        size_of::<Self>() + self.heads.len() * size_of::<BlockHead>() + self.lows.len() * 2
    }
}

/// All blocks so far.
pub(super) struct ScoreRanking {
    blocks: Vec<ScoreBlock>,
    held_bytes: usize,
    budget_bytes: usize,
    runs: Vec<File>,
    totals: [u64; 2],
}

impl ScoreRanking {
    /// Holds at most about `budget_bytes` in memory.
    pub(super) fn new(budget_bytes: usize) -> Self {
        Self {
            blocks: Vec::new(),
            held_bytes: 0,
            budget_bytes,
            runs: Vec::new(),
            totals: [0; 2],
        }
    }

    /// Adds a picture.
    pub(super) fn push(&mut self, block: ScoreBlock) -> io::Result<()> {
        for head in &block.heads {
            self.totals[0] += u64::from(head.counts[0]);
            self.totals[1] += u64::from(head.counts[1]);
        }
        self.held_bytes += block.bytes();
        self.blocks.push(block);
        if self.held_bytes > self.budget_bytes {
            self.spill()?;
        }
        Ok(())
    }

    /// Positive and negative pixels so far.
    pub(super) fn totals(&self) -> [u64; 2] {
        self.totals
    }

    /// Merges the blocks in memory into one run on disk. The file has no name: it is gone when the
    /// process is, however that ends.
    fn spill(&mut self) -> io::Result<()> {
        let mut out = BufWriter::with_capacity(1 << 18, tempfile::tempfile()?);
        let mut readers: Vec<BlockReader> = self.blocks.iter().map(BlockReader::block).collect();
        let mut bytes = Vec::new();
        while let Some((bucket, counts)) = next_bucket(&readers) {
            out.write_all(&bucket.to_le_bytes())?;
            out.write_all(&counts[0].to_le_bytes())?;
            out.write_all(&counts[1].to_le_bytes())?;
            // The positives of all blocks come before the negatives of any.
            for class in 0..2 {
                for reader in &mut readers {
                    reader.take(bucket, class, |lows| {
                        bytes.clear();
                        bytes.extend(lows.iter().flat_map(|low| low.to_le_bytes()));
                        out.write_all(&bytes)
                    })?;
                }
            }
            for reader in &mut readers {
                reader.advance(bucket)?;
            }
        }
        drop(readers);
        let mut file = out.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.rewind()?;
        self.runs.push(file);
        self.blocks.clear();
        self.held_bytes = 0;
        Ok(())
    }

    /// Writes all pixels to `out`: the runs one after the other, each behind its length in bytes.
    pub(super) fn write(mut self, out: &mut impl Write) -> io::Result<()> {
        if !self.blocks.is_empty() {
            self.spill()?;
        }
        out.write_all(&(self.runs.len() as u64).to_le_bytes())?;
        for mut run in self.runs {
            let bytes = run.metadata()?.len();
            out.write_all(&bytes.to_le_bytes())?;
            io::copy(&mut run, out)?;
        }
        Ok(())
    }

    /// Adds the pixels that [`ScoreRanking::write`] wrote. `totals`: how many of each class.
    pub(super) fn read(&mut self, totals: [u64; 2], from: &mut impl Read) -> io::Result<()> {
        let damaged = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
        let runs = read_number(from)?;
        let mut found = [0u64; 2];
        for _ in 0..runs {
            let bytes = read_number(from)?;
            let mut file = tempfile::tempfile()?;
            if io::copy(&mut from.by_ref().take(bytes), &mut file)? != bytes {
                return Err(damaged("it ends early"));
            }
            file.rewind()?;
            // Every header is read once: a sweep over a damaged run would count wrong.
            let mut reader = BufReader::with_capacity(1 << 16, file);
            let mut before = None;
            while let Some((bucket, counts)) = read_head(&mut reader)? {
                if before.is_some_and(|before| before >= bucket) {
                    return Err(damaged("its buckets are out of order"));
                }
                before = Some(bucket);
                for (sum, count) in found.iter_mut().zip(counts) {
                    *sum = sum
                        .checked_add(count)
                        .ok_or_else(|| damaged("too many pixels"))?;
                }
                let left = bytes_of(Some((bucket, counts)));
                let skip = i64::try_from(left).map_err(|_| damaged("too many pixels"))?;
                reader.seek_relative(skip)?;
            }
            let mut file = reader.into_inner();
            file.rewind()?;
            self.runs.push(file);
        }
        if found != totals {
            return Err(damaged("it holds another number of pixels than it states"));
        }
        self.totals[0] += totals[0];
        self.totals[1] += totals[1];
        Ok(())
    }

    /// Sweeps all pixels. Both classes must have some.
    pub(super) fn finish(self) -> io::Result<PixelMetrics> {
        let mut sweep = ThresholdSweep::new(self.totals[0], self.totals[1], false);
        let mut readers: Vec<BlockReader> = self.blocks.iter().map(BlockReader::block).collect();
        for run in self.runs {
            readers.push(BlockReader::run(run)?);
        }
        let mut table = BlockTable::new();
        while let Some((bucket, [positives, negatives])) = next_bucket(&readers) {
            let base = u32::from(bucket) << 16;
            if positives == 0 {
                // No metric looks between these: see `ThresholdSweep::step`.
                sweep.step(base | 0xffff, 0, negatives);
            } else {
                for reader in &mut readers {
                    for class in 0..2 {
                        reader.take(bucket, class, |lows| {
                            table.count(lows, class);
                            Ok(())
                        })?;
                    }
                }
                table.drain(|low, [p, n]| sweep.step(base | u32::from(low), p, n));
            }
            for reader in &mut readers {
                reader.advance(bucket)?;
            }
        }
        Ok(sweep.finish())
    }
}

/// Counts of one bucket by the lower half of the rank.
struct BlockTable {
    counts: [Vec<u64>; 2],
    /// Which groups of [`GROUP`] cells hold positives: only these need a look cell by cell.
    positive: Vec<bool>,
}

/// Cells of the [`BlockTable`] that share a flag.
const GROUP: usize = 64;

impl BlockTable {
    fn new() -> Self {
        Self {
            counts: [vec![0; BUCKETS], vec![0; BUCKETS]],
            positive: vec![false; BUCKETS / GROUP],
        }
    }

    fn count(&mut self, lows: &[u16], class: usize) {
        let counts = &mut self.counts[class];
        for &low in lows {
            counts[usize::from(low)] += 1;
        }
        if class == 0 {
            for &low in lows {
                self.positive[usize::from(low) / GROUP] = true;
            }
        }
    }

    /// Gives all counts in rank order and clears them. Negatives without a positive between them
    /// are given as one: see [`ThresholdSweep::step`].
    fn drain(&mut self, mut give: impl FnMut(u16, [u64; 2])) {
        let mut between = 0;
        let [positives, negatives] = &mut self.counts;
        for (group, flag) in self.positive.iter_mut().enumerate() {
            let cells = group * GROUP..(group + 1) * GROUP;
            if !*flag {
                between += negatives[cells.clone()].iter().sum::<u64>();
                negatives[cells].fill(0);
                continue;
            }
            *flag = false;
            for low in cells {
                let (p, n) = (take(&mut positives[low]), take(&mut negatives[low]));
                if p == 0 {
                    between += n;
                    continue;
                }
                if between > 0 {
                    // Their rank is of no use to the sweep: no threshold lies on them.
                    give(low as u16, [0, take(&mut between)]);
                }
                give(low as u16, [p, n]);
            }
        }
        if between > 0 {
            give(u16::MAX, [0, between]);
        }
    }
}

/// The lowest bucket that any reader stands at, and its pixels over all readers.
fn next_bucket(readers: &[BlockReader]) -> Option<(u16, [u64; 2])> {
    let bucket = readers
        .iter()
        .filter_map(|r| r.head().map(|head| head.0))
        .min()?;
    let mut counts = [0; 2];
    for (_, here) in readers
        .iter()
        .filter_map(BlockReader::head)
        .filter(|head| head.0 == bucket)
    {
        counts[0] += here[0];
        counts[1] += here[1];
    }
    Some((bucket, counts))
}

/// Walks a block or a run bucket by bucket.
enum BlockReader<'a> {
    Block {
        block: &'a ScoreBlock,
        head: usize,
        /// Index of the bucket's first low.
        start: usize,
    },
    Run {
        file: BufReader<File>,
        head: Option<(u16, [u64; 2])>,
        /// Bytes of the bucket not yet read.
        left: u64,
        bytes: Vec<u8>,
        lows: Vec<u16>,
    },
}

impl<'a> BlockReader<'a> {
    fn block(block: &'a ScoreBlock) -> Self {
        BlockReader::Block {
            block,
            head: 0,
            start: 0,
        }
    }

    fn run(file: File) -> io::Result<Self> {
        let mut file = BufReader::with_capacity(1 << 16, file);
        let head = read_head(&mut file)?;
        Ok(BlockReader::Run {
            file,
            left: bytes_of(head),
            head,
            bytes: vec![0; 1 << 14],
            lows: Vec::with_capacity(1 << 13),
        })
    }

    /// The bucket this reader stands at.
    fn head(&self) -> Option<(u16, [u64; 2])> {
        match self {
            BlockReader::Block { block, head, .. } => {
                let head = block.heads.get(*head)?;
                Some((head.bucket, head.counts.map(u64::from)))
            }
            BlockReader::Run { head, .. } => *head,
        }
    }

    /// Gives the lower halves of one class of `bucket`, if the reader stands there. Of a run, the
    /// classes can only be taken in order.
    fn take(
        &mut self,
        bucket: u16,
        class: usize,
        mut give: impl FnMut(&[u16]) -> io::Result<()>,
    ) -> io::Result<()> {
        let Some((_, counts)) = self.head().filter(|head| head.0 == bucket) else {
            return Ok(());
        };
        match self {
            BlockReader::Block { block, start, .. } => {
                let from = *start + if class == 0 { 0 } else { counts[0] as usize };
                give(&block.lows[from..from + counts[class] as usize])
            }
            BlockReader::Run {
                file,
                left,
                bytes,
                lows,
                ..
            } => {
                let mut todo = counts[class] * 2;
                *left -= todo;
                while todo > 0 {
                    let now = todo.min(bytes.len() as u64) as usize;
                    file.read_exact(&mut bytes[..now])?;
                    lows.clear();
                    let pairs = bytes[..now].as_chunks::<2>().0;
                    lows.extend(pairs.iter().map(|&pair| u16::from_le_bytes(pair)));
                    give(lows)?;
                    todo -= now as u64;
                }
                Ok(())
            }
        }
    }

    /// Leaves `bucket`, if the reader stands there.
    fn advance(&mut self, bucket: u16) -> io::Result<()> {
        let Some((_, counts)) = self.head().filter(|head| head.0 == bucket) else {
            return Ok(());
        };
        match self {
            BlockReader::Block { head, start, .. } => {
                *head += 1;
                *start += (counts[0] + counts[1]) as usize;
            }
            BlockReader::Run {
                file, head, left, ..
            } => {
                file.seek_relative(*left as i64)?;
                *head = read_head(file)?;
                *left = bytes_of(*head);
            }
        }
        Ok(())
    }
}

fn bytes_of(head: Option<(u16, [u64; 2])>) -> u64 {
    head.map_or(0, |(_, counts)| 2 * (counts[0] + counts[1]))
}

fn read_number(from: &mut impl Read) -> io::Result<u64> {
    let mut bytes = [0; 8];
    from.read_exact(&mut bytes)?;
    Ok(u64::from_le_bytes(bytes))
}

/// Reads a bucket's header; `None` at the end of the run.
fn read_head(file: &mut impl Read) -> io::Result<Option<(u16, [u64; 2])>> {
    let mut bytes = [0u8; 18];
    match file.read_exact(&mut bytes[..2]) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        done => done?,
    }
    file.read_exact(&mut bytes[2..])?;
    let number = |at: usize| u64::from_le_bytes(std::array::from_fn(|i| bytes[at + i]));
    Ok(Some((
        u16::from_le_bytes([bytes[0], bytes[1]]),
        [number(2), number(10)],
    )))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NORMAL;

    /// Pseudo-random scores with many ties, some far apart, some sharing the upper half.
    fn picture(seed: u64, len: usize) -> (Vec<f32>, Vec<u8>) {
        let mut state = seed;
        let mut next = || {
            state = state
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            (state >> 33) as u32
        };
        let scores = (0..len).map(|_| match next() % 4 {
            0 => (next() % 8) as f32 / 8.0,
            1 => 0.5 + (next() % 1000) as f32 * 1e-7,
            2 => next() as f32 / 2f32.powi(31) - 0.5,
            _ => -0.0,
        });
        let scores: Vec<f32> = scores.collect();
        let labels = scores.iter().map(|&score| match next() % 10 {
            0 => IGNORE,
            n if n as f32 * 0.1 < score => ANOMALY,
            _ => NORMAL,
        });
        let labels = labels.collect();
        (scores, labels)
    }

    /// Sorts all pixels and sweeps them: the definition.
    fn sorted(pictures: &[(Vec<f32>, Vec<u8>)]) -> PixelMetrics {
        let all = pictures.iter().flat_map(|(s, l)| s.iter().zip(l));
        let mut all: Vec<(f32, bool)> = all
            .filter(|&(_, &label)| label != IGNORE)
            .map(|(&score, &label)| (score, label == ANOMALY))
            .collect();
        all.sort_by(|a, b| b.0.partial_cmp(&a.0).unwrap());
        let positives = all.iter().filter(|pixel| pixel.1).count();
        let mut sweep =
            ThresholdSweep::new(positives as u64, (all.len() - positives) as u64, false);
        for step in all.chunk_by(|a, b| a.0 == b.0) {
            let positives = step.iter().filter(|pixel| pixel.1).count();
            let negatives = step.len() - positives;
            sweep.step(rank(step[0].0), positives as u64, negatives as u64);
        }
        sweep.finish()
    }

    #[test]
    fn equals_sorting_with_and_without_spilling() {
        let pictures: Vec<_> = (0..9).map(|k| picture(k, 500 + 37 * k as usize)).collect();
        let want = sorted(&pictures);
        // Nothing spilled; a run of several blocks and a rest in memory; every block spilled.
        for (budget, min_runs) in [(usize::MAX, 0), (6000, 1), (0, 9)] {
            let mut ranking = ScoreRanking::new(budget);
            for (scores, labels) in &pictures {
                ranking.push(ScoreBlock::new(scores, labels)).unwrap();
            }
            assert!(
                ranking.runs.len() >= min_runs,
                "{} runs",
                ranking.runs.len()
            );
            let [positives, negatives] = ranking.totals();
            assert_eq!([positives, negatives], [want.positives, want.negatives]);
            assert_eq!(ranking.finish().unwrap(), want, "budget {budget}");
        }
    }

    #[test]
    fn memory_held_stays_under_the_budget() {
        let budget = 20_000;
        let mut ranking = ScoreRanking::new(budget);
        for seed in 0..50 {
            let (scores, labels) = picture(seed, 1000);
            ranking.push(ScoreBlock::new(&scores, &labels)).unwrap();
            assert!(ranking.held_bytes <= budget);
        }
        assert!(ranking.runs.len() > 1);
    }

    #[test]
    fn a_block_without_counted_pixels_is_empty() {
        let block = ScoreBlock::new(&[1.0, 2.0], &[IGNORE, IGNORE]);
        assert!(block.heads.is_empty() && block.lows.is_empty());
    }
}
