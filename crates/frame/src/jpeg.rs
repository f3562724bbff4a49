//! Checks that a JPEG is complete before it is decoded.
//!
//! Decoders fill what is missing with grey and report nothing: of a camera's frame whose packets
//! were lost, half a road would be left, and nothing on it. Here the headers are read, work and
//! memory are bounded by them, and the codes of every scan are walked through: each block must be
//! there, each code must exist, restart markers must come in their order, and nothing may be left
//! over. Standard: ITU-T T.81.
//!
//! Cameras leave out what they always send: a baseline picture without Huffman tables gets those
//! of the standard's annex K.

mod huffman;
mod scan;
#[cfg(test)]
mod tests;

use super::Size;
use huffman::{HuffmanTable, STANDARD, TableClass};
use scan::{JpegScan, ScanPart};
use std::borrow::Cow;
use std::ops::Range;

/// No picture has more pixels: 2^27, about 11,500 x 11,500 px.
const PIXEL_LIMIT: usize = 1 << 27;
/// No picture needs more memory to be decoded, bytes: as for the other formats.
const MEMORY_LIMIT_BYTES: usize = 512 << 20;
/// Times that scans may go over the whole picture; usual progressive pictures need about 6.
const PASS_LIMIT: usize = 64;
/// Blocks that all scans together may go over.
const BLOCK_LIMIT: usize = 1 << 27;
/// Logitech's cameras leave up to 10 bytes before restart markers; the picture is well.
const AVI1_STRAY_LIMIT_BYTES: usize = 15;

/// What is wrong with a JPEG.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JpegError {
    /// The data ends before the picture does.
    #[error("the JPEG is cut short: {what}")]
    CutShort {
        /// What is missing.
        what: String,
    },
    /// The data is not what the standard wants.
    #[error("the JPEG is damaged: {what}")]
    Damaged {
        /// What is wrong.
        what: String,
    },
    /// Of a kind that is not read.
    #[error(
        "this kind of JPEG is not read: {what}. Save it as baseline or progressive JPEG, 8 bits a \
         sample"
    )]
    Unsupported {
        /// The kind.
        what: String,
    },
    /// Too large, or too much work.
    #[error("the JPEG is too large: {what}")]
    Limit {
        /// What exceeds which limit.
        what: String,
    },
}

fn damaged<T>(what: impl Into<String>) -> Result<T, JpegError> {
    Err(JpegError::Damaged { what: what.into() })
}

fn unsupported<T>(what: impl Into<String>) -> Result<T, JpegError> {
    Err(JpegError::Unsupported { what: what.into() })
}

fn limit<T>(what: impl Into<String>) -> Result<T, JpegError> {
    Err(JpegError::Limit { what: what.into() })
}

/// A JPEG of which everything is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WholeJpeg<'a> {
    /// Width and height, px.
    pub size: Size,
    /// Whether it is of a kind that the fast decoder is right about: baseline in one scan or
    /// progressive, chroma halved at most.
    pub is_usual: bool,
    /// The picture for a decoder: with all tables, without what follows it.
    pub bytes: Cow<'a, [u8]>,
}

/// What is wrong with a scan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum JpegFault {
    /// A marker or the end comes before the last block.
    Ends,
    /// No such code.
    NoCode,
    /// More coefficients than a block has.
    Overrun,
    /// More data than blocks.
    Left,
    /// Restart markers are missing or out of order.
    Restart,
    /// A table is missing.
    NoTable,
}

/// Tables by number.
#[derive(Default)]
struct JpegTables {
    dc: [Option<HuffmanTable>; 4],
    ac: [Option<HuffmanTable>; 4],
}

impl JpegTables {
    fn set(&mut self, class: TableClass, number: usize, table: HuffmanTable) {
        match class {
            TableClass::Dc => self.dc[number] = Some(table),
            TableClass::Ac => self.ac[number] = Some(table),
        }
    }

    /// Puts in those of the standard that `parts` need and that are missing. Returns the segment
    /// that has them all.
    fn complete(&mut self, parts: &[ScanPart]) -> Option<Vec<u8>> {
        let lacks = |part: &ScanPart| self.dc[part.dc].is_none() || self.ac[part.ac].is_none();
        if !parts.iter().any(lacks) {
            return None;
        }
        let mut segment = vec![0xff, 0xc4, 0, 0];
        for (class, number, counts, values) in STANDARD {
            segment.push(u8::from(class == TableClass::Ac) << 4 | number);
            segment.extend(counts);
            segment.extend(values);
            let at = usize::from(number);
            let there = match class {
                TableClass::Dc => self.dc[at].is_some(),
                TableClass::Ac => self.ac[at].is_some(),
            };
            if let (false, Some(table)) = (there, HuffmanTable::new(&counts, values)) {
                self.set(class, at, table);
            }
        }
        let length = (segment.len() as u16 - 2).to_be_bytes();
        segment[2..4].copy_from_slice(&length);
        Some(segment)
    }
}

/// A colour of the picture.
#[derive(Debug)]
struct JpegComponent {
    id: u8,
    /// Blocks side by side and one below the other in a group.
    sampling: (usize, usize),
    /// Blocks that the picture needs.
    blocks: (usize, usize),
    /// Blocks from one row to the next: whole groups.
    stride: usize,
    /// Rows of blocks: whole groups.
    rows: usize,
    /// By coefficient: bits of precision that are still missing; none where nothing came.
    missing: [Option<u32>; 64],
    /// By block: which coefficients are not 0. Progressive pictures only.
    seen: Vec<u64>,
}

impl JpegComponent {
    fn block(&mut self, at: usize) -> &mut u64 {
        &mut self.seen[at]
    }

    /// What no scan brought.
    fn lacks(&self) -> Option<String> {
        let lacking = self.missing.iter().filter(|bits| **bits != Some(0)).count();
        (lacking > 0).then(|| {
            format!(
                "{lacking} of 64 coefficients of component {} are not whole",
                self.id
            )
        })
    }
}

/// What the headers have said so far.
struct JpegReader<'a> {
    data: &'a [u8],
    at: usize,
    size: Size,
    progressive: bool,
    components: Vec<JpegComponent>,
    /// Columns and rows of groups of blocks.
    groups: (usize, usize),
    tables: JpegTables,
    restart_interval: usize,
    /// Whether the header is that of a camera's frame (`AVI1`).
    is_avi: bool,
    /// Whether a decoder keeps all coefficients: several scans.
    is_kept: bool,
    /// The tables that had to be put in.
    added: Option<Vec<u8>>,
    strays: Vec<Range<usize>>,
    /// Blocks that scans went over.
    walked: usize,
}

/// Checks that everything is there that `data` says its picture has; `wanted`, where given, must be
/// its size. What follows the picture is left alone.
///
/// # Errors
/// The data is cut short, damaged, of an unsupported kind, of another size, or too large.
pub fn check_jpeg(data: &[u8], wanted: Option<Size>) -> Result<WholeJpeg<'_>, JpegError> {
    let mut reader = JpegReader {
        data,
        at: 2,
        size: Size::default(),
        progressive: false,
        components: Vec::new(),
        groups: (0, 0),
        tables: JpegTables::default(),
        restart_interval: 0,
        is_avi: false,
        is_kept: false,
        added: None,
        strays: Vec::new(),
        walked: 0,
    };
    if !data.starts_with(&[0xff, 0xd8]) {
        return damaged("it does not begin with a start marker");
    }
    loop {
        let marker = reader.marker()?;
        match marker {
            0xd9 => break,
            0xc4 => reader.huffman_tables()?,
            0xdd => reader.restart_interval()?,
            0xc0..=0xc2 => reader.frame(marker == 0xc2, wanted)?,
            0xda => reader.scan()?,
            0xc3 | 0xc5..=0xc7 => return unsupported("lossless or hierarchical"),
            0xc9..=0xcf => return unsupported("arithmetic coding"),
            0xdc => return unsupported("its height follows its data"),
            0xd8 => return damaged("another picture begins inside it"),
            0xd0..=0xd7 => return damaged("a restart marker without a restart interval"),
            0x01..=0xbf | 0xde => return damaged(format!("a marker 0x{marker:02x}")),
            0xe0 => {
                let segment = reader.segment()?;
                reader.is_avi |= segment.starts_with(b"AVI1");
            }
            _ => {
                reader.segment()?;
            }
        }
    }
    if reader.components.is_empty() {
        return damaged("it has no picture");
    }
    if let Some(what) = reader.components.iter().find_map(JpegComponent::lacks) {
        return Err(JpegError::CutShort { what });
    }
    Ok(WholeJpeg {
        size: reader.size,
        is_usual: reader.is_usual(),
        bytes: reader.cleaned(),
    })
}

impl<'a> JpegReader<'a> {
    fn cut<T>(&self, what: impl Into<String>) -> Result<T, JpegError> {
        Err(JpegError::CutShort { what: what.into() })
    }

    /// The next marker; fill bytes may stand before it.
    fn marker(&mut self) -> Result<u8, JpegError> {
        if self.data.get(self.at).is_some_and(|&byte| byte != 0xff) {
            let at = self.at;
            return damaged(format!("there is no marker at byte {at}"));
        }
        while let Some(&byte) = self.data.get(self.at) {
            self.at += 1;
            match byte {
                0xff => {}
                0 => return damaged(format!("there is no marker at byte {}", self.at - 2)),
                marker => return Ok(marker),
            }
        }
        self.cut("its end marker is missing")
    }

    /// What stands in the segment that begins here.
    fn segment(&mut self) -> Result<&'a [u8], JpegError> {
        let length = self.data.get(self.at..).and_then(|d| d.first_chunk::<2>());
        let Some(&length) = length else {
            return self.cut("a header is missing");
        };
        let length = usize::from(u16::from_be_bytes(length));
        if length < 2 {
            return damaged("a header has no length");
        }
        let Some(segment) = self.data.get(self.at + 2..self.at + length) else {
            return self.cut("a header is missing");
        };
        self.at += length;
        Ok(segment)
    }

    fn huffman_tables(&mut self) -> Result<(), JpegError> {
        let mut rest = self.segment()?;
        while let Some((&head, more)) = rest.split_first() {
            let number = usize::from(head & 15);
            let class = match head >> 4 {
                0 => TableClass::Dc,
                1 => TableClass::Ac,
                _ => return damaged("a Huffman table of no kind"),
            };
            let table = more.split_first_chunk::<16>().and_then(|(counts, values)| {
                let all: usize = counts.iter().map(|&n| usize::from(n)).sum();
                Some((HuffmanTable::new(counts, values)?, values.get(all..)?))
            });
            let Some((table, after)) = table.filter(|_| number < 4) else {
                return damaged("a Huffman table that cannot be");
            };
            self.tables.set(class, number, table);
            rest = after;
        }
        Ok(())
    }

    fn restart_interval(&mut self) -> Result<(), JpegError> {
        let segment = self.segment()?;
        let Ok(interval) = <[u8; 2]>::try_from(segment) else {
            return damaged("a restart interval of another length");
        };
        self.restart_interval = usize::from(u16::from_be_bytes(interval));
        Ok(())
    }

    /// The frame's header: size and components; refuses what would be too large before anything
    /// is made for it.
    fn frame(&mut self, progressive: bool, wanted: Option<Size>) -> Result<(), JpegError> {
        if !self.components.is_empty() {
            return damaged("it has two frame headers");
        }
        let segment = self.segment()?;
        let Some((&[bits, y, yl, x, xl, count], listed)) = segment.split_first_chunk::<6>() else {
            return damaged("its frame header is too short");
        };
        if bits != 8 {
            return unsupported(format!("{bits} bits a sample"));
        }
        let side = |high: u8, low: u8| usize::from(u16::from_be_bytes([high, low]));
        let size = Size::new(side(x, xl), side(y, yl));
        if size.w == 0 {
            return damaged("its width is 0");
        }
        if size.h == 0 {
            return unsupported("its height follows its data");
        }
        if let Some(wanted) = wanted.filter(|&wanted| wanted != size) {
            return damaged(format!("it is a picture of {size} in a stream of {wanted}"));
        }
        let (listed, more) = listed.as_chunks::<3>();
        if listed.len() != usize::from(count) || !more.is_empty() || !(1..=4).contains(&count) {
            return damaged(format!("it has {count} components"));
        }
        let sampling = |byte: u8| (usize::from(byte >> 4), usize::from(byte & 15));
        let factors = || listed.iter().map(|&[_, byte, _]| sampling(byte));
        if factors().any(|(h, v)| !(1..=4).contains(&h) || !(1..=4).contains(&v)) {
            return damaged("a sampling factor is not from 1 to 4");
        }
        let widest = factors().map(|(h, _)| h).max().unwrap_or(1);
        let highest = factors().map(|(_, v)| v).max().unwrap_or(1);
        let groups = (size.w.div_ceil(8 * widest), size.h.div_ceil(8 * highest));
        self.components = listed
            .iter()
            .map(|&[id, byte, _]| {
                let (h, v) = sampling(byte);
                JpegComponent {
                    id,
                    sampling: (h, v),
                    blocks: (
                        (size.w * h).div_ceil(widest).div_ceil(8),
                        (size.h * v).div_ceil(highest).div_ceil(8),
                    ),
                    stride: groups.0 * h,
                    rows: groups.1 * v,
                    missing: [None; 64],
                    seen: Vec::new(),
                }
            })
            .collect();
        (self.size, self.groups, self.progressive) = (size, groups, progressive);
        self.is_kept = progressive;
        self.check_limits()?;
        if progressive {
            for component in &mut self.components {
                component.seen = vec![0; component.stride * component.rows];
            }
        }
        Ok(())
    }

    fn blocks(&self) -> usize {
        self.components.iter().map(|c| c.stride * c.rows).sum()
    }

    fn check_limits(&self) -> Result<(), JpegError> {
        let (size, pixels) = (self.size, self.size.area_px());
        if pixels > PIXEL_LIMIT {
            return limit(format!("{size} is more than {PIXEL_LIMIT} pixels"));
        }
        // Of a picture in several scans all coefficients are kept, 2 bytes each.
        let kept = if self.is_kept { 128 } else { 0 };
        let bytes = pixels * 3 + self.blocks() * kept;
        if bytes > MEMORY_LIMIT_BYTES {
            return limit(format!(
                "{size} needs {} MiB to be decoded, at most {} are used",
                bytes >> 20,
                MEMORY_LIMIT_BYTES >> 20
            ));
        }
        // A block takes two codes of one bit at least; a progressive one may take none.
        let least = if self.progressive {
            0
        } else {
            self.blocks() / 4
        };
        if self.data.len() < least {
            let have = self.data.len();
            return self.cut(format!(
                "{size} takes at least {least} bytes, {have} are there"
            ));
        }
        Ok(())
    }

    fn scan(&mut self) -> Result<(), JpegError> {
        let segment = self.segment()?;
        let scan = self.scan_header(segment)?;
        let blocks: usize = match scan.parts.as_slice() {
            [_] => scan.units.0 * scan.units.1,
            parts => parts
                .iter()
                .map(|part| &self.components[part.component])
                .map(|c| c.stride * c.rows)
                .sum(),
        };
        if scan.parts.len() < self.components.len() && !self.is_kept {
            self.is_kept = true;
            self.check_limits()?;
        }
        self.walked += blocks;
        if self.walked > (self.blocks() * PASS_LIMIT).min(BLOCK_LIMIT) {
            return limit(format!(
                "its scans go over the picture more than {PASS_LIMIT} times, or over more than \
                 {BLOCK_LIMIT} blocks"
            ));
        }
        if !self.progressive && self.added.is_none() {
            self.added = self.tables.complete(&scan.parts);
        }
        let (tables, components) = (&self.tables, &mut self.components);
        let walked = scan::walk(
            self.data,
            self.at,
            &scan,
            tables,
            components,
            &mut self.strays,
        );
        self.at = match walked {
            Ok(end) => end,
            Err(JpegFault::Ends) => return self.cut("its data ends before the last block"),
            Err(JpegFault::NoCode) => return damaged("its data holds a code that does not exist"),
            Err(JpegFault::Overrun) => return damaged("a block has more than 64 coefficients"),
            Err(JpegFault::Left) => return damaged("its data continues after the last block"),
            Err(JpegFault::Restart) => {
                return damaged("restart markers are missing or out of order");
            }
            Err(JpegFault::NoTable) => return damaged("a Huffman table is missing"),
        };
        Ok(())
    }

    /// Reads a scan's header, and notes what the scan brings.
    fn scan_header(&mut self, segment: &[u8]) -> Result<JpegScan, JpegError> {
        let Some((&count, rest)) = segment.split_first() else {
            return damaged("a scan header is too short");
        };
        let count = usize::from(count);
        let Some((listed, &[first, last, bits])) = rest.split_last_chunk::<3>() else {
            return damaged("a scan header is too short");
        };
        let (listed, more) = listed.as_chunks::<2>();
        if listed.len() != count || !more.is_empty() || !(1..=4).contains(&count) {
            return damaged(format!("a scan of {count} components"));
        }
        let mut parts: Vec<ScanPart> = Vec::with_capacity(count);
        for &[id, tables] in listed {
            let component = self.components.iter().position(|c| c.id == id);
            let Some(component) = component else {
                return damaged(format!("a scan of component {id}, which it does not have"));
            };
            let (dc, ac) = (usize::from(tables >> 4), usize::from(tables & 15));
            if dc > 3 || ac > 3 || parts.iter().any(|part| part.component == component) {
                return damaged("a scan header that cannot be");
            }
            parts.push(ScanPart { component, dc, ac });
        }
        let band = (u32::from(first), u32::from(last));
        let bits = (u32::from(bits >> 4), u32::from(bits & 15));
        // Sequential pictures have one scan a component, whatever stands there.
        let (band, bits) = if self.progressive {
            let whole = match band {
                (0, last) => last == 0,
                (first, last) => last <= 63 && first <= last && count == 1,
            };
            if !whole || bits.1 > 13 || (bits.0 != 0 && bits.0 != bits.1 + 1) {
                return damaged("a scan header that cannot be");
            }
            (band, bits)
        } else {
            ((0, 63), (0, 0))
        };
        for part in &parts {
            let missing = &mut self.components[part.component].missing;
            for missing in &mut missing[band.0 as usize..=band.1 as usize] {
                let expected = (bits.0 != 0).then_some(bits.0);
                if *missing != expected {
                    return damaged("a scan brings what is there, or refines what is not");
                }
                *missing = Some(bits.1);
            }
        }
        let units = match parts.as_slice() {
            [one] => self.components[one.component].blocks,
            _ => self.groups,
        };
        Ok(JpegScan {
            parts,
            band,
            bits,
            progressive: self.progressive,
            units,
            restart_interval: self.restart_interval,
            stray_limit_bytes: if self.is_avi {
                AVI1_STRAY_LIMIT_BYTES
            } else {
                0
            },
        })
    }

    /// Baseline pictures in several scans, and those whose chroma is shared by more than two by two
    /// pixels, come wrong out of zune-jpeg 0.5.15; jpeg-decoder is right about them, and slower.
    fn is_usual(&self) -> bool {
        let one_scan = self.progressive || !self.is_kept;
        let sampling = |i: usize| self.components[i].sampling;
        one_scan
            && match self.components.len() {
                1 => sampling(0) == (1, 1),
                3 => {
                    let (h, v) = sampling(0);
                    h <= 2 && v <= 2 && sampling(1) == (1, 1) && sampling(2) == (1, 1)
                }
                // Four inks: only the fast decoder makes colours of them.
                _ => true,
            }
    }

    /// The picture without what follows it and what belongs to nothing, with all tables.
    fn cleaned(&self) -> Cow<'a, [u8]> {
        let whole = &self.data[..self.at];
        if self.added.is_none() && self.strays.is_empty() {
            return Cow::Borrowed(whole);
        }
        let added = self.added.as_deref().unwrap_or_default();
        let mut out = Vec::with_capacity(whole.len() + added.len());
        out.extend_from_slice(&whole[..2]);
        out.extend_from_slice(added);
        let mut from = 2;
        for stray in &self.strays {
            out.extend_from_slice(&whole[from..stray.start]);
            from = stray.end;
        }
        out.extend_from_slice(&whole[from..]);
        Cow::Owned(out)
    }
}
