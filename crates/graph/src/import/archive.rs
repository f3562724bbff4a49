//! Zip archives as PyTorch writes them: entries stored as they are, sizes beyond 4 GiB allowed.
//!
//! Only what is needed for that: the directory at the end, entries by name, their checksums.

use std::collections::HashMap;
use std::io::{Read, Seek, SeekFrom};

/// The largest directory that is read: that of a million entries.
const DIRECTORY_LIMIT_BYTES: u64 = 128 << 20;
/// Length of the record at the end of an archive, and the longest comment after it.
const END_BYTES: u64 = 22;
const COMMENT_BYTES: u64 = 65_535;

/// Where an entry lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct ArchiveEntry {
    /// 0 = stored.
    method: u16,
    crc: u32,
    /// Bytes in the file, and unpacked.
    packed: u64,
    size: u64,
    /// Where its header begins.
    header: u64,
}

/// An archive that is open.
#[derive(Debug)]
pub(super) struct ZipArchive<R> {
    file: R,
    entries: HashMap<String, ArchiveEntry>,
}

impl<R: Read + Seek> ZipArchive<R> {
    /// Reads the directory of the archive in `file`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn open(mut file: R) -> Result<Self, String> {
        let length = file.seek(SeekFrom::End(0)).map_err(|e| e.to_string())?;
        let tail_at = length.saturating_sub(END_BYTES + COMMENT_BYTES);
        let tail = read_at(&mut file, tail_at, length - tail_at)?;
        let end = tail.windows(4).rposition(|w| w == b"PK\x05\x06");
        let whole = |&end: &usize| tail.len() - end >= END_BYTES as usize;
        let end = end.filter(whole);
        let end = end.ok_or("its zip archive has no end: it is cut")?;
        let record = ZipRecord(&tail[end..]);
        let mut size = u64::from(record.u32(12)?);
        let mut offset = u64::from(record.u32(16)?);
        // Sizes that do not fit lie in a record of their own, found by the one before this.
        if let Some(locator) = end.checked_sub(20).map(|at| ZipRecord(&tail[at..end]))
            && locator.0.starts_with(b"PK\x06\x07")
        {
            let long = read_at(&mut file, locator.u64(8)?, 56)?;
            let long = ZipRecord(&long);
            if !long.0.starts_with(b"PK\x06\x06") {
                return Err("its zip archive is damaged at its end".to_owned());
            }
            (size, offset) = (long.u64(40)?, long.u64(48)?);
        }
        if size > DIRECTORY_LIMIT_BYTES {
            return Err(format!("its zip archive has a directory of {size} bytes"));
        }
        let directory = read_at(&mut file, offset, size)?;
        let entries = entries(&directory)?;
        Ok(Self { file, entries })
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }

    /// The bytes of the entry `name`, at most `limit`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn read(&mut self, name: &str, limit: u64) -> Result<Vec<u8>, String> {
        let wrong = |what: &str| format!("its entry `{name}` {what}");
        let entry = *self.entries.get(name).ok_or_else(|| wrong("is missing"))?;
        if entry.method != 0 || entry.packed != entry.size {
            return Err(wrong("is compressed, which PyTorch never does"));
        }
        if entry.size > limit {
            return Err(wrong(&format!("claims {} bytes", entry.size)));
        }
        let header = read_at(&mut self.file, entry.header, 30)?;
        let header = ZipRecord(&header);
        if !header.0.starts_with(b"PK\x03\x04") {
            return Err(wrong("is not where the directory says"));
        }
        let before = 30 + u64::from(header.u16(26)?) + u64::from(header.u16(28)?);
        let start = entry.header.checked_add(before);
        let start = start.ok_or_else(|| wrong("is not where the directory says"))?;
        let bytes = read_at(&mut self.file, start, entry.size)?;
        if crc32fast::hash(&bytes) != entry.crc {
            return Err(wrong("is damaged: its checksum differs"));
        }
        Ok(bytes)
    }
}

/// `len` bytes from `at`. Memory grows with what is there, not with what is claimed.
fn read_at<R: Read + Seek>(file: &mut R, at: u64, len: u64) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(at))
        .and_then(|_| file.take(len).read_to_end(&mut bytes))
        .map_err(|e| format!("its zip archive cannot be read: {e}"))?;
    if bytes.len() as u64 != len {
        return Err("its zip archive is cut or damaged".to_owned());
    }
    Ok(bytes)
}

fn entries(directory: &[u8]) -> Result<HashMap<String, ArchiveEntry>, String> {
    let mut entries = HashMap::new();
    let mut rest = directory;
    while rest.starts_with(b"PK\x01\x02") {
        let record = ZipRecord(rest);
        let (name, extra) = (usize::from(record.u16(28)?), usize::from(record.u16(30)?));
        let comment = usize::from(record.u16(32)?);
        let mut entry = ArchiveEntry {
            method: record.u16(10)?,
            crc: record.u32(16)?,
            packed: record.u32(20)?.into(),
            size: record.u32(24)?.into(),
            header: record.u32(42)?.into(),
        };
        let text = std::str::from_utf8(record.bytes(46, name)?)
            .map_err(|_| "its zip archive has a name that is not text")?;
        enlarge(&mut entry, record.bytes(46 + name, extra)?)?;
        entries.insert(text.to_owned(), entry);
        rest = record
            .0
            .get(46 + name + extra + comment..)
            .unwrap_or_default();
    }
    Ok(entries)
}

/// Takes those sizes that did not fit the entry from its extra field 1, in this order.
fn enlarge(entry: &mut ArchiveEntry, mut extra: &[u8]) -> Result<(), String> {
    while extra.len() >= 4 {
        let record = ZipRecord(extra);
        let (id, len) = (record.u16(0)?, usize::from(record.u16(2)?));
        let mut field = record.bytes(4, len)?;
        extra = &extra[4 + len..];
        if id != 1 {
            continue;
        }
        for value in [&mut entry.size, &mut entry.packed, &mut entry.header] {
            if *value == u64::from(u32::MAX) {
                *value = ZipRecord(field).u64(0)?;
                field = &field[8..];
            }
        }
    }
    Ok(())
}

/// Bytes with little-endian numbers in them.
struct ZipRecord<'a>(&'a [u8]);

impl<'a> ZipRecord<'a> {
    fn bytes(&self, at: usize, len: usize) -> Result<&'a [u8], String> {
        let found = self.0.get(at..).and_then(|rest| rest.get(..len));
        found.ok_or_else(|| "its zip archive is cut or damaged".to_owned())
    }

    fn array<const N: usize>(&self, at: usize) -> Result<[u8; N], String> {
        <[u8; N]>::try_from(self.bytes(at, N)?).map_err(|e| e.to_string())
    }

    fn u16(&self, at: usize) -> Result<u16, String> {
        self.array(at).map(u16::from_le_bytes)
    }

    fn u32(&self, at: usize) -> Result<u32, String> {
        self.array(at).map(u32::from_le_bytes)
    }

    fn u64(&self, at: usize) -> Result<u64, String> {
        self.array(at).map(u64::from_le_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    /// An archive with one entry `a`; `long`: with sizes in the 64-bit records.
    fn archive(content: &[u8], long: bool) -> Vec<u8> {
        let crc = crc32fast::hash(content).to_le_bytes();
        let size = (content.len() as u32).to_le_bytes();
        let mut out = b"PK\x03\x04".to_vec();
        out.extend([0; 22]);
        out.extend([1, 0, 3, 0]);
        out.extend(b"a---");
        out.extend(content);
        let directory = out.len() as u64;
        out.extend(b"PK\x01\x02");
        out.extend([0; 12]);
        out.extend(crc);
        out.extend(size);
        out.extend(if long { [0xff; 4] } else { size });
        out.extend([1, 0, if long { 12 } else { 0 }, 0, 0, 0]);
        out.extend([0; 12]);
        out.extend(b"a");
        if long {
            out.extend([1, 0, 8, 0]);
            out.extend((content.len() as u64).to_le_bytes());
        }
        let length = out.len() as u64 - directory;
        if long {
            let record = out.len() as u64;
            out.extend(b"PK\x06\x06");
            out.extend([0; 36]);
            out.extend(length.to_le_bytes());
            out.extend(directory.to_le_bytes());
            out.extend(b"PK\x06\x07");
            out.extend([0; 4]);
            out.extend(record.to_le_bytes());
            out.extend([0; 4]);
        }
        out.extend(b"PK\x05\x06");
        out.extend([0; 8]);
        out.extend(if long {
            [0xff; 4]
        } else {
            (length as u32).to_le_bytes()
        });
        out.extend(if long {
            [0xff; 4]
        } else {
            (directory as u32).to_le_bytes()
        });
        out.extend([0; 2]);
        out
    }

    #[test]
    fn entries_are_found_by_name() {
        for long in [false, true] {
            let mut archive = ZipArchive::open(Cursor::new(archive(b"hello", long))).unwrap();
            assert_eq!(archive.names().collect::<Vec<_>>(), ["a"]);
            assert_eq!(archive.read("a", 5).unwrap(), b"hello");
            assert!(archive.read("a", 4).unwrap_err().contains("claims 5 bytes"));
            assert!(archive.read("b", 4).unwrap_err().contains("`b` is missing"));
        }
    }

    #[test]
    fn damage_is_seen() {
        let whole = archive(b"hello", false);
        let mut wrong = whole.clone();
        wrong[35] ^= 1;
        let error = ZipArchive::open(Cursor::new(wrong))
            .unwrap()
            .read("a", 9)
            .unwrap_err();
        assert!(error.contains("checksum differs"), "{error}");
        let mut packed = whole.clone();
        let at = whole.windows(4).position(|w| w == b"PK\x01\x02").unwrap();
        packed[at + 10] = 8;
        let error = ZipArchive::open(Cursor::new(packed))
            .unwrap()
            .read("a", 9)
            .unwrap_err();
        assert!(error.contains("compressed"), "{error}");
        for long in [false, true] {
            let whole = archive(b"hello", long);
            for cut in 0..whole.len() {
                let error = ZipArchive::open(Cursor::new(&whole[..cut])).unwrap_err();
                assert!(error.contains("cut"), "{cut}: {error}");
            }
            // Any byte may be anything.
            for at in 0..whole.len() {
                for value in [0, 1, 0x7f, 0xff] {
                    let mut bytes = whole.clone();
                    bytes[at] = value;
                    if let Ok(mut archive) = ZipArchive::open(Cursor::new(bytes)) {
                        let _ = archive.read("a", 1 << 20);
                    }
                }
            }
        }
    }
}
