//! Sets the mode of a camera, and explains what it does not support.

use crate::{ControlInfo, FourCc, FrameRates, FrameSizes, V4l2Error, VideoFormat, VideoNode};
use std::fmt::Write;

/// A frame rate that differs by less than this share is the same.
const RATE_TOLERANCE: f64 = 0.01;
/// Controls that a message lists.
const LISTED_CONTROLS: usize = 24;

/// What a camera is to be set to. What is left out stays as the device has it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FormatRequest {
    /// Pixel format.
    pub fourcc: Option<FourCc>,
    /// Pixel formats that can be processed, the best first. The device's own counts first, if it
    /// is among them; empty = all.
    pub known: Vec<FourCc>,
    /// Width and height, px.
    pub size: Option<(u32, u32)>,
    /// Frames per second, Hz.
    pub rate_hz: Option<f64>,
    /// Controls by name (`exposure_time_absolute`) or number, and their values, in the order in
    /// which they are set.
    pub controls: Vec<(String, i64)>,
}

/// What a camera was set to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CaptureMode {
    /// Its frames.
    pub format: VideoFormat,
    /// Frames per second, Hz, where the driver can say.
    pub rate_hz: Option<f64>,
}

/// Why a camera cannot be set.
#[derive(Debug, thiserror::Error)]
pub enum ModeError {
    /// The kernel refuses a call.
    #[error(transparent)]
    Call(#[from] V4l2Error),
    /// No format of the device can be processed.
    #[error("it gives {have}; this can deal with {want}")]
    Formats {
        /// The device's.
        have: String,
        /// Ours.
        want: String,
    },
    /// It cannot be set to that.
    #[error("it does not do {requested}; the nearest is {nearest}. It has {have}")]
    Mode {
        /// The requested value.
        requested: String,
        /// What the driver offers instead.
        nearest: String,
        /// The device's formats and sizes.
        have: String,
    },
    /// It cannot be set to that rate.
    #[error(
        "it gives {offered:.3} frames per second at this size, not {requested}{rates}; ask for that \
         rate, or for none"
    )]
    Rate {
        /// The requested value, Hz.
        requested: f64,
        /// What it does, Hz.
        offered: f64,
        /// What it can.
        rates: String,
    },
    /// There is no such control.
    #[error("it has no control `{name}`; it has {have}")]
    NoControl {
        /// The requested value.
        name: String,
        /// What there is.
        have: String,
    },
    /// The control cannot have that value.
    #[error("the control `{name}` takes {min} to {max}, not {value}")]
    Value {
        /// The control.
        name: String,
        /// The requested value.
        value: i64,
        /// Its least value.
        min: i64,
        /// Its greatest value.
        max: i64,
    },
    /// The driver does not take the value now.
    #[error(
        "the control `{name}` cannot be set to {value} now: {source}. An automatic may hold it: \
         set that first"
    )]
    Refused {
        /// The control.
        name: String,
        /// The requested value.
        value: i64,
        /// The error of the kernel.
        source: V4l2Error,
    },
}

impl ModeError {
    /// The refusal of the kernel, where it is not the wish that is wrong.
    pub fn kernel_error(&self) -> Option<&V4l2Error> {
        match self {
            ModeError::Call(error) => Some(error),
            _ => None,
        }
    }
}

/// Sets `node` to `wish`.
///
/// # Errors
/// The device cannot do that; it is busy or gone.
pub fn set(node: &dyn VideoNode, request: &FormatRequest) -> Result<CaptureMode, ModeError> {
    let now = node.format()?;
    let formats = node.formats()?;
    let knows = |fourcc: &FourCc| request.known.is_empty() || request.known.contains(fourcc);
    let usual = || {
        let own = Some(now.fourcc).filter(knows);
        let ours = || request.known.iter().copied().find(|f| formats.contains(f));
        own.or_else(ours).ok_or_else(|| ModeError::Formats {
            have: format_list(&formats),
            want: format_list(&request.known),
        })
    };
    let fourcc = match request.fourcc {
        Some(fourcc) => fourcc,
        None => usual()?,
    };
    let (width, height) = request.size.unwrap_or((now.width, now.height));
    let format = node.set_format(fourcc, width, height)?;
    if (format.fourcc, format.width, format.height) != (fourcc, width, height) {
        return Err(ModeError::Mode {
            requested: format!("{fourcc} {width}x{height}"),
            nearest: nearest(node, &formats, &format, (fourcc, width, height)),
            have: describe_modes(node, &usable_formats(&formats, request)),
        });
    }
    let rate_hz = match request.rate_hz {
        Some(requested) => {
            let offered = node.set_rate(requested)?;
            if let Some(offered) = offered
                && (offered - requested).abs() > requested * RATE_TOLERANCE
            {
                let rates = node.rates(fourcc, width, height).ok();
                return Err(ModeError::Rate {
                    requested,
                    offered,
                    rates: rates.map_or_else(String::new, |rates| describe_rates(&rates)),
                });
            }
            offered
        }
        None => node.rate()?,
    };
    if !request.controls.is_empty() {
        set_controls(node, &request.controls)?;
    }
    Ok(CaptureMode { format, rate_hz })
}

fn set_controls(node: &dyn VideoNode, requested: &[(String, i64)]) -> Result<(), ModeError> {
    let controls = node.controls()?;
    for (name, value) in requested {
        let number = name.parse::<u32>().ok();
        let named = |control: &&ControlInfo| control.name == *name || Some(control.id) == number;
        let Some(control) = controls.iter().find(named) else {
            let mut have: Vec<&str> = controls.iter().map(|c| c.name.as_str()).collect();
            let more = have.len().saturating_sub(LISTED_CONTROLS);
            have.truncate(LISTED_CONTROLS);
            let mut have = have.join(", ");
            if more > 0 {
                let _ = write!(have, " and {more} more");
            }
            return Err(ModeError::NoControl {
                name: name.clone(),
                have,
            });
        };
        if !(control.minimum..=control.maximum).contains(value) {
            return Err(ModeError::Value {
                name: name.clone(),
                value: *value,
                min: control.minimum,
                max: control.maximum,
            });
        }
        match node.set_control(control.id, *value) {
            Ok(()) => {}
            Err(error) if error.is_gone() => return Err(error.into()),
            Err(source) => {
                return Err(ModeError::Refused {
                    name: name.clone(),
                    value: *value,
                    source,
                });
            }
        }
    }
    Ok(())
}

/// The mode that comes nearest: the same format in another size, else what the driver says.
fn nearest(
    node: &dyn VideoNode,
    formats: &[FourCc],
    offered: &VideoFormat,
    (fourcc, width, height): (FourCc, u32, u32),
) -> String {
    let size = formats
        .contains(&fourcc)
        .then(|| node.sizes(fourcc).ok()?.nearest(width, height))
        .flatten();
    match size {
        Some((w, h)) => format!("{fourcc} {w}x{h}"),
        None => format!("{} {}x{}", offered.fourcc, offered.width, offered.height),
    }
}

/// Those that can be processed, where there are any.
fn usable_formats(formats: &[FourCc], request: &FormatRequest) -> Vec<FourCc> {
    let known = formats.iter().filter(|f| request.known.contains(f));
    let known: Vec<FourCc> = known.copied().collect();
    if known.is_empty() {
        formats.to_vec()
    } else {
        known
    }
}

fn format_list(formats: &[FourCc]) -> String {
    let words: Vec<String> = formats.iter().map(ToString::to_string).collect();
    words.join(", ")
}

/// The formats, and the sizes of the first.
fn describe_modes(node: &dyn VideoNode, formats: &[FourCc]) -> String {
    let mut text = format_list(formats);
    let sizes = formats.first().and_then(|&first| node.sizes(first).ok());
    match sizes {
        Some(FrameSizes::Listed(sizes)) => {
            let sizes: Vec<String> = sizes.iter().map(|(w, h)| format!("{w}x{h}")).collect();
            let _ = write!(text, " in {}", sizes.join(", "));
        }
        Some(FrameSizes::Within(w, h)) => {
            let _ = write!(
                text,
                " from {}x{} to {}x{} in steps of {}x{}",
                w.least, h.least, w.greatest, h.greatest, w.step, h.step
            );
        }
        None => {}
    }
    text
}

fn describe_rates(rates: &FrameRates) -> String {
    match rates {
        FrameRates::Listed(rates) if rates.is_empty() => String::new(),
        FrameRates::Listed(rates) => {
            let rates: Vec<String> = rates.iter().map(|r| format!("{r:.3}")).collect();
            format!(" (it can {})", rates.join(", "))
        }
        FrameRates::Within(least, greatest) => format!(" (it can {least:.3} to {greatest:.3})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::V4l2Api;
    use crate::fake::{FakeCall, FakeEvent, FakeKernel};
    use std::path::Path;

    fn set_fake(fake: &FakeKernel, request: &FormatRequest) -> Result<CaptureMode, ModeError> {
        set(&*fake.open(Path::new("fake")).unwrap(), request)
    }

    fn of(letters: &[u8; 4]) -> FourCc {
        FourCc(*letters)
    }

    #[test]
    fn what_is_left_out_stays() {
        let fake = FakeKernel::virtual_time();
        let mode = set_fake(&fake, &FormatRequest::default()).unwrap();
        let format = mode.format;
        assert_eq!(
            (format.fourcc, format.width, format.height),
            (of(b"YUYV"), 64, 48)
        );
        assert_eq!(mode.rate_hz, Some(30.0));
        let known = vec![of(b"H264"), of(b"NV12"), of(b"RGB3")];
        let request = FormatRequest {
            known,
            ..FormatRequest::default()
        };
        assert_eq!(
            set_fake(&fake, &request).unwrap().format.fourcc,
            of(b"NV12")
        );
    }

    #[test]
    fn everything_can_be_asked_for() {
        let fake = FakeKernel::virtual_time();
        let request = FormatRequest {
            fourcc: Some(of(b"RGB3")),
            size: Some((128, 96)),
            rate_hz: Some(15.0),
            controls: vec![("gain".into(), 7), ("2".into(), 400)],
            ..FormatRequest::default()
        };
        let mode = set_fake(&fake, &request).unwrap();
        assert_eq!((mode.format.stride, mode.format.bytes), (384, 128 * 96 * 3));
        assert_eq!(mode.rate_hz, Some(15.0));
        let values = ["gain", "exposure_time_absolute"].map(|name| fake.control(name));
        assert_eq!(values, [Some(7), Some(400)]);
    }

    #[test]
    fn what_cannot_be_says_what_can() {
        let fake = FakeKernel::virtual_time();
        let refused = |request: FormatRequest| {
            let error = set_fake(&fake, &request).unwrap_err();
            assert!(error.kernel_error().is_none());
            error.to_string()
        };
        let request = FormatRequest {
            size: Some((120, 90)),
            ..FormatRequest::default()
        };
        let text = refused(request);
        assert!(
            text.contains("YUYV 120x90; the nearest is YUYV 128x96"),
            "{text}"
        );
        assert!(text.contains("in 64x48, 128x96"), "{text}");
        let request = FormatRequest {
            fourcc: Some(of(b"H264")),
            ..FormatRequest::default()
        };
        let text = refused(request);
        assert!(text.contains("the nearest is YUYV 128x96"), "{text}");
        let request = FormatRequest {
            known: vec![of(b"H264")],
            ..FormatRequest::default()
        };
        let text = refused(request);
        assert!(text.contains("deal with H264"), "{text}");
        let request = FormatRequest {
            size: Some((1, 1)),
            known: vec![of(b"RGB3"), of(b"YUYV")],
            ..FormatRequest::default()
        };
        let text = refused(request);
        assert!(text.contains("It has YUYV, RGB3 in 64x48"), "{text}");
        let request = FormatRequest {
            rate_hz: Some(50.0),
            ..FormatRequest::default()
        };
        let text = refused(request);
        assert!(
            text.contains("30.000 frames") && text.contains("it can 30.000, 15.000"),
            "{text}"
        );
        let control = |name: &str, value| FormatRequest {
            controls: vec![(name.into(), value)],
            ..FormatRequest::default()
        };
        let text = refused(control("zoom", 1));
        assert!(
            text.contains("`zoom`") && text.contains("gain, exposure"),
            "{text}"
        );
        assert!(refused(control("gain", 101)).contains("0 to 100, not 101"));
        fake.inject_event(FakeEvent::Fail(FakeCall::SetControl, libc::EBUSY, 1));
        let text = refused(control("gain", 1));
        assert!(text.contains("An automatic may hold it"), "{text}");
    }

    #[test]
    fn device_faults_differ_from_wrong_requests() {
        let fake = FakeKernel::virtual_time();
        for call in [
            FakeCall::Format,
            FakeCall::Formats,
            FakeCall::SetFormat,
            FakeCall::Rate,
        ] {
            fake.inject_event(FakeEvent::Fail(call, libc::EIO, 1));
            let error = set_fake(&fake, &FormatRequest::default()).unwrap_err();
            assert!(error.kernel_error().unwrap().is_io(), "{call:?}");
        }
    }
}
