//! Picture source: a folder or a list.

use super::{BadFrame, FrameDrops, FrameTimestamp, SourceError, SourceFrame};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;
use unmask_frame::{read_picture, without_bom};

/// File name endings of pictures.
const ENDINGS: [&str; 4] = ["jpg", "jpeg", "png", "webp"];

/// No list of pictures is larger, bytes.
const LIST_LIMIT_BYTES: u64 = 256 << 20;

/// Frames per second where the user says nothing.
const RATE_HZ: f64 = 10.0;

/// The pictures of one folder, in order of their names, or those of a list, in its order.
#[derive(Debug)]
pub struct PictureSource {
    paths: Vec<PathBuf>,
    rate_hz: f64,
    next: usize,
}

impl PictureSource {
    /// Lists a folder (not the folders in it; hidden files are left out), or reads a list: a text
    /// file with one picture a line, relative to the list's own folder; empty lines and lines that
    /// start with `#` are left out.
    ///
    /// # Errors
    /// The folder cannot be listed or holds no picture; the list cannot be read or names none.
    pub fn open(path: &Path) -> Result<Self, SourceError> {
        let is_list = std::fs::metadata(path).is_ok_and(|found| !found.is_dir());
        let paths = if is_list {
            read_list(path)?
        } else {
            list_folder(path)?
        };
        Ok(Self {
            paths,
            rate_hz: RATE_HZ,
            next: 0,
        })
    }

    /// The same pictures, `rate_hz` of them a second.
    pub(super) fn at_rate(self, rate_hz: f64) -> Self {
        Self { rate_hz, ..self }
    }

    pub(super) fn rate_hz(&self) -> f64 {
        self.rate_hz
    }

    /// The files, in the order they will come.
    pub fn paths(&self) -> &[PathBuf] {
        &self.paths
    }

    /// Number of files.
    pub fn len(&self) -> u64 {
        self.paths.len() as u64
    }

    /// Whether there is none; never so after [`PictureSource::open`].
    pub fn is_empty(&self) -> bool {
        self.paths.is_empty()
    }

    pub(super) fn next(&mut self) -> Option<Result<SourceFrame, BadFrame>> {
        let path = self.paths.get(self.next)?;
        let number = self.next as u64;
        self.next += 1;
        let start = Instant::now();
        Some(match read_picture(path) {
            Ok(picture) => Ok(SourceFrame {
                number,
                name: path
                    .file_name()
                    .map(|name| Arc::from(name.to_string_lossy())),
                picture,
                bytes: None,
                truth: None,
                read: start.elapsed(),
                stamp: FrameTimestamp::regular(number, self.rate_hz),
                drops: FrameDrops::default(),
            }),
            Err(reason) => Err(BadFrame {
                number,
                name: path.display().to_string(),
                reason,
            }),
        })
    }
}

fn list_folder(folder: &Path) -> Result<Vec<PathBuf>, SourceError> {
    let refuse = |source| SourceError::Folder {
        path: folder.to_path_buf(),
        source,
    };
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(refuse)? {
        let path = entry.map_err(refuse)?.path();
        if is_picture(&path) && !path.is_dir() {
            paths.push(path);
        }
    }
    if paths.is_empty() {
        return Err(SourceError::NoPictures {
            path: folder.to_path_buf(),
        });
    }
    paths.sort();
    Ok(paths)
}

fn read_list(list: &Path) -> Result<Vec<PathBuf>, SourceError> {
    let text = unmask_frame::read_regular_text(list, LIST_LIMIT_BYTES).map_err(|source| {
        SourceError::List {
            path: list.to_path_buf(),
            source,
        }
    })?;
    let folder = list.parent().unwrap_or(Path::new(""));
    let paths: Vec<PathBuf> = without_bom(&text)
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| folder.join(line))
        .collect();
    if paths.is_empty() {
        return Err(SourceError::EmptyList {
            path: list.to_path_buf(),
        });
    }
    Ok(paths)
}

fn is_picture(path: &Path) -> bool {
    let hidden = path
        .file_name()
        .is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
    let ending = path.extension().and_then(|e| e.to_str());
    !hidden && ending.is_some_and(|e| ENDINGS.iter().any(|known| e.eq_ignore_ascii_case(known)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::ImageFormat;
    use std::io::Cursor;

    fn encoded(format: ImageFormat) -> Vec<u8> {
        let picture = image::RgbImage::from_fn(40, 30, |x, y| {
            image::Rgb([(x * 6) as u8, (y * 8) as u8, 90])
        });
        let mut bytes = Cursor::new(Vec::new());
        picture.write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    }

    #[test]
    fn a_folder_is_listed_by_name_and_continues_after_a_bad_picture() {
        let folder = tempfile::tempdir().unwrap();
        let put = |name: &str, bytes: &[u8]| {
            std::fs::write(folder.path().join(name), bytes).unwrap();
        };
        let png = encoded(ImageFormat::Png);
        put("b.PNG", &png);
        put("a.jpg", &encoded(ImageFormat::Jpeg));
        put("c.webp", b"RIFF");
        put("d.png", &png);
        put("notes.txt", b"x");
        put(".hidden.png", &png);
        std::fs::create_dir(folder.path().join("deeper.png")).unwrap();
        let mut pictures = PictureSource::open(folder.path()).unwrap();
        assert_eq!((pictures.len(), pictures.is_empty()), (4, false));
        let all: Vec<_> = std::iter::from_fn(|| pictures.next()).collect();
        let names: Vec<_> = all
            .iter()
            .map(|shot| match shot {
                Ok(shot) => format!("{} {}", shot.number, shot.name.as_ref().unwrap()),
                Err(bad) => format!("{} bad", bad.number),
            })
            .collect();
        assert_eq!(names, ["0 a.jpg", "1 b.PNG", "2 bad", "3 d.png"]);
        let bad = all[2].as_ref().unwrap_err().to_string();
        assert!(bad.contains("c.webp: "), "{bad}");
    }

    #[test]
    fn a_list_is_read_in_its_own_order_from_its_own_folder() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("deep")).unwrap();
        let png = encoded(ImageFormat::Png);
        std::fs::write(folder.path().join("deep/b.png"), &png).unwrap();
        std::fs::write(folder.path().join("a.png"), &png).unwrap();
        let list = folder.path().join("list.txt");
        // As an editor on Windows saves it.
        std::fs::write(&list, "\u{feff}a.png\r\ndeep/b.png\r\n").unwrap();
        let pictures = PictureSource::open(&list).unwrap();
        assert_eq!(pictures.paths()[0], folder.path().join("a.png"));
        assert_eq!(pictures.paths()[1], folder.path().join("deep/b.png"));
        std::fs::write(&list, "# two\ndeep/b.png\r\n\n a.png\ngone.png\ndeep/b.png").unwrap();
        let mut pictures = PictureSource::open(&list).unwrap().at_rate(4.0);
        assert_eq!(pictures.len(), 4);
        let all: Vec<_> = std::iter::from_fn(|| pictures.next()).collect();
        let reported: Vec<_> = all
            .iter()
            .map(|shot| {
                let shot = shot.as_ref().ok()?;
                Some((shot.name.as_deref()?, shot.stamp.at.as_millis()))
            })
            .collect();
        let want = [
            Some(("b.png", 0)),
            Some(("a.png", 250)),
            None,
            Some(("b.png", 750)),
        ];
        assert_eq!(reported, want);
        std::fs::write(&list, "# nothing\n").unwrap();
        let error = PictureSource::open(&list).unwrap_err().to_string();
        assert!(error.contains("names no picture"), "{error}");
        std::fs::write(&list, b"\xff\xfe").unwrap();
        let error = PictureSource::open(&list).unwrap_err().to_string();
        assert!(error.contains("cannot read the list"), "{error}");
    }

    #[test]
    fn a_missing_or_empty_folder_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let error = PictureSource::open(folder.path()).unwrap_err().to_string();
        assert!(error.contains("holds no picture"), "{error}");
        let error = PictureSource::open(&folder.path().join("gone"))
            .unwrap_err()
            .to_string();
        assert!(error.contains("gone: No such file"), "{error}");
    }
}
