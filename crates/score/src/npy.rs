//! Score maps as NumPy files (`.npy`).
//!
//! Writing: version 1.0, little-endian float32, C order, `[H, W]`. Reading: versions 1 to 3, float
//! of 2, 4 or 8 bytes, either byte order, C order, two axes. Everything else is refused with the
//! file's name and the reason.
//!
//! Format: <https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>. Own code,
//! because the kept crate for it trusts the header's lengths (it allocates what the file claims
//! and multiplies axes unchecked), reads value by value, and needs a C compiler to build.

use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use unmask_frame::{PixelMap, ScoreMap, Size};

/// Maps with more pixels than this are refused: 2^27, about 11,500 × 11,500 px, 512 MiB.
pub const MAX_PIXELS: usize = 1 << 27;

/// Headers longer than this are refused, bytes. NumPy's own are 118.
const MAX_HEADER: usize = 1 << 16;

const MAGIC: &[u8; 6] = b"\x93NUMPY";

/// Why a score map could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum NpyError {
    /// The file could not be opened or read.
    #[error("cannot read {path}: {source}", path = path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The file could not be written.
    #[error("cannot write {path}: {source}", path = path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The file is not a score map as this program reads it.
    #[error("{path} is not a usable score map: {what}", path = path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong, and what would be right.
        what: String,
    },
}

/// Reads a two-axis float map.
///
/// Float64 values are rounded to float32. Values are not judged: NaN and infinities pass.
///
/// # Errors
/// A file that cannot be read, is no `.npy` file, holds another type, order or shape, a finite
/// value beyond float32, is larger than [`MAX_PIXELS`], or is shorter or longer than its header
/// says.
pub fn read(path: &Path) -> Result<ScoreMap, NpyError> {
    Ok(read_counting(path)?.0)
}

/// As [`read`]; and how many different float64 values became equal to another one in float32: a
/// ranking takes these for ties. 0 for files of float16 and float32.
///
/// # Errors
/// As [`read`].
pub fn read_counting(path: &Path) -> Result<(ScoreMap, u64), NpyError> {
    let failed = |source| NpyError::Read {
        path: path.into(),
        source,
    };
    let mut file = unmask_frame::open_regular_file(path).map_err(failed)?;
    decode(&mut file).map_err(|fault| match fault {
        NpyFault::Io(source) => failed(source),
        NpyFault::Format(what) => NpyError::Format {
            path: path.into(),
            what,
        },
    })
}

/// Writes `map` as little-endian float32 in C order, shape `[H, W]`.
///
/// The file is written next to its place and moved there, so that no half-written map is left.
///
/// # Errors
/// [`NpyError::Write`] where the folder is missing, not writable or full.
pub fn write(path: &Path, map: &ScoreMap) -> Result<(), NpyError> {
    let mut part = path.as_os_str().to_owned();
    part.push(".part");
    let part = PathBuf::from(part);
    let done = File::create(&part)
        .and_then(|file| encode(BufWriter::new(file), map))
        .and_then(|()| std::fs::rename(&part, path));
    done.map_err(|source| {
        let _ = std::fs::remove_file(&part);
        NpyError::Write {
            path: path.into(),
            source,
        }
    })
}

/// Writes the bytes of an `.npy` file to `out`.
fn encode(mut out: impl Write, map: &ScoreMap) -> io::Result<()> {
    let Size { w, h } = map.size();
    let mut header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({h}, {w}), }}");
    // Magic, version and length take 10 bytes; data starts at a multiple of 64.
    let used = 10 + header.len() + 1;
    header.push_str(&" ".repeat(used.next_multiple_of(64) - used));
    header.push('\n');
    out.write_all(MAGIC)?;
    out.write_all(&[1, 0])?;
    out.write_all(&(header.len() as u16).to_le_bytes())?;
    out.write_all(header.as_bytes())?;
    let mut bytes = Vec::with_capacity(4 * 16384);
    for values in map.data().chunks(16384) {
        bytes.clear();
        bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
        out.write_all(&bytes)?;
    }
    out.flush()
}

enum NpyFault {
    Io(io::Error),
    Format(String),
}

impl From<io::Error> for NpyFault {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::UnexpectedEof {
            NpyFault::Format("the file ends early (truncated?)".into())
        } else {
            NpyFault::Io(error)
        }
    }
}

fn fault<T>(what: impl Into<String>) -> Result<T, NpyFault> {
    Err(NpyFault::Format(what.into()))
}

fn decode(mut file: impl Read) -> Result<(ScoreMap, u64), NpyFault> {
    let mut start = [0u8; 8];
    file.read_exact(&mut start)?;
    if &start[..6] != MAGIC {
        return fault("it does not start like a NumPy file; write it with numpy.save");
    }
    let header_len = match (start[6], start[7]) {
        (1, 0) => {
            let mut len = [0u8; 2];
            file.read_exact(&mut len)?;
            usize::from(u16::from_le_bytes(len))
        }
        (2 | 3, 0) => {
            let mut len = [0u8; 4];
            file.read_exact(&mut len)?;
            u32::from_le_bytes(len) as usize
        }
        (major, minor) => return fault(format!("unknown NumPy format version {major}.{minor}")),
    };
    if header_len > MAX_HEADER {
        return fault(format!("its header claims {header_len} bytes"));
    }
    let mut header = vec![0u8; header_len];
    file.read_exact(&mut header)?;
    let header = NpyHeader::parse(&String::from_utf8_lossy(&header))?;
    let (data, collapsed) = header.kind.read(&mut file, header.size.area_px())?;
    if file.read(&mut [0u8])? != 0 {
        return fault("the file is longer than its header says");
    }
    let map = PixelMap::new(header.size, data).expect("as many values as pixels were read");
    Ok((map, collapsed))
}

struct NpyHeader {
    kind: NpyType,
    size: Size,
}

impl NpyHeader {
    /// Parses the Python dictionary `{'descr': '<f4', 'fortran_order': False, 'shape': (H, W), }`.
    fn parse(text: &str) -> Result<Self, NpyFault> {
        let Some(kind) = value_of(text, "descr") else {
            return fault("its header has no 'descr'");
        };
        let quote = if kind.starts_with('"') { '"' } else { '\'' };
        let descr = kind
            .strip_prefix(quote)
            .and_then(|kind| kind.split_once(quote));
        let Some((descr, _)) = descr else {
            return fault("it holds records; save one float a pixel: map.astype('float32')");
        };
        let Some(kind) = NpyType::parse(descr) else {
            return fault(format!(
                "its values are '{descr}'; save them as float: map.astype('float32')"
            ));
        };
        match value_of(text, "fortran_order") {
            Some(order) if order.starts_with("False") => {}
            Some(order) if order.starts_with("True") => {
                return fault("it is in Fortran order; save numpy.ascontiguousarray(map)");
            }
            _ => return fault("its header has no readable 'fortran_order'"),
        }
        let shape = value_of(text, "shape").and_then(|value| {
            let (inside, _) = value.strip_prefix('(')?.split_once(')')?;
            let axes = inside
                .split(',')
                .map(str::trim)
                .filter(|axis| !axis.is_empty());
            axes.map(|axis| axis.parse().ok())
                .collect::<Option<Vec<usize>>>()
        });
        let Some(shape) = shape else {
            return fault("its header has no readable 'shape'");
        };
        let &[h, w] = shape.as_slice() else {
            return fault(format!(
                "its shape is {shape:?}; a score map is [height, width]"
            ));
        };
        match w.checked_mul(h) {
            Some(0) => fault(format!("its shape is {shape:?}: no pixels")),
            Some(area_px) if area_px <= MAX_PIXELS => Ok(Self {
                kind,
                size: Size::new(w, h),
            }),
            _ => fault(format!(
                "its shape is {shape:?}: more than {MAX_PIXELS} pixels"
            )),
        }
    }
}

/// What follows `'key':` in a header.
fn value_of<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    let at = ['\'', '"'].iter().find_map(|quote| {
        let quoted = format!("{quote}{key}{quote}");
        text.find(&quoted).map(|at| at + quoted.len())
    })?;
    Some(text[at..].trim_start().strip_prefix(':')?.trim_start())
}

/// How one value is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct NpyType {
    bytes: usize,
    big_endian: bool,
}

impl NpyType {
    fn parse(descr: &str) -> Option<Self> {
        let (order, kind) = descr.split_at_checked(1)?;
        let big_endian = match order {
            "<" => false,
            ">" => true,
            "=" => cfg!(target_endian = "big"),
            _ => return None,
        };
        let bytes = match kind {
            "f2" => 2,
            "f4" => 4,
            "f8" => 8,
            _ => return None,
        };
        Some(Self { bytes, big_endian })
    }

    /// Reads `count` values, block by block: memory follows what the file holds, not what its
    /// header claims. With the number of float64 values that [`collapsed`].
    fn read(self, file: &mut impl Read, count: usize) -> Result<(Vec<f32>, u64), NpyFault> {
        let mut values = Vec::new();
        let mut doubles = Vec::new();
        let mut block = vec![0u8; 16384 * self.bytes];
        let mut left = count;
        while left > 0 {
            let now = left.min(16384);
            let bytes = &mut block[..now * self.bytes];
            file.read_exact(bytes)?;
            if self.big_endian {
                bytes.chunks_exact_mut(self.bytes).for_each(<[u8]>::reverse);
            }
            match self.bytes {
                2 => values.extend(chunks(bytes).map(|b| half(u16::from_le_bytes(b)))),
                4 => values.extend(chunks(bytes).map(f32::from_le_bytes)),
                _ => {
                    let block: Vec<f64> = chunks(bytes).map(f64::from_le_bytes).collect();
                    let beyond = |v: &&f64| v.is_finite() && (**v as f32).is_infinite();
                    if let Some(value) = block.iter().find(beyond) {
                        return fault(format!(
                            "it holds {value:e}, which float32 cannot; scale the scores down"
                        ));
                    }
                    values.extend(block.iter().map(|&v| v as f32));
                    doubles.extend(block);
                }
            }
            left -= now;
        }
        Ok((values, collapsed(doubles)))
    }
}

/// How many different values of `doubles` become equal to the next smaller one in float32.
fn collapsed(mut doubles: Vec<f64>) -> u64 {
    doubles.retain(|v| !v.is_nan());
    // What was float32 before loses nothing: most files, and no sorting for them.
    if doubles.iter().all(|&v| f64::from(v as f32) == v) {
        return 0;
    }
    doubles.sort_unstable_by(f64::total_cmp);
    let pairs = doubles.windows(2);
    pairs
        .filter(|pair| pair[0] != pair[1] && pair[0] as f32 == pair[1] as f32)
        .count() as u64
}

fn chunks<const N: usize>(bytes: &[u8]) -> impl Iterator<Item = [u8; N]> {
    bytes.as_chunks::<N>().0.iter().copied()
}

/// Widens an IEEE 754 half float. Exact: every half is a float32.
fn half(bits: u16) -> f32 {
    let sign = u32::from(bits >> 15) << 31;
    let exponent = u32::from(bits >> 10) & 0x1f;
    let mantissa = u32::from(bits) & 0x3ff;
    match exponent {
        0 => f32::from_bits(sign | (mantissa as f32 * 2f32.powi(-24)).to_bits()),
        31 => f32::from_bits(sign | 0x7f80_0000 | (mantissa << 13)),
        _ => f32::from_bits(sign | ((exponent + 112) << 23) | (mantissa << 13)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode_map(file: impl Read) -> Result<ScoreMap, NpyFault> {
        decode(file).map(|(map, _)| map)
    }

    fn file(version: u8, header: &str, body: &[u8]) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend([version, 0]);
        if version == 1 {
            bytes.extend((header.len() as u16).to_le_bytes());
        } else {
            bytes.extend((header.len() as u32).to_le_bytes());
        }
        bytes.extend(header.as_bytes());
        bytes.extend(body);
        bytes
    }

    fn header(descr: &str, fortran: &str, shape: &str) -> String {
        format!("{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': {shape}, }}\n")
    }

    fn what(bytes: &[u8]) -> String {
        match decode_map(bytes) {
            Err(NpyFault::Format(what)) => what,
            Err(NpyFault::Io(error)) => panic!("{error}"),
            Ok(map) => panic!("was read: {map:?}"),
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.npy");
        let values = vec![0.5, -1.25, f32::MAX, 1e-40, -0.0, 3.0];
        let map = PixelMap::new(Size::new(3, 2), values).unwrap();
        write(&path, &map).unwrap();
        assert_eq!(read(&path).unwrap(), map);
        let bytes = std::fs::read(&path).unwrap();
        assert_eq!(&bytes[..10], b"\x93NUMPY\x01\x00\x76\x00");
        assert_eq!(bytes.len(), 128 + 6 * 4);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn all_versions_types_and_byte_orders() {
        let shape = "(1, 2)";
        let bodies: [(&str, Vec<u8>); 6] = [
            (
                "<f4",
                [1.5f32, -2.0]
                    .iter()
                    .flat_map(|v| v.to_le_bytes())
                    .collect(),
            ),
            (
                ">f4",
                [1.5f32, -2.0]
                    .iter()
                    .flat_map(|v| v.to_be_bytes())
                    .collect(),
            ),
            (
                "<f8",
                [1.5f64, -2.0]
                    .iter()
                    .flat_map(|v| v.to_le_bytes())
                    .collect(),
            ),
            (
                ">f8",
                [1.5f64, -2.0]
                    .iter()
                    .flat_map(|v| v.to_be_bytes())
                    .collect(),
            ),
            (
                "<f2",
                [0x3e00u16, 0xc000]
                    .iter()
                    .flat_map(|v| v.to_le_bytes())
                    .collect(),
            ),
            (
                ">f2",
                [0x3e00u16, 0xc000]
                    .iter()
                    .flat_map(|v| v.to_be_bytes())
                    .collect(),
            ),
        ];
        for version in 1..=3 {
            for (descr, body) in &bodies {
                let bytes = file(version, &header(descr, "False", shape), body);
                let map = decode_map(&bytes[..]).unwrap_or_else(|_| panic!("{descr} v{version}"));
                assert_eq!(map.data(), [1.5, -2.0], "{descr} v{version}");
                assert_eq!(map.size(), Size::new(2, 1));
            }
        }
    }

    #[test]
    fn every_half_float_widens_to_its_value() {
        for bits in 0..=u16::MAX {
            let sign = if bits >> 15 == 1 { -1.0 } else { 1.0 };
            let exponent = i32::from(bits >> 10 & 0x1f);
            let mantissa = f64::from(bits & 0x3ff);
            let want = match (exponent, mantissa) {
                (0, m) => m * 2f64.powi(-24),
                (31, 0.0) => f64::INFINITY,
                (31, _) => f64::NAN,
                (e, m) => (1.0 + m / 1024.0) * 2f64.powi(e - 15),
            };
            let got = f64::from(half(bits));
            assert!(
                got == sign * want || (got.is_nan() && want.is_nan()),
                "{bits:#06x}: {got} is not {want}"
            );
        }
    }

    #[test]
    fn foreign_and_broken_files_say_why() {
        let good = file(1, &header("<f4", "False", "(1, 2)"), &[0; 8]);
        assert!(what(b"PK\x03\x04 an archive").contains("does not start like a NumPy file"));
        assert!(what(b"\x93NUM").contains("ends early"));
        assert!(what(&good[..good.len() - 1]).contains("ends early"));
        assert!(what(&good[..30]).contains("ends early"));
        assert!(what(&[good.clone(), vec![0]].concat()).contains("longer than its header"));
        assert!(what(&file(4, "", &[])).contains("version 4.0"));
        let claims_much = [MAGIC.as_slice(), &[2, 0], &[0xff; 4]].concat();
        assert!(what(&claims_much).contains("header claims"));
        for (descr, fortran, shape, says) in [
            ("<i4", "False", "(1, 2)", "'<i4'"),
            ("|b1", "False", "(1, 2)", "'|b1'"),
            ("", "False", "(1, 2)", "''"),
            ("<f4", "True", "(1, 2)", "Fortran"),
            ("<f4", "Maybe", "(1, 2)", "'fortran_order'"),
            ("<f4", "False", "(2,)", "[height, width]"),
            ("<f4", "False", "(1, 1, 2)", "[height, width]"),
            ("<f4", "False", "(-1, 2)", "'shape'"),
            ("<f4", "False", "(1, 2", "'shape'"),
            ("<f4", "False", "(0, 2)", "no pixels"),
            ("<f4", "False", "(99999, 99999)", "more than"),
            ("<f4", "False", "(18446744073709551615, 2)", "more than"),
        ] {
            let said = what(&file(1, &header(descr, fortran, shape), &[0; 8]));
            assert!(said.contains(says), "{said}");
        }
        assert!(what(&file(1, "{}", &[])).contains("'descr'"));
        let records = "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1, 2), }";
        assert!(what(&file(1, records, &[0; 8])).contains("records"));
    }

    #[test]
    fn missing_files_and_folders_are_named() {
        let missing = read(Path::new("/nowhere/at/all.npy"))
            .unwrap_err()
            .to_string();
        assert!(missing.contains("/nowhere/at/all.npy"), "{missing}");
        let map = PixelMap::filled(Size::new(1, 1), 0.0);
        let missing = write(Path::new("/nowhere/at/all.npy"), &map)
            .unwrap_err()
            .to_string();
        assert!(
            missing.contains("cannot write /nowhere/at/all.npy"),
            "{missing}"
        );
    }

    #[test]
    fn float64_values_that_collapse_are_counted() {
        let ulp = f64::from(f32::EPSILON) / 4.0;
        let count = |values: &[f64]| {
            let body: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
            let shape = format!("(1, {})", values.len());
            decode(&file(1, &header("<f8", "False", &shape), &body)[..]).map(|(_, n)| n)
        };
        let of = |values: &[f64]| count(values).unwrap_or(u64::MAX);
        // Equal values are ties in the file itself.
        assert_eq!(of(&[0.5, 0.5, 1.0]), 0);
        assert_eq!(of(&[0.1, 0.2, 0.1]), 0);
        assert_eq!(of(&[1.0, 1.0 + ulp, 1.0 + 2.0 * ulp, 2.0, 1.0]), 2);
        assert_eq!(of(&[f64::NAN, 0.1, f64::INFINITY]), 0);
        let Err(NpyFault::Format(what)) = count(&[1e300]) else {
            panic!("a value beyond float32 was read");
        };
        assert!(what.contains("1e300") && what.contains("float32"), "{what}");
    }
}
