//! Archives that the kernel unpacks into memory.

use std::collections::BTreeSet;
use std::io::Write;

/// The kernel's own archive form (`newc`).
pub struct CpioArchive<W> {
    out: W,
    number: u32,
    known: BTreeSet<String>,
}

impl<W: Write> CpioArchive<W> {
    /// An empty archive.
    pub fn new(out: W) -> Self {
        Self {
            out,
            number: 0,
            known: BTreeSet::new(),
        }
    }

    /// A folder and all above it.
    pub fn folders(&mut self, path: &str) -> std::io::Result<()> {
        let path = path.trim_matches('/');
        for (at, _) in path.match_indices('/').chain([(path.len(), "")]) {
            let folder = &path[..at];
            if !folder.is_empty() && self.known.insert(folder.to_string()) {
                self.entry(folder, 0o040_755, &[])?;
            }
        }
        Ok(())
    }

    /// A file in its folders.
    pub fn file(&mut self, path: &str, mode: u32, bytes: &[u8]) -> std::io::Result<()> {
        self.inside(path)?;
        self.entry(path.trim_start_matches('/'), 0o100_000 | mode, bytes)
    }

    /// A symbolic link in its folders.
    pub fn link(&mut self, path: &str, to: &str) -> std::io::Result<()> {
        self.inside(path)?;
        // What lies behind it is not a folder of this archive, and is not to be made one.
        self.known.insert(path.trim_start_matches('/').to_string());
        self.entry(path.trim_start_matches('/'), 0o120_777, to.as_bytes())
    }

    fn inside(&mut self, path: &str) -> std::io::Result<()> {
        match path.rsplit_once('/') {
            Some((folder, _)) => self.folders(folder),
            None => Ok(()),
        }
    }

    fn entry(&mut self, name: &str, mode: u32, bytes: &[u8]) -> std::io::Result<()> {
        self.number += 1;
        let size = u32::try_from(bytes.len()).map_err(std::io::Error::other)?;
        write!(self.out, "070701")?;
        for field in [
            self.number,
            mode,
            0,
            0,
            1,
            0,
            size,
            0,
            0,
            0,
            0,
            name.len() as u32 + 1,
            0,
        ] {
            write!(self.out, "{field:08x}")?;
        }
        self.out.write_all(name.as_bytes())?;
        // Header and name, then the bytes, each end on a multiple of four.
        let pad = |length: usize| (4 - length % 4) % 4;
        self.out
            .write_all(&[0; 4][..1 + pad(110 + name.len() + 1)])?;
        self.out.write_all(bytes)?;
        self.out.write_all(&[0; 4][..pad(bytes.len())])
    }

    /// Writes the end mark, and all that is buffered.
    pub fn end(mut self) -> std::io::Result<()> {
        self.number = 0;
        self.entry("TRAILER!!!", 0, &[])?;
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names, modes and bytes of an archive, by the format's rules.
    fn entries(bytes: &[u8]) -> Vec<(String, u32, Vec<u8>)> {
        let mut at = 0;
        let mut all = Vec::new();
        while at < bytes.len() {
            assert_eq!(&bytes[at..at + 6], b"070701");
            let field = |n: usize| {
                let from = at + 6 + 8 * n;
                u32::from_str_radix(std::str::from_utf8(&bytes[from..from + 8]).unwrap(), 16)
                    .unwrap() as usize
            };
            let name = &bytes[at + 110..at + 110 + field(11)];
            assert_eq!(name.last(), Some(&0));
            let from = (at + 110 + name.len()).next_multiple_of(4);
            all.push((
                String::from_utf8(name[..name.len() - 1].to_vec()).unwrap(),
                field(1) as u32,
                bytes[from..from + field(6)].to_vec(),
            ));
            at = (from + field(6)).next_multiple_of(4);
        }
        all
    }

    #[test]
    fn an_archive_holds_files_in_their_folders_each_once() {
        let mut bytes = Vec::new();
        let mut archive = CpioArchive::new(&mut bytes);
        archive.folders("/dev").unwrap();
        archive.file("/lib/x/a", 0o755, b"12345").unwrap();
        archive.file("/lib/x/bc", 0o644, b"").unwrap();
        archive.file("/init", 0o755, b"1234").unwrap();
        archive.link("/sbin", "lib").unwrap();
        archive.file("/sbin/c", 0o644, b"").unwrap();
        archive.end().unwrap();
        let entries = entries(&bytes);
        let names: Vec<&str> = entries.iter().map(|e| e.0.as_str()).collect();
        let wanted = [
            "dev",
            "lib",
            "lib/x",
            "lib/x/a",
            "lib/x/bc",
            "init",
            "sbin",
            "sbin/c",
            "TRAILER!!!",
        ];
        assert_eq!(names, wanted);
        assert_eq!(entries[1].1, 0o040_755);
        assert_eq!(entries[6], ("sbin".into(), 0o120_777, b"lib".to_vec()));
        assert_eq!(entries[3], ("lib/x/a".into(), 0o100_755, b"12345".to_vec()));
    }
}
