//! Capture settings of a camera: the table `[capture]`.

use clap::ValueEnum;
use serde::{Deserialize, Deserializer};
use std::collections::BTreeMap;
use std::time::Duration;
use unmask_frame::Size;

/// Whose memory a camera's driver fills.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CaptureMemory {
    /// Ours where the driver takes it (userptr), else the driver's (mmap).
    #[default]
    Auto,
    /// Ours: the engine reads what the driver wrote.
    Userptr,
    /// Memory that a file shares (udmabuf, or the system's dma heap).
    Dmabuf,
    /// The driver's own, mapped.
    Mmap,
}

/// How a camera is set. What is left out stays as the device has it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CaptureSettings {
    /// Width and height, px: `1280x720`.
    #[serde(deserialize_with = "size")]
    pub size: Option<Size>,
    /// Frames per second, Hz.
    pub rate_hz: Option<f64>,
    /// Pixel format, four letters: `YUYV`.
    pub format: Option<String>,
    /// Whose memory is filled.
    pub memory: CaptureMemory,
    /// Buffers that go round between driver and engine.
    pub buffers: u32,
    /// Controls by name, as `v4l2-ctl -l` writes them, and their values.
    pub controls: BTreeMap<String, i64>,
}

impl Default for CaptureSettings {
    fn default() -> Self {
        Self {
            size: None,
            rate_hz: None,
            format: None,
            memory: CaptureMemory::Auto,
            buffers: 4,
            controls: BTreeMap::new(),
        }
    }
}

impl CaptureSettings {
    /// The first invalid value: its key and what is expected.
    pub fn invalid_value(&self) -> Option<(&'static str, &'static str)> {
        let letters = |text: &String| {
            (1..=4).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic())
        };
        let checks = [
            (
                "size",
                self.size.is_none_or(|size| size.area_px() > 0),
                "WIDTHxHEIGHT, both above 0",
            ),
            (
                "rate_hz",
                self.rate_hz.is_none_or(|hz| hz > 0.0 && hz <= 1000.0),
                "a number above 0 and at most 1000",
            ),
            (
                "format",
                self.format.as_ref().is_none_or(letters),
                "a pixel format of up to four letters, such as YUYV",
            ),
            (
                "buffers",
                (2..=32).contains(&self.buffers),
                "a number from 2 to 32",
            ),
        ];
        let first = checks.into_iter().find(|(_, good, _)| !good);
        first.map(|(key, _, want)| (key, want))
    }

    /// How long a frame lasts at the rate that is asked for; a thirtieth of a second else.
    pub(super) fn period(&self) -> Duration {
        let rate_hz = self.rate_hz.unwrap_or(30.0);
        Duration::try_from_secs_f64(1.0 / rate_hz).unwrap_or(Duration::MAX)
    }
}

/// `1280x720`.
pub(crate) fn parse_size(text: &str) -> Result<Size, String> {
    let refuse = || format!("`{text}` is not a size: expected WIDTHxHEIGHT, such as 1280x720");
    let (w, h) = text.split_once('x').ok_or_else(refuse)?;
    let side = |text: &str| text.parse::<u16>().ok().filter(|&px| px > 0);
    match (side(w), side(h)) {
        (Some(w), Some(h)) => Ok(Size::new(w.into(), h.into())),
        _ => Err(refuse()),
    }
}

fn size<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Size>, D::Error> {
    let text = String::deserialize(from)?;
    parse_size(&text)
        .map(Some)
        .map_err(serde::de::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_and_checked() {
        let read = |text: &str| toml::from_str::<CaptureSettings>(text);
        let settings = read(
            "size = \"1280x720\"\nrate_hz = 30.0\nformat = \"NV12\"\nmemory = \"dmabuf\"\n\
             buffers = 6\n[controls]\ngain = 7\n",
        )
        .unwrap();
        assert_eq!(settings.size, Some(Size::new(1280, 720)));
        assert_eq!(settings.memory, CaptureMemory::Dmabuf);
        assert_eq!(
            (settings.controls["gain"], settings.invalid_value()),
            (7, None)
        );
        assert_eq!(settings.period(), Duration::from_secs_f64(1.0 / 30.0));
        for (text, key) in [
            ("rate_hz = 0.0", "rate_hz"),
            ("format = \"NV124\"", "format"),
            ("buffers = 1", "buffers"),
        ] {
            assert_eq!(read(text).unwrap().invalid_value().unwrap().0, key);
        }
        for text in [
            "size = \"1280\"",
            "size = \"0x3\"",
            "memory = \"gpu\"",
            "speed = 1",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
