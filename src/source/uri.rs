//! Source URIs, as `--source` takes them.

use super::SourceError;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// Seed of the drive where the user gives none.
const DEFAULT_SEED: u64 = 1;

/// Where frames are to come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceUri {
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

impl SourceUri {
    /// Whether frames come by themselves and cannot be waited for.
    pub fn is_live(&self) -> bool {
        matches!(self, SourceUri::V4l2(_))
    }
}

impl FromStr for SourceUri {
    type Err = SourceError;

    fn from_str(text: &str) -> Result<Self, SourceError> {
        let refuse = |reason| SourceError::Source {
            text: text.to_string(),
            reason,
        };
        let (kind, rest) = match text.split_once(':') {
            Some((kind, rest)) => (kind, Some(rest)),
            None => (text, None),
        };
        match (kind, rest) {
            ("pictures", None | Some("")) => Err(refuse("the folder is missing")),
            ("pictures", Some(folder)) => Ok(SourceUri::Pictures(folder.into())),
            ("recording", None | Some("")) => Err(refuse("the folder is missing")),
            ("recording", Some(folder)) => Ok(SourceUri::Recording(folder.into())),
            ("synthetic", None) => Ok(SourceUri::Synthetic(DEFAULT_SEED)),
            ("synthetic", Some(seed)) => seed
                .parse()
                .map(SourceUri::Synthetic)
                .map_err(|_| refuse("the seed is not an unsigned 64-bit integer")),
            ("v4l2", None | Some("")) => Err(refuse("the device is missing")),
            ("v4l2", Some(device)) => Ok(SourceUri::V4l2(device.into())),
            _ => Err(refuse("unknown kind")),
        }
    }
}

impl fmt::Display for SourceUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SourceUri::Pictures(folder) => write!(f, "pictures:{}", folder.display()),
            SourceUri::Recording(folder) => write!(f, "recording:{}", folder.display()),
            SourceUri::Synthetic(seed) => write!(f, "synthetic:{seed}"),
            SourceUri::V4l2(device) => write!(f, "v4l2:{}", device.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn valid_forms_are_read_and_written() {
        let cases = [
            ("pictures:a/b", SourceUri::Pictures("a/b".into())),
            ("pictures:c:d", SourceUri::Pictures("c:d".into())),
            ("recording:a", SourceUri::Recording("a".into())),
            ("synthetic", SourceUri::Synthetic(1)),
            ("synthetic:0", SourceUri::Synthetic(0)),
            (
                "synthetic:18446744073709551615",
                SourceUri::Synthetic(u64::MAX),
            ),
            (
                "v4l2:/dev/v4l/by-path/pci-0000:00:14.0-usb-0:1:1.0-video-index0",
                SourceUri::V4l2(
                    "/dev/v4l/by-path/pci-0000:00:14.0-usb-0:1:1.0-video-index0".into(),
                ),
            ),
        ];
        for (text, want) in cases {
            let source: SourceUri = text.parse().unwrap();
            assert_eq!(source, want);
            assert_eq!(source.to_string().parse::<SourceUri>().unwrap(), want);
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
            let error = text.parse::<SourceUri>().unwrap_err().to_string();
            assert!(
                error.contains("pictures:DIR") && error.contains("synthetic:SEED"),
                "{error}"
            );
            assert!(error.contains(&format!("`{text}`")), "{error}");
        }
        assert!("v4l2:/dev/video0".parse::<SourceUri>().unwrap().is_live());
    }
}
