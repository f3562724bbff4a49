//! Shows overlays on a Linux framebuffer.

use super::SinkError;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use unmask_frame::{Picture, Size};

/// Where the system describes framebuffers.
const SYSFS: &str = "/sys/class/graphics";
/// Largest side, px.
const SIDE: usize = 16_384;

/// A display, as the user wrote it: `fb:/dev/fb0`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DisplayFormat(PathBuf);

impl FromStr for DisplayFormat {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.strip_prefix("fb:") {
            Some(path) if !path.is_empty() => Ok(Self(path.into())),
            _ => Err(format!(
                "{text:?} is not a display; a framebuffer is fb:/dev/fb0"
            )),
        }
    }
}

impl fmt::Display for DisplayFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "fb:{}", self.0.display())
    }
}

impl<'de> Deserialize<'de> for DisplayFormat {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

impl Serialize for DisplayFormat {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

/// How a framebuffer lies in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PanelGeometry {
    /// What is seen, px.
    pub size: Size,
    /// 16 (RGB 565), 24 (BGR) or 32 (BGRX), the lower byte first.
    pub bits: usize,
    /// Bytes from one row to the next.
    pub stride: usize,
}

impl PanelGeometry {
    /// Reads the geometry of `name` (`fb0`) below `sysfs`.
    ///
    /// # Errors
    /// A file is missing or is invalid; it is named.
    pub fn read(sysfs: &Path, name: &str) -> Result<Self, SinkError> {
        let folder = sysfs.join(name);
        let text = |file: &str| {
            let path = folder.join(file);
            std::fs::read_to_string(&path)
                .map_err(|e| SinkError::path("no framebuffer is described by", &path, e))
        };
        let refuse = |file: &str, what: &str| {
            SinkError::path("the framebuffer cannot be used:", &folder.join(file), what)
        };
        let number = |file: &str| {
            let text = text(file)?;
            text.trim()
                .parse::<usize>()
                .map_err(|_| refuse(file, "holds no number"))
        };
        // The virtual size may hold two pictures; the mode says what is seen.
        let size = match text("modes").ok().as_deref().and_then(mode) {
            Some(size) => size,
            None => text("virtual_size")?
                .trim()
                .split_once(',')
                .and_then(|(w, h)| Some(Size::new(w.parse().ok()?, h.parse().ok()?)))
                .ok_or_else(|| refuse("virtual_size", "holds no WIDTH,HEIGHT"))?,
        };
        if size.area_px() == 0 || size.w > SIDE || size.h > SIDE {
            return Err(refuse(
                "virtual_size",
                &format!("{size} is not a valid panel size"),
            ));
        }
        let bits = number("bits_per_pixel")?;
        if ![16, 24, 32].contains(&bits) {
            let what = format!("{bits} bits a pixel; 16, 24 and 32 can be drawn to");
            return Err(refuse("bits_per_pixel", &what));
        }
        let row = size.w * bits / 8;
        let stride = match number("stride") {
            Ok(0) | Err(_) => row,
            Ok(stride) if (row..=SIDE * 8).contains(&stride) => stride,
            Ok(_) => return Err(refuse("stride", "does not fit the width")),
        };
        Ok(Self { size, bits, stride })
    }
}

/// `U:800x480p-60`, the first mode of the list.
fn mode(text: &str) -> Option<Size> {
    let (_, size) = text.lines().next()?.split_once(':')?;
    let (w, rest) = size.split_once('x')?;
    let digits = rest.find(|c: char| !c.is_ascii_digit())?;
    Some(Size::new(w.parse().ok()?, rest[..digits].parse().ok()?))
}

/// A framebuffer that pictures are shown on.
#[derive(Debug)]
pub struct StatusPanel {
    file: File,
    geometry: PanelGeometry,
    bytes: Vec<u8>,
}

impl StatusPanel {
    /// Opens `display`.
    ///
    /// # Errors
    /// The device cannot be written, or the system does not describe it.
    pub fn open(display: &DisplayFormat) -> Result<Self, SinkError> {
        let name = display.0.file_name().and_then(|n| n.to_str()).unwrap_or("");
        let geometry = PanelGeometry::read(Path::new(SYSFS), name)?;
        Self::with_geometry(&display.0, geometry)
    }

    /// Opens the device or file `path`, which lies as `geometry` says.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn with_geometry(path: &Path, geometry: PanelGeometry) -> Result<Self, SinkError> {
        let file = OpenOptions::new().write(true).open(path).map_err(|e| {
            let reason = format!("{e}; the user may have to be in the group video");
            SinkError::path("cannot draw to", path, reason)
        })?;
        Ok(Self {
            file,
            geometry,
            bytes: vec![0; geometry.stride * geometry.size.h],
        })
    }

    /// Shows `picture`, as large as it fits, with black around it.
    ///
    /// # Errors
    /// The device cannot be written.
    pub fn show(&mut self, picture: &Picture) -> io::Result<()> {
        let PanelGeometry { size, bits, stride } = self.geometry;
        let from = picture.size();
        if from.area_px() == 0 {
            return Ok(());
        }
        // The side that touches first decides.
        let fit = if size.w * from.h <= size.h * from.w {
            Size::new(size.w, (from.h * size.w / from.w).max(1))
        } else {
            Size::new((from.w * size.h / from.h).max(1), size.h)
        };
        let (left, top) = ((size.w - fit.w) / 2, (size.h - fit.h) / 2);
        self.bytes.fill(0);
        let pixel = bits / 8;
        for y in 0..fit.h {
            let source = (2 * y + 1) * from.h / (2 * fit.h);
            let at = (top + y) * stride + left * pixel;
            let row = &mut self.bytes[at..at + fit.w * pixel];
            for (x, to) in row.chunks_exact_mut(pixel).enumerate() {
                let [r, g, b] = picture.at((2 * x + 1) * from.w / (2 * fit.w), source);
                match to {
                    [low, high] => {
                        let (r, g, b) = (u16::from(r), u16::from(g), u16::from(b));
                        let packed = (r >> 3) << 11 | (g >> 2) << 5 | b >> 3;
                        [*low, *high] = packed.to_le_bytes();
                    }
                    [blue, green, red, ..] => (*blue, *green, *red) = (b, g, r),
                    _ => {}
                }
            }
        }
        self.file.write_all_at(&self.bytes, 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn describe(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("fb0")).unwrap();
        for (name, text) in files {
            std::fs::write(folder.path().join("fb0").join(name), text).unwrap();
        }
        folder
    }

    fn read(files: &[(&str, &str)]) -> Result<PanelGeometry, String> {
        PanelGeometry::read(describe(files).path(), "fb0").map_err(|e| e.to_string())
    }

    #[test]
    fn the_geometry_comes_from_sysfs() {
        let double = [
            ("modes", "U:800x480p-60\n"),
            ("virtual_size", "800,960\n"),
            ("bits_per_pixel", "32\n"),
            ("stride", "3328\n"),
        ];
        let size = Size::new(800, 480);
        let want = |bits, stride| PanelGeometry { size, bits, stride };
        assert_eq!(read(&double), Ok(want(32, 3328)));
        let plain = [("virtual_size", "800,480"), ("bits_per_pixel", "16")];
        assert_eq!(read(&plain), Ok(want(16, 1600)));
    }

    #[test]
    fn what_makes_no_sense_is_named() {
        let size = ("virtual_size", "800,480");
        for (files, file) in [
            (vec![], "virtual_size"),
            (vec![("virtual_size", "wide")], "virtual_size"),
            (
                vec![("virtual_size", "0,4"), ("bits_per_pixel", "16")],
                "virtual_size",
            ),
            (
                vec![("virtual_size", "99999,4"), ("bits_per_pixel", "16")],
                "virtual_size",
            ),
            (vec![size], "bits_per_pixel"),
            (vec![size, ("bits_per_pixel", "8")], "bits_per_pixel"),
            (vec![size, ("bits_per_pixel", "x")], "bits_per_pixel"),
            (
                vec![size, ("bits_per_pixel", "16"), ("stride", "3")],
                "stride",
            ),
        ] {
            let error = read(&files).unwrap_err();
            assert!(error.contains(file), "{error}");
        }
        assert!(
            "fb:".parse::<DisplayFormat>().is_err() && "/dev/fb0".parse::<DisplayFormat>().is_err()
        );
        let display: DisplayFormat = "fb:/nowhere/fb9".parse().unwrap();
        let error = StatusPanel::open(&display).unwrap_err().to_string();
        assert!(error.contains("fb9"), "{error}");
    }

    fn show(geometry: PanelGeometry, picture: &Picture) -> Vec<u8> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("fb");
        assert!(StatusPanel::with_geometry(&path, geometry).is_err());
        std::fs::write(&path, "").unwrap();
        let mut panel = StatusPanel::with_geometry(&path, geometry).unwrap();
        panel.show(picture).unwrap();
        std::fs::read(&path).unwrap()
    }

    #[test]
    fn a_picture_fills_what_it_can_and_the_rest_is_black() {
        let picture = Picture::filled(Size::new(4, 2), [255, 128, 8]);
        let geometry = PanelGeometry {
            size: Size::new(4, 4),
            bits: 32,
            stride: 20,
        };
        let bytes = show(geometry, &picture);
        assert_eq!(bytes.len(), 80);
        assert!(bytes[..20].iter().all(|&b| b == 0) && bytes[60..].iter().all(|&b| b == 0));
        assert_eq!(bytes[20..24], [8, 128, 255, 0]);
        assert_eq!(bytes[36..40], [0; 4], "beyond the row");
        // A tall picture, in 24 bits: two columns in the middle.
        let picture = Picture::filled(Size::new(2, 4), [1, 2, 3]);
        let geometry = PanelGeometry {
            size: Size::new(4, 4),
            bits: 24,
            stride: 12,
        };
        assert_eq!(
            show(geometry, &picture)[..12],
            [0, 0, 0, 3, 2, 1, 3, 2, 1, 0, 0, 0]
        );
        let white = Picture::filled(Size::new(1, 1), [255, 0, 255]);
        let geometry = PanelGeometry {
            size: Size::new(1, 1),
            bits: 16,
            stride: 2,
        };
        assert_eq!(
            show(geometry, &white),
            0b1111_1000_0001_1111_u16.to_le_bytes()
        );
    }

    #[test]
    fn pictures_are_scaled_to_the_nearest_pixel() {
        let mut picture = Picture::filled(Size::new(2, 1), [0; 3]);
        picture.rgb_mut()[3..].fill(9);
        let geometry = PanelGeometry {
            size: Size::new(4, 2),
            bits: 24,
            stride: 12,
        };
        let row = [0, 0, 0, 0, 0, 0, 9, 9, 9, 9, 9, 9];
        assert_eq!(show(geometry, &picture), [row, row].concat());
    }
}
