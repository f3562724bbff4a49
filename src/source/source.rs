//! What the user writes to name a source.

use super::CameraError;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// Seed of the drive where the user gives none.
const DEFAULT_SEED: u64 = 1;

/// Where frames are to come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// `pictures:DIR`: the pictures of a folder, in order of their names; `pictures:LIST.txt`:
    /// those that a list names, in its order.
    Pictures(PathBuf),
    /// `recording:DIR`: what `unmask record` wrote.
    Recording(PathBuf),
    /// `synthetic` or `synthetic:SEED`: a rendered drive, without end.
    Synthetic(u64),
    /// `v4l2:/dev/video0`: a camera; names under /dev/v4l/by-id and by-path stay the same when
    /// devices are plugged in another order.
    V4l2(PathBuf),
}

impl Source {
    /// Whether frames come by themselves and cannot be waited for.
    pub fn is_live(&self) -> bool {
        matches!(self, Source::V4l2(_))
    }
}

impl FromStr for Source {
    type Err = CameraError;

    fn from_str(text: &str) -> Result<Self, CameraError> {
        let refuse = |reason| CameraError::Source {
            text: text.to_string(),
            reason,
        };
        let (kind, rest) = match text.split_once(':') {
            Some((kind, rest)) => (kind, Some(rest)),
            None => (text, None),
        };
        match (kind, rest) {
            ("pictures", None | Some("")) => Err(refuse("the folder is missing")),
            ("pictures", Some(folder)) => Ok(Source::Pictures(folder.into())),
            ("recording", None | Some("")) => Err(refuse("the folder is missing")),
            ("recording", Some(folder)) => Ok(Source::Recording(folder.into())),
            ("synthetic", None) => Ok(Source::Synthetic(DEFAULT_SEED)),
            ("synthetic", Some(seed)) => seed
                .parse()
                .map(Source::Synthetic)
                .map_err(|_| refuse("the seed is no whole number of at most 64 bits")),
            ("v4l2", None | Some("")) => Err(refuse("the device is missing")),
            ("v4l2", Some(device)) => Ok(Source::V4l2(device.into())),
            _ => Err(refuse("unknown kind")),
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Pictures(folder) => write!(f, "pictures:{}", folder.display()),
            Source::Recording(folder) => write!(f, "recording:{}", folder.display()),
            Source::Synthetic(seed) => write!(f, "synthetic:{seed}"),
            Source::V4l2(device) => write!(f, "v4l2:{}", device.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn valid_forms_are_read_and_written() {
        let cases = [
            ("pictures:a/b", Source::Pictures("a/b".into())),
            ("pictures:c:d", Source::Pictures("c:d".into())),
            ("recording:a", Source::Recording("a".into())),
            ("synthetic", Source::Synthetic(1)),
            ("synthetic:0", Source::Synthetic(0)),
            (
                "synthetic:18446744073709551615",
                Source::Synthetic(u64::MAX),
            ),
            (
                "v4l2:/dev/v4l/by-path/pci-0000:00:14.0-usb-0:1:1.0-video-index0",
                Source::V4l2("/dev/v4l/by-path/pci-0000:00:14.0-usb-0:1:1.0-video-index0".into()),
            ),
        ];
        for (text, want) in cases {
            let source: Source = text.parse().unwrap();
            assert_eq!(source, want);
            assert_eq!(source.to_string().parse::<Source>().unwrap(), want);
        }
    }

    #[test]
    fn errors_list_the_valid_forms() {
        for text in [
            "",
            "pictures",
            "pictures:",
            "recording",
            "recording:",
            "synthetic:x",
            "synthetic:-1",
            "camera:0",
            "v4l2",
            "v4l2:",
        ] {
            let error = text.parse::<Source>().unwrap_err().to_string();
            assert!(
                error.contains("pictures:DIR") && error.contains("synthetic:SEED"),
                "{error}"
            );
            assert!(error.contains(&format!("`{text}`")), "{error}");
        }
        assert!("v4l2:/dev/video0".parse::<Source>().unwrap().is_live());
    }
}
