//! Identity, formats and controls of devices.

use std::fmt;
use std::str::FromStr;

/// Four letters that name a pixel format.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FourCc(pub [u8; 4]);

impl FourCc {
    /// The kernel's number for it.
    pub fn number(self) -> u32 {
        u32::from_le_bytes(self.0)
    }
}

impl From<u32> for FourCc {
    fn from(number: u32) -> Self {
        Self(number.to_le_bytes())
    }
}

impl FromStr for FourCc {
    type Err = &'static str;

    /// One to four letters; missing ones are spaces.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut letters = [b' '; 4];
        let bytes = text.as_bytes();
        if !(1..=4).contains(&bytes.len()) || !bytes.iter().all(u8::is_ascii_graphic) {
            return Err("a pixel format has four letters, such as YUYV");
        }
        letters[..bytes.len()].copy_from_slice(bytes);
        Ok(Self(letters))
    }
}

impl fmt::Display for FourCc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The highest bit says that numbers of several bytes begin with the high one.
        let letters = self.0.map(|b| b & 0x7f);
        let text = String::from_utf8_lossy(&letters);
        let end = if self.0[3] & 0x80 == 0 { "" } else { "-BE" };
        write!(f, "{}{end}", text.trim_end())
    }
}

impl fmt::Debug for FourCc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// Who a device says it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeviceIdentity {
    /// The driver.
    pub driver: String,
    /// The device, for people.
    pub card: String,
    /// Where it is plugged in.
    pub bus: String,
}

/// From least to greatest, in steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SizeRange {
    /// The least.
    pub least: u32,
    /// The greatest.
    pub greatest: u32,
    /// From one to the next; 1 where every value goes.
    pub step: u32,
}

impl SizeRange {
    /// The value of the range that is nearest.
    pub fn nearest(&self, value: u32) -> u32 {
        let step = self.step.max(1);
        let greatest = self.greatest.max(self.least);
        let over = value.clamp(self.least, greatest) - self.least;
        let steps = (over + step / 2) / step;
        self.least + (steps * step).min((greatest - self.least) / step * step)
    }
}

/// Sizes of a pixel format, px.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FrameSizes {
    /// These: width and height.
    Listed(Vec<(u32, u32)>),
    /// Any within these ranges of width and height.
    Within(SizeRange, SizeRange),
}

impl FrameSizes {
    /// The size that is nearest: the least difference of area and shape.
    pub fn nearest(&self, width: u32, height: u32) -> Option<(u32, u32)> {
        match self {
            FrameSizes::Within(w, h) => Some((w.nearest(width), h.nearest(height))),
            FrameSizes::Listed(sizes) => sizes
                .iter()
                .copied()
                .min_by_key(|&(w, h)| u64::from(w.abs_diff(width)) + u64::from(h.abs_diff(height))),
        }
    }
}

/// Frame rates of a size, Hz.
#[derive(Clone, Debug, PartialEq)]
pub enum FrameRates {
    /// These.
    Listed(Vec<f64>),
    /// Any between these two.
    Within(f64, f64),
}

/// How bytes and colours belong together, in the kernel's numbers (`enum v4l2_colorspace`,
/// `v4l2_ycbcr_encoding`, `v4l2_quantization`); 0 = the usual of the one before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ColourInfo {
    /// Colour space.
    pub space: u32,
    /// Luma weights.
    pub coding: u32,
    /// Byte range.
    pub quantization: u32,
}

/// What frames look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VideoFormat {
    /// Pixel format.
    pub fourcc: FourCc,
    /// Width, px.
    pub width: u32,
    /// Height, px.
    pub height: u32,
    /// From one row to the next, bytes; 0 where rows have no meaning (compressed).
    pub stride: u32,
    /// Bytes of a frame, at most.
    pub bytes: u32,
    /// Its colours.
    pub colour: ColourInfo,
}

/// A control.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ControlInfo {
    /// Its number.
    pub id: u32,
    /// Its name, lower case with underscores, as `v4l2-ctl` writes it.
    pub name: String,
    /// The least value.
    pub minimum: i64,
    /// The greatest value.
    pub maximum: i64,
    /// From one value to the next.
    pub step: u64,
    /// The value it starts with.
    pub default: i64,
}

/// The name of a control as `v4l2-ctl` writes it: letters and digits, one underscore for the rest.
#[cfg_attr(
    not(any(target_arch = "x86_64", target_arch = "aarch64")),
    allow(dead_code)
)]
pub(crate) fn plain_name(name: &str) -> String {
    let mut plain = String::with_capacity(name.len());
    for c in name.chars() {
        if c.is_ascii_alphanumeric() {
            plain.push(c.to_ascii_lowercase());
        } else if !plain.is_empty() && !plain.ends_with('_') {
            plain.push('_');
        }
    }
    plain.trim_end_matches('_').to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_letters_are_a_format() {
        let yuyv: FourCc = "YUYV".parse().unwrap();
        assert_eq!(yuyv.number(), 0x5659_5559);
        assert_eq!(FourCc::from(yuyv.number()).to_string(), "YUYV");
        assert_eq!("Y8".parse::<FourCc>().unwrap(), FourCc(*b"Y8  "));
        assert_eq!(FourCc(*b"Y16\xa0").to_string(), "Y16-BE");
        for wrong in ["", "YUYV2", "Y V", "ä"] {
            assert!(wrong.parse::<FourCc>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_nearest_size_is_found() {
        let listed = FrameSizes::Listed(vec![(320, 180), (1280, 720), (1920, 1080)]);
        assert_eq!(listed.nearest(1000, 700), Some((1280, 720)));
        assert_eq!(FrameSizes::Listed(Vec::new()).nearest(1, 1), None);
        let range = |least, greatest, step| SizeRange {
            least,
            greatest,
            step,
        };
        let within = FrameSizes::Within(range(32, 1920, 16), range(32, 1080, 0));
        assert_eq!(within.nearest(1000, 9999), Some((1008, 1080)));
        assert_eq!(within.nearest(0, 0), Some((32, 32)));
        assert_eq!(range(10, 25, 10).nearest(99), 20);
    }

    #[test]
    fn controls_are_named_as_v4l2_ctl_names_them() {
        assert_eq!(
            plain_name("Exposure Time, Absolute"),
            "exposure_time_absolute"
        );
        assert_eq!(
            plain_name("White Balance, Auto & (x)"),
            "white_balance_auto_x"
        );
        assert_eq!(plain_name("Gain"), "gain");
    }
}
