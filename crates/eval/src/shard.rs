//! A part of an evaluation on disk, and the merge of all parts.
//!
//! A shard holds the ranked pixels of its images (2 bytes per pixel) and, where the threshold was
//! given, the component counts. All of it is whole numbers, so that merged shards give the very
//! figures of a single run, however the images were divided.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::ranking::ScoreRanking;
use super::{ComponentMetrics, EvalError, Evaluation, PixelMetrics, SegmentMatcher};

/// What a shard file starts with; the digit is the version.
const MAGIC: &[u8; 8] = b"unmaskS1";

/// The longest header that is read, bytes.
const HEADER_LIMIT_BYTES: u32 = 1 << 16;

/// Memory that merged shards may hold before they go to temporary files, bytes. Shards come from
/// files and go to files: none of it is used.
const BUDGET_BYTES: usize = 1 << 20;

/// One part of an evaluation.
pub struct Shard {
    ranking: ScoreRanking,
    header: ShardHeader,
}

#[derive(Serialize, Deserialize)]
struct ShardHeader {
    images: u64,
    bad: u64,
    collapsed: u64,
    totals: [u64; 2],
    segments: Option<SegmentMatcher>,
}

/// The metrics of all shards.
#[derive(Debug, PartialEq)]
pub struct MergedShards {
    /// Pixel metrics.
    pub pixels: PixelMetrics,
    /// Component metrics and their threshold, where the shards were made with one.
    pub components: Option<(ComponentMetrics, f32)>,
    /// Images evaluated.
    pub images: u64,
    /// Images left out.
    pub bad: u64,
    /// As [`super::EvalReport::collapsed`].
    pub collapsed: u64,
}

/// Why shards cannot be written or merged.
#[derive(Debug, thiserror::Error)]
pub enum ShardError {
    /// A file cannot be read or written.
    #[error("{path}: {source}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
    /// A file is not a shard.
    #[error(
        "{path} is not a whole shard ({what}): give files that `unmask eval --shard` wrote",
        path = path.display()
    )]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// Shards of different runs.
    #[error(
        "{path} was made with another --threshold or --track than {first}: make all shards alike",
        path = path.display(), first = first.display()
    )]
    Unlike {
        /// The file.
        path: PathBuf,
        /// The first file.
        first: PathBuf,
    },
    /// No file was given.
    #[error("there is no shard to merge")]
    None,
    /// The metrics cannot be computed.
    #[error(transparent)]
    Eval(#[from] EvalError),
}

impl Shard {
    /// `counts`: images, images left out, collapsed scores.
    pub(super) fn new(
        ranking: ScoreRanking,
        segments: Option<SegmentMatcher>,
        counts: [u64; 3],
    ) -> Self {
        let [images, bad, collapsed] = counts;
        let totals = ranking.totals();
        Self {
            ranking,
            header: ShardHeader {
                images,
                bad,
                collapsed,
                totals,
                segments,
            },
        }
    }

    /// Writes the shard to `path`, whole or not at all.
    ///
    /// # Errors
    /// [`ShardError::Io`].
    pub fn write(self, path: &Path) -> Result<(), ShardError> {
        let failed = |source| ShardError::Io {
            path: path.to_owned(),
            source,
        };
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let beside = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
        let header = serde_json::to_vec(&self.header).map_err(|e| failed(e.into()))?;
        let mut out = BufWriter::new(beside);
        let write = |out: &mut BufWriter<tempfile::NamedTempFile>| -> io::Result<()> {
            out.write_all(MAGIC)?;
            out.write_all(&(header.len() as u32).to_le_bytes())?;
            out.write_all(&header)?;
            self.ranking.write(out)?;
            out.flush()
        };
        write(&mut out).map_err(failed)?;
        let beside = out.into_inner().map_err(|e| failed(e.into_error()))?;
        beside.persist(path).map_err(|e| failed(e.error))?;
        Ok(())
    }
}

/// The metrics of all `shards` together.
///
/// # Errors
/// [`ShardError`] naming the file; [`ShardError::Eval`] where all together have no anomalous or no
/// normal pixel.
pub fn merge(shards: &[PathBuf]) -> Result<MergedShards, ShardError> {
    let first = shards.first().ok_or(ShardError::None)?;
    let mut ranking = ScoreRanking::new(BUDGET_BYTES);
    let (mut images, mut bad, mut collapsed) = (0, 0, 0);
    let mut segments: Option<Option<SegmentMatcher>> = None;
    for path in shards {
        let header = read(path, &mut ranking)?;
        images += header.images;
        bad += header.bad;
        collapsed += header.collapsed;
        match (&mut segments, header.segments) {
            (None, part) => segments = Some(part),
            (Some(None), None) => {}
            (Some(Some(all)), Some(part)) if all.settings() == part.settings() => all.merge(&part),
            _ => {
                return Err(ShardError::Unlike {
                    path: path.clone(),
                    first: first.clone(),
                });
            }
        }
    }
    let pixels = Evaluation::from_ranking(ranking).finish()?;
    let components = segments
        .flatten()
        .map(|segments| (segments.finish(), segments.settings().1));
    Ok(MergedShards {
        pixels,
        components,
        images,
        bad,
        collapsed,
    })
}

fn read(path: &Path, ranking: &mut ScoreRanking) -> Result<ShardHeader, ShardError> {
    let foreign = |what: String| ShardError::Foreign {
        path: path.to_owned(),
        what,
    };
    let file = File::open(path).map_err(|source| ShardError::Io {
        path: path.to_owned(),
        source,
    })?;
    let mut file = BufReader::new(file);
    let damaged = |e: io::Error| foreign(e.to_string());
    let mut magic = [0; 8];
    file.read_exact(&mut magic).map_err(damaged)?;
    if &magic != MAGIC {
        return Err(foreign("it starts with other bytes".to_owned()));
    }
    let mut length = [0; 4];
    file.read_exact(&mut length).map_err(damaged)?;
    let length = u32::from_le_bytes(length);
    if length > HEADER_LIMIT_BYTES {
        return Err(foreign(format!("its header has {length} bytes")));
    }
    let mut header = vec![0; length as usize];
    file.read_exact(&mut header).map_err(damaged)?;
    let header: ShardHeader =
        serde_json::from_slice(&header).map_err(|e| foreign(e.to_string()))?;
    ranking.read(header.totals, &mut file).map_err(damaged)?;
    Ok(header)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{BenchmarkTrack, IGNORE};
    use unmask_frame::{LabelMap, PixelMap, ScoreMap, Size};

    fn image(seed: u64) -> (ScoreMap, LabelMap) {
        let mut state = seed * 2 + 1;
        let mut next = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f32 / 2f32.powi(24)
        };
        let size = Size::new(40, 30);
        let labels: Vec<u8> = (0..size.area_px())
            .map(|i| match (i % 40, i / 40) {
                (5..=20, 5..=20) => 1,
                (30.., _) => IGNORE,
                _ => 0,
            })
            .collect();
        let scores = labels
            .iter()
            .map(|&l| 0.4 * f32::from(l == 1) + 0.7 * next());
        let scores = PixelMap::new(size, scores.collect()).unwrap();
        (scores, PixelMap::new(size, labels).unwrap())
    }

    fn shard(images: &[u64], threshold: Option<f32>) -> Shard {
        let evaluation = Evaluation::with_budget(4000);
        let mut segments =
            threshold.map(|t| SegmentMatcher::new(BenchmarkTrack::Obstacle, t).unwrap());
        for &seed in images {
            let (scores, labels) = image(seed);
            evaluation.add(&scores, &labels).unwrap();
            if let Some(segments) = &mut segments {
                segments.add(&scores, &labels).unwrap();
            }
        }
        let ranking = evaluation.into_ranking().unwrap();
        Shard::new(ranking, segments, [images.len() as u64, 0, 0])
    }

    fn merged(parts: &[&[u64]], threshold: Option<f32>) -> Result<MergedShards, ShardError> {
        let folder = tempfile::tempdir().unwrap();
        let mut paths = Vec::new();
        for (i, part) in parts.iter().enumerate() {
            let path = folder.path().join(format!("{i}.shard"));
            shard(part, threshold).write(&path).unwrap();
            paths.push(path);
        }
        merge(&paths)
    }

    #[test]
    fn merged_shards_equal_a_single_run() {
        for threshold in [None, Some(0.5)] {
            let single = merged(&[&[1, 2, 3, 4, 5]], threshold).unwrap();
            let whole = Evaluation::exact();
            for seed in 1..=5 {
                let (scores, labels) = image(seed);
                whole.add(&scores, &labels).unwrap();
            }
            assert_eq!(single.pixels, whole.finish().unwrap());
            assert_eq!(single.components.is_some(), threshold.is_some());
            for parts in [
                vec![&[5u64, 1][..], &[2, 4, 3]],
                vec![&[3], &[1, 2], &[4, 5]],
            ] {
                assert_eq!(merged(&parts, threshold).unwrap(), single);
            }
        }
    }

    #[test]
    fn damaged_and_unlike_shards_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        shard(&[1], Some(0.5)).write(&path("a")).unwrap();
        shard(&[2], None).write(&path("b")).unwrap();
        let error = merge(&[path("a"), path("b")]).unwrap_err().to_string();
        assert!(error.contains("another --threshold"), "{error}");
        let whole = std::fs::read(path("a")).unwrap();
        for end in [0, 5, 11, 40, whole.len() / 2, whole.len() - 1] {
            std::fs::write(path("cut"), &whole[..end]).unwrap();
            assert!(merge(&[path("cut")]).is_err(), "{end} bytes");
        }
        std::fs::write(path("other"), b"something else").unwrap();
        let error = merge(&[path("other")]).unwrap_err().to_string();
        assert!(error.contains("not a whole shard"), "{error}");
        assert!(matches!(merge(&[]), Err(ShardError::None)));
    }
}
