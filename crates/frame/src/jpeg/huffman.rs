//! Bits of a scan, and the codes that they are written in (ITU-T T.81, annexes C and F).

use super::JpegFault;

/// Bits that one look into a table resolves; longer codes are rare.
const LOOKUP_BITS: u32 = 9;

/// The tables that a motion JPEG may leave out (T.81, K.3.3): what they code, their number, codes
/// by length, values.
pub(super) const STANDARD: [(TableClass, u8, [u8; 16], &[u8]); 4] = [
    (
        TableClass::Dc,
        0,
        [0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0],
        &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11],
    ),
    (
        TableClass::Ac,
        0,
        [0, 2, 1, 3, 3, 2, 4, 3, 5, 5, 4, 4, 0, 0, 1, 0x7d],
        &AC_LUMINANCE,
    ),
    (
        TableClass::Dc,
        1,
        [0, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0],
        &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11],
    ),
    (
        TableClass::Ac,
        1,
        [0, 2, 1, 2, 4, 4, 3, 4, 7, 5, 4, 4, 0, 1, 2, 0x77],
        &AC_CHROMINANCE,
    ),
];

/// Table K.5: run and size by code.
const AC_LUMINANCE: [u8; 162] = [
    0x01, 0x02, 0x03, 0x00, 0x04, 0x11, 0x05, 0x12, 0x21, 0x31, 0x41, 0x06, 0x13, 0x51, 0x61, 0x07,
    0x22, 0x71, 0x14, 0x32, 0x81, 0x91, 0xa1, 0x08, 0x23, 0x42, 0xb1, 0xc1, 0x15, 0x52, 0xd1, 0xf0,
    0x24, 0x33, 0x62, 0x72, 0x82, 0x09, 0x0a, 0x16, 0x17, 0x18, 0x19, 0x1a, 0x25, 0x26, 0x27, 0x28,
    0x29, 0x2a, 0x34, 0x35, 0x36, 0x37, 0x38, 0x39, 0x3a, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48, 0x49,
    0x4a, 0x53, 0x54, 0x55, 0x56, 0x57, 0x58, 0x59, 0x5a, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69,
    0x6a, 0x73, 0x74, 0x75, 0x76, 0x77, 0x78, 0x79, 0x7a, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89,
    0x8a, 0x92, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99, 0x9a, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7,
    0xa8, 0xa9, 0xaa, 0xb2, 0xb3, 0xb4, 0xb5, 0xb6, 0xb7, 0xb8, 0xb9, 0xba, 0xc2, 0xc3, 0xc4, 0xc5,
    0xc6, 0xc7, 0xc8, 0xc9, 0xca, 0xd2, 0xd3, 0xd4, 0xd5, 0xd6, 0xd7, 0xd8, 0xd9, 0xda, 0xe1, 0xe2,
    0xe3, 0xe4, 0xe5, 0xe6, 0xe7, 0xe8, 0xe9, 0xea, 0xf1, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7, 0xf8,
    0xf9, 0xfa,
];

/// Table K.6: run and size by code.
const AC_CHROMINANCE: [u8; 162] = [
    0x00, 0x01, 0x02, 0x03, 0x11, 0x04, 0x05, 0x21, 0x31, 0x06, 0x12, 0x41, 0x51, 0x07, 0x61, 0x71,
    0x13, 0x22, 0x32, 0x81, 0x08, 0x14, 0x42, 0x91, 0xa1, 0xb1, 0xc1, 0x09, 0x23, 0x33, 0x52, 0xf0,
    0x15, 0x62, 0x72, 0xd1, 0x0a, 0x16, 0x24, 0x34, 0xe1, 0x25, 0xf1, 0x17, 0x18, 0x19, 0x1a, 0x26,
    0x27, 0x28, 0x29, 0x2a, 0x35, 0x36, 0x37, 0x38, 0x39, 0x3a, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48,
    0x49, 0x4a, 0x53, 0x54, 0x55, 0x56, 0x57, 0x58, 0x59, 0x5a, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68,
    0x69, 0x6a, 0x73, 0x74, 0x75, 0x76, 0x77, 0x78, 0x79, 0x7a, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87,
    0x88, 0x89, 0x8a, 0x92, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99, 0x9a, 0xa2, 0xa3, 0xa4, 0xa5,
    0xa6, 0xa7, 0xa8, 0xa9, 0xaa, 0xb2, 0xb3, 0xb4, 0xb5, 0xb6, 0xb7, 0xb8, 0xb9, 0xba, 0xc2, 0xc3,
    0xc4, 0xc5, 0xc6, 0xc7, 0xc8, 0xc9, 0xca, 0xd2, 0xd3, 0xd4, 0xd5, 0xd6, 0xd7, 0xd8, 0xd9, 0xda,
    0xe2, 0xe3, 0xe4, 0xe5, 0xe6, 0xe7, 0xe8, 0xe9, 0xea, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7, 0xf8,
    0xf9, 0xfa,
];

/// What a table codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TableClass {
    /// The first coefficient of a block.
    Dc,
    /// The others.
    Ac,
}

/// A Huffman table.
pub(super) struct HuffmanTable {
    /// By the next bits: length of the code in the high byte, value in the low one; 0 for longer
    /// codes.
    lookup: Box<[u16; 1 << LOOKUP_BITS]>,
    /// By length: one more than the last code, at the top of 16 bits; 0 where there is none.
    end: [u32; 17],
    /// By length: place of a code's value, less the code.
    offset: [i32; 17],
    values: Vec<u8>,
}

impl HuffmanTable {
    /// The table with `counts` codes of each length from 1 on, and their values. `None` where the
    /// lengths leave no room for so many codes, or the values are too few.
    pub fn new(counts: &[u8; 16], values: &[u8]) -> Option<Self> {
        let all: usize = counts.iter().map(|&n| usize::from(n)).sum();
        let values = values.get(..all)?.to_vec();
        let mut look = Box::new([0u16; 1 << LOOKUP_BITS]);
        let (mut end, mut offset) = ([0u32; 17], [0i32; 17]);
        let (mut code, mut at) = (0u32, 0usize);
        for length in 1..=16u32 {
            let count = usize::from(counts[length as usize - 1]);
            offset[length as usize] = at as i32 - code as i32;
            for &value in &values[at..at + count] {
                if code >= 1 << length {
                    return None;
                }
                if length <= LOOKUP_BITS {
                    let first = (code << (LOOKUP_BITS - length)) as usize;
                    let places = 1usize << (LOOKUP_BITS - length);
                    look[first..first + places].fill((length as u16) << 8 | u16::from(value));
                }
                code += 1;
            }
            at += count;
            end[length as usize] = code << (16 - length);
            code <<= 1;
        }
        Some(Self {
            lookup: look,
            end,
            offset,
            values,
        })
    }

    /// Length and value of the code at the top of `next`, 16 bits.
    fn find(&self, next: u32) -> Option<(u32, u8)> {
        let found = self.lookup[(next >> (16 - LOOKUP_BITS)) as usize];
        if found != 0 {
            return Some((u32::from(found >> 8), found as u8));
        }
        (LOOKUP_BITS + 1..=16).find_map(|length| {
            let at = length as usize;
            (next < self.end[at]).then(|| {
                let place = (next >> (16 - length)) as i32 + self.offset[at];
                let value = self.values.get(usize::try_from(place).ok()?)?;
                Some((length, *value))
            })?
        })
    }
}

/// The bits of a scan up to its next marker.
pub(super) struct BitReader<'a> {
    data: &'a [u8],
    /// The next byte.
    at: usize,
    /// Bits that were read, the next one highest.
    held: u64,
    count: u32,
    /// Whether `at` is the 0xff of a marker, or the end of the data.
    ended: bool,
}

impl<'a> BitReader<'a> {
    pub fn new(data: &'a [u8], at: usize) -> Self {
        Self {
            data,
            at,
            held: 0,
            count: 0,
            ended: false,
        }
    }

    /// Reads until more than 32 bits are held, or no more come.
    fn fill(&mut self) {
        if let Some(&chunk) = self.data.get(self.at..).and_then(|d| d.first_chunk::<4>())
            && !chunk.contains(&0xff)
        {
            self.held |= u64::from(u32::from_be_bytes(chunk)) << (32 - self.count);
            self.at += 4;
            self.count += 32;
            return;
        }
        while self.count <= 32 && !self.ended {
            match self.data.get(self.at) {
                Some(0xff) if self.data.get(self.at + 1) != Some(&0) => self.ended = true,
                None => self.ended = true,
                Some(&byte) => {
                    self.at += 1 + usize::from(byte == 0xff);
                    self.held |= u64::from(byte) << (56 - self.count);
                    self.count += 8;
                }
            }
        }
    }

    fn drop_bits(&mut self, bits: u32) -> Result<(), JpegFault> {
        if bits > self.count {
            return Err(JpegFault::Ends);
        }
        self.held <<= bits;
        self.count -= bits;
        Ok(())
    }

    /// A code's value.
    pub fn value(&mut self, table: &HuffmanTable) -> Result<u8, JpegFault> {
        let (length, value) = self.find(table)?;
        self.drop_bits(length)?;
        Ok(value)
    }

    /// A code's value; the bits that it announces in its low half (a coefficient) are passed over.
    pub fn coefficient(&mut self, table: &HuffmanTable) -> Result<u8, JpegFault> {
        let (length, value) = self.find(table)?;
        self.drop_bits(length + u32::from(value & 15))?;
        Ok(value)
    }

    fn find(&mut self, table: &HuffmanTable) -> Result<(u32, u8), JpegFault> {
        if self.count < 32 {
            self.fill();
        }
        let found = table.find((self.held >> 48) as u32);
        found.ok_or(if self.count < 16 {
            JpegFault::Ends
        } else {
            JpegFault::NoCode
        })
    }

    /// `bits` of them, at most 16.
    pub fn take(&mut self, bits: u32) -> Result<u32, JpegFault> {
        if bits == 0 {
            return Ok(0);
        }
        if self.count < 32 {
            self.fill();
        }
        let value = (self.held >> (64 - bits)) as u32;
        self.drop_bits(bits)?;
        Ok(value)
    }

    /// Passes over `bits`, at most 64.
    pub fn skip(&mut self, bits: u32) -> Result<(), JpegFault> {
        let mut left = bits;
        while left > 0 {
            if self.count < 32 {
                self.fill();
            }
            let some = left.min(32);
            self.drop_bits(some)?;
            left -= some;
        }
        Ok(())
    }

    /// Where the first byte lies that no bit was taken of. What is left of the byte before is
    /// padding.
    pub fn next_byte(&self) -> usize {
        let mut at = self.at;
        for _ in 0..self.count / 8 {
            // A stuffed byte was read as two.
            at -= if at >= 2 && self.data[at - 1] == 0 && self.data[at - 2] == 0xff {
                2
            } else {
                1
            };
        }
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_every_length_are_found() {
        // One code of each length: 0, 10, 110, ….
        let counts = [1u8; 16];
        let values: Vec<u8> = (0..16).collect();
        let table = HuffmanTable::new(&counts, &values).unwrap();
        for value in 0..16u8 {
            let ones = u32::from(value);
            let code = ((1u32 << ones) - 1) << (16 - ones);
            assert_eq!(table.find(code), Some((ones + 1, value)));
        }
        assert_eq!(table.find(0xffff), None);
    }

    #[test]
    fn tables_that_cannot_be_are_refused() {
        let mut counts = [0u8; 16];
        counts[0] = 3;
        assert!(HuffmanTable::new(&counts, &[1, 2, 3]).is_none());
        counts[0] = 2;
        assert!(HuffmanTable::new(&counts, &[1, 2]).is_some());
        assert!(HuffmanTable::new(&counts, &[1]).is_none());
        for (_, _, counts, values) in STANDARD {
            assert!(HuffmanTable::new(&counts, values).is_some());
        }
    }

    #[test]
    fn bits_end_at_a_marker_and_stuffed_bytes_count_once() {
        let data = [0xa5, 0xff, 0x00, 0x0f, 0xff, 0xff, 0xd9];
        let mut bits = BitReader::new(&data, 0);
        assert_eq!(bits.take(8), Ok(0xa5));
        assert_eq!(bits.next_byte(), 1);
        assert_eq!(bits.take(12), Ok(0xff0));
        assert_eq!(bits.next_byte(), 4);
        assert_eq!(bits.take(5), Err(JpegFault::Ends));
        assert_eq!(bits.take(4), Ok(15));
        assert_eq!(bits.next_byte(), 4);
        assert_eq!(bits.skip(1), Err(JpegFault::Ends));
    }
}
