//! Walks through the blocks of a scan without making pixels of them, to know whether all are there.

use super::huffman::{BitReader, HuffmanTable};
use super::{JpegComponent, JpegFault, JpegTables};
use std::ops::Range;

/// Zero bytes that an encoder may leave before a marker.
const PADDING_LIMIT_BYTES: usize = 16;

/// Part of a component that a scan holds.
#[derive(Debug)]
pub(super) struct ScanPart {
    /// Place in the frame's list of components.
    pub component: usize,
    /// Number of its table for first coefficients.
    pub dc: usize,
    /// Number of its table for the others.
    pub ac: usize,
}

/// What a scan's header says.
#[derive(Debug)]
pub(super) struct JpegScan {
    pub parts: Vec<ScanPart>,
    /// First and last coefficient, in zigzag order.
    pub band: (u32, u32),
    /// Bits of precision that earlier scans left out, and that this one leaves out.
    pub bits: (u32, u32),
    pub progressive: bool,
    /// Columns and rows of units: blocks where the scan has one component, else groups of them.
    pub units: (usize, usize),
    /// Units between two restart markers; 0 without them.
    pub restart_interval: usize,
    /// Bytes of any kind that may stand before a restart marker.
    pub stray_limit_bytes: usize,
}

/// Walks through the scan whose data begins at `at`. Returns where its closing marker lies; bytes
/// that belong to nothing are added to `strays`.
///
/// # Errors
/// Blocks are missing, a code does not exist, or more follows than the blocks.
pub(super) fn walk(
    data: &[u8],
    at: usize,
    scan: &JpegScan,
    tables: &JpegTables,
    components: &mut [JpegComponent],
    strays: &mut Vec<Range<usize>>,
) -> Result<usize, JpegFault> {
    let mut bits = BitReader::new(data, at);
    let mut run = 0;
    let (columns, rows) = scan.units;
    let mut left = scan.restart_interval;
    let mut restarts = 0u8;
    for row in 0..rows {
        for column in 0..columns {
            if scan.restart_interval > 0 {
                if left == 0 {
                    let limit = scan.stray_limit_bytes;
                    let marker = close(data, bits.next_byte(), limit, strays)?;
                    if data.get(marker + 1) != Some(&(0xd0 + restarts)) {
                        return Err(JpegFault::Restart);
                    }
                    bits = BitReader::new(data, marker + 2);
                    restarts = (restarts + 1) % 8;
                    (left, run) = (scan.restart_interval, 0);
                }
                left -= 1;
            }
            for part in &scan.parts {
                let component = &mut components[part.component];
                if scan.parts.len() == 1 {
                    let block = row * component.stride + column;
                    walk_block(&mut bits, scan, tables, part, component, block, &mut run)?;
                    continue;
                }
                let (h, v) = component.sampling;
                for y in row * v..(row + 1) * v {
                    for x in column * h..(column + 1) * h {
                        let block = y * component.stride + x;
                        walk_block(&mut bits, scan, tables, part, component, block, &mut run)?;
                    }
                }
            }
        }
    }
    if run > 0 {
        return Err(JpegFault::Left);
    }
    close(data, bits.next_byte(), 0, strays)
}

/// The marker after `at`: its last 0xff.
fn close(
    data: &[u8],
    at: usize,
    stray_limit_bytes: usize,
    strays: &mut Vec<Range<usize>>,
) -> Result<usize, JpegFault> {
    let rest = data.get(at..).unwrap_or_default();
    let is_marker = |w: &[u8]| w[0] == 0xff && !matches!(w[1], 0 | 0xff);
    let marker = rest.windows(2).position(is_marker).ok_or(JpegFault::Ends)?;
    let fills = rest[..marker].iter().rev().take_while(|&&b| b == 0xff);
    let stray = &rest[..marker - fills.count()];
    let is_padding = stray.len() <= PADDING_LIMIT_BYTES && stray.iter().all(|&byte| byte == 0);
    if !is_padding && stray.len() > stray_limit_bytes {
        return Err(JpegFault::Left);
    }
    if !stray.is_empty() {
        strays.push(at..at + stray.len());
    }
    Ok(at + marker)
}

fn walk_block(
    bits: &mut BitReader<'_>,
    scan: &JpegScan,
    tables: &JpegTables,
    part: &ScanPart,
    component: &mut JpegComponent,
    block: usize,
    run: &mut u32,
) -> Result<(), JpegFault> {
    let dc = || tables.dc[part.dc].as_ref().ok_or(JpegFault::NoTable);
    let ac = || tables.ac[part.ac].as_ref().ok_or(JpegFault::NoTable);
    match (scan.progressive, scan.band.0, scan.bits.0) {
        (false, ..) => sequential(bits, dc()?, ac()?),
        (true, 0, 0) => first_coefficient(bits, dc()?),
        (true, 0, _) => bits.skip(1),
        (true, _, 0) => band(bits, ac()?, scan.band, component.block(block), run),
        (true, ..) => refine(bits, ac()?, scan.band, component.block(block), run),
    }
}

fn first_coefficient(bits: &mut BitReader<'_>, table: &HuffmanTable) -> Result<(), JpegFault> {
    // 8-bit pictures have differences of at most 11 bits.
    match bits.coefficient(table)? {
        0..=11 => Ok(()),
        _ => Err(JpegFault::NoCode),
    }
}

fn sequential(
    bits: &mut BitReader<'_>,
    dc: &HuffmanTable,
    ac: &HuffmanTable,
) -> Result<(), JpegFault> {
    first_coefficient(bits, dc)?;
    let mut k = 1;
    while k < 64 {
        let value = u32::from(bits.coefficient(ac)?);
        match (value >> 4, value & 15) {
            (15, 0) => k += 16,
            (_, 0) => return Ok(()),
            (zeros, _) => k += zeros + 1,
        }
    }
    if k == 64 {
        Ok(())
    } else {
        Err(JpegFault::Overrun)
    }
}

/// The first scan of a band (T.81, G.1.2.2). `seen` has a bit for each coefficient that is not 0.
fn band(
    bits: &mut BitReader<'_>,
    table: &HuffmanTable,
    (first, last): (u32, u32),
    seen: &mut u64,
    run: &mut u32,
) -> Result<(), JpegFault> {
    if *run > 0 {
        *run -= 1;
        return Ok(());
    }
    let mut k = first;
    while k <= last {
        let value = u32::from(bits.coefficient(table)?);
        match (value >> 4, value & 15) {
            (15, 0) => k += 16,
            (length, 0) => {
                *run = (1 << length) + bits.take(length)? - 1;
                return Ok(());
            }
            (zeros, _) => {
                k += zeros;
                if k > last {
                    return Err(JpegFault::Overrun);
                }
                *seen |= 1 << k;
                k += 1;
            }
        }
    }
    if k == last + 1 {
        Ok(())
    } else {
        Err(JpegFault::Overrun)
    }
}

/// A scan that adds a bit to each coefficient of a band (T.81, G.1.2.3).
fn refine(
    bits: &mut BitReader<'_>,
    table: &HuffmanTable,
    (first, last): (u32, u32),
    seen: &mut u64,
    run: &mut u32,
) -> Result<(), JpegFault> {
    let mut k = first;
    if *run == 0 {
        while k <= last {
            let value = u32::from(bits.value(table)?);
            let (mut zeros, size) = (value >> 4, value & 15);
            if size > 1 {
                return Err(JpegFault::NoCode);
            }
            if size == 0 && zeros < 15 {
                *run = (1 << zeros) + bits.take(zeros)?;
                break;
            }
            bits.skip(size)?;
            // A bit for each coefficient on the way that was not 0 before.
            while k <= last {
                if *seen >> k & 1 == 1 {
                    bits.skip(1)?;
                } else if zeros == 0 {
                    break;
                } else {
                    zeros -= 1;
                }
                k += 1;
            }
            if size == 1 {
                if k > last {
                    return Err(JpegFault::Overrun);
                }
                *seen |= 1 << k;
            }
            k += 1;
        }
    }
    if *run > 0 {
        let rest = (k..=last).filter(|&k| *seen >> k & 1 == 1).count();
        bits.skip(rest as u32)?;
        *run -= 1;
    }
    Ok(())
}
