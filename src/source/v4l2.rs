//! V4L2 source: the driver's frames as pictures, or as the bytes that a prepared
//! graph takes, in the memory that the driver wrote them to.

pub(in crate::source) mod watch;

use super::pixels::{PixelLayout, PixelReading};
use super::watch::CaptureWatch;
use super::{
    BadFrame, CaptureMemory, CaptureSettings, CaptureTime, FrameBytes, FrameDrops, FrameTimestamp,
    SourceError, SourceFrame,
};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering::Relaxed};
use std::time::{Duration, Instant};
use unmask_frame::{Picture, Size};
use unmask_model::{CameraInput, ColourMatrix, ColourRange, FrameFormat};
use unmask_v4l2::{
    CaptureOptions, CaptureSession, CapturedFrame, ColourInfo, FormatRequest, FourCc, FrameAge,
    MemoryChoice, MemoryKind, V4l2Api, VideoFormat,
};

use watch::{CopyCounter, V4l2Watch};

/// A camera.
#[derive(Debug)]
pub struct V4l2Source {
    capture: CaptureSession,
    path: PathBuf,
    period: Duration,
    /// What a prepared graph takes, where there is one.
    graph: Option<FrameFormat>,
    /// Whether frames stay bytes without a graph, too.
    keep_bytes: bool,
    first: Option<Instant>,
    copies: Arc<AtomicU8>,
}

impl V4l2Source {
    /// Opens and sets the device.
    ///
    /// # Errors
    /// There is no such device, or it cannot be set to that.
    pub fn open(
        kernel: Arc<dyn V4l2Api>,
        path: &Path,
        settings: &CaptureSettings,
    ) -> Result<Self, SourceError> {
        if let Some((key, want)) = settings.invalid_value() {
            return Err(SourceError::Capture {
                missing: false,
                reason: format!("capture.{key}: expected {want}"),
            });
        }
        let memory = match settings.memory {
            CaptureMemory::Auto => MemoryChoice::Auto,
            CaptureMemory::Userptr => MemoryChoice::Only(MemoryKind::User),
            CaptureMemory::Dmabuf => MemoryChoice::Only(MemoryKind::Shared),
            CaptureMemory::Mmap => MemoryChoice::Only(MemoryKind::Mmap),
        };
        let side = |px: usize| u32::try_from(px).unwrap_or(u32::MAX);
        let fourcc = settings.format.as_deref().map(str::parse::<FourCc>);
        let request = FormatRequest {
            fourcc: fourcc.transpose().map_err(|reason| SourceError::Capture {
                missing: false,
                reason: reason.into(),
            })?,
            known: PixelLayout::all().map(FourCc).collect(),
            size: settings.size.map(|size| (side(size.w), side(size.h))),
            rate_hz: settings.rate_hz,
            controls: settings.controls.clone().into_iter().collect(),
        };
        if let Some(fourcc) = request.fourcc
            && PixelLayout::of(fourcc.0).is_none()
        {
            let known: Vec<String> = request.known.iter().map(ToString::to_string).collect();
            return Err(SourceError::Capture {
                missing: false,
                reason: format!(
                    "frames of format {fourcc} cannot be read; these can: {}",
                    known.join(", ")
                ),
            });
        }
        let capture = CaptureSession::open(
            kernel,
            CaptureOptions {
                path: path.to_path_buf(),
                request,
                memory,
                buffers: settings.buffers,
            },
        )
        .map_err(to_source_error)?;
        Ok(Self {
            capture,
            path: path.to_path_buf(),
            period: settings.period(),
            graph: None,
            keep_bytes: false,
            first: None,
            copies: Arc::new(AtomicU8::new(CopyCounter::Picture as u8)),
        })
    }

    /// Sets it to what a prepared graph takes: from now on frames come as bytes.
    ///
    /// # Errors
    /// The device cannot do that.
    pub fn serve(&mut self, input: &CameraInput) -> Result<(), SourceError> {
        let format = input.format;
        let side = |px: usize| u32::try_from(px).unwrap_or(u32::MAX);
        let request = FormatRequest {
            fourcc: Some(FourCc(PixelLayout::Graph(format.pixels).fourcc())),
            size: Some((side(format.size.w), side(format.size.h))),
            ..self.capture.settings().request.clone()
        };
        self.capture.set_request(request).map_err(to_source_error)?;
        self.graph = Some(format);
        self.copies.store(CopyCounter::None as u8, Relaxed);
        Ok(())
    }

    /// Has frames come as the driver's bytes where a graph could take them, whether or not there is
    /// one.
    pub fn keep_bytes(&mut self) {
        self.keep_bytes = true;
    }

    /// Frames per second, Hz: what the driver says, else what was asked for, else 30.
    pub fn rate_hz(&self) -> f64 {
        let reported = self.capture.handle().report().mode;
        reported
            .and_then(|mode| mode.rate_hz)
            .filter(|hz| *hz > 0.0)
            .unwrap_or(1.0 / self.period.as_secs_f64())
    }

    /// Handle for other threads.
    pub fn watch(&self) -> CaptureWatch {
        CaptureWatch {
            inner: V4l2Watch {
                handle: self.capture.handle(),
                path: self.path.clone(),
                copies: self.copies.clone(),
            },
        }
    }

    /// The next frame as the driver gave it, with its bytes; `None` once it was stopped.
    pub fn next_raw(&mut self) -> Option<CapturedFrame> {
        self.capture.next()
    }

    /// The next frame. One that its decoder finds cut short or torn is not a picture: it is counted
    /// like one that the driver marks, and the one after it is taken.
    pub(super) fn next(&mut self) -> Option<Result<SourceFrame, BadFrame>> {
        loop {
            let frame = self.capture.next()?;
            if let Some(taken) = self.source_frame_of(frame) {
                return Some(taken);
            }
        }
    }

    /// What `frame` shows; none where it is damaged.
    fn source_frame_of(&mut self, frame: CapturedFrame) -> Option<Result<SourceFrame, BadFrame>> {
        let CapturedFrame {
            buffer: filled,
            format,
            number,
            age,
            arrived,
            lost,
        } = frame;
        let captured = match age {
            FrameAge::Known(age) => CaptureTime::Known(arrived.checked_sub(age).unwrap_or(arrived)),
            FrameAge::Unknown => CaptureTime::Unknown(arrived),
        };
        let at = *captured.instant().unwrap_or(&arrived);
        let first = *self.first.get_or_insert(at);
        let bad = |reason: String| BadFrame {
            number,
            name: self.path.display().to_string(),
            reason,
        };
        let kept = || self.keep_bytes.then(|| graph_format(&format)).flatten();
        let (picture, bytes) = match self.graph.or_else(kept) {
            Some(wanted) => match bytes_for(filled, &format, wanted) {
                Ok((bytes, copies)) => {
                    self.copies.store(copies as u8, Relaxed);
                    (Picture::filled(Size::default(), [0; 3]), Some(bytes))
                }
                Err(reason) => return Some(Err(bad(reason))),
            },
            None => {
                let reading = match reading(&format) {
                    Ok(reading) => reading,
                    Err(reason) => return Some(Err(bad(reason))),
                };
                let compressed = format.stride == 0;
                let copies = if compressed {
                    CopyCounter::Decoded
                } else {
                    CopyCounter::Picture
                };
                self.copies.store(copies as u8, Relaxed);
                match reading.picture(&filled) {
                    Ok(picture) => (picture, None),
                    Err(reason) if compressed => {
                        drop(filled);
                        self.capture.reject(number, lost, &reason);
                        return None;
                    }
                    Err(reason) => return Some(Err(bad(reason))),
                }
            }
        };
        Some(Ok(SourceFrame {
            number,
            name: None,
            picture,
            bytes,
            truth: None,
            read: arrived.elapsed(),
            stamp: FrameTimestamp {
                at: at.saturating_duration_since(first),
                unix_ns: None,
                captured,
            },
            drops: FrameDrops {
                superseded: lost.superseded,
                gap: lost.gap,
                corrupt: lost.corrupt,
                stale: lost.stale,
            },
        }))
    }
}

fn to_source_error(error: unmask_v4l2::CaptureError) -> SourceError {
    SourceError::Capture {
        missing: error
            .kernel_error()
            .is_some_and(unmask_v4l2::V4l2Error::is_gone),
        reason: error.to_string(),
    }
}

/// How the bytes of `format` are read.
fn reading(format: &VideoFormat) -> Result<PixelReading, String> {
    let layout = PixelLayout::of(format.fourcc.0)
        .ok_or_else(|| format!("frames of format {} cannot be read", format.fourcc))?;
    let size = Size::new(format.width as usize, format.height as usize);
    let (matrix, range) = coding(format.colour);
    Ok(PixelReading::new(
        layout,
        size,
        format.stride as usize,
        matrix,
        range,
    ))
}

/// What the bytes of `format` are, where a graph could take them.
fn graph_format(format: &VideoFormat) -> Option<FrameFormat> {
    let Some(PixelLayout::Graph(pixels)) = PixelLayout::of(format.fourcc.0) else {
        return None;
    };
    let size = Size::new(format.width as usize, format.height as usize);
    let (matrix, range) = coding(format.colour);
    let format = FrameFormat {
        pixels,
        size,
        matrix,
        range,
    };
    format.is_whole().then_some(format)
}

/// Luma weights and byte range of the kernel's numbers; what the driver leaves open (0) follows from
/// the colour space, as `V4L2_MAP_YCBCR_ENC_DEFAULT` and `V4L2_MAP_QUANTIZATION_DEFAULT` of
/// `linux/videodev2.h` say. Constant luminance (7) is not a matrix: the weights are those of BT.2020,
/// the nearest there is.
fn coding(colour: ColourInfo) -> (ColourMatrix, ColourRange) {
    const SMPTE240M: u32 = 2;
    const REC709: u32 = 3;
    const JPEG: u32 = 7;
    const BT2020: u32 = 10;
    const DCI_P3: u32 = 12;
    let matrix = match (colour.coding, colour.space) {
        (2 | 4, _) | (0, REC709 | DCI_P3) => ColourMatrix::Bt709,
        (6 | 7, _) | (0, BT2020) => ColourMatrix::Bt2020,
        (8, _) | (0, SMPTE240M) => ColourMatrix::Smpte240m,
        _ => ColourMatrix::Bt601,
    };
    let range = match (colour.quantization, colour.space) {
        (1, _) | (0, JPEG) => ColourRange::Full,
        _ => ColourRange::Limited,
    };
    (matrix, range)
}

/// The bytes of a frame for a graph that takes `wanted`.
fn bytes_for(
    filled: unmask_v4l2::FilledBuffer,
    format: &VideoFormat,
    wanted: FrameFormat,
) -> Result<(FrameBytes, CopyCounter), String> {
    let layout = PixelLayout::Graph(wanted.pixels);
    let size = Size::new(format.width as usize, format.height as usize);
    if (format.fourcc.0, size) != (layout.fourcc(), wanted.size) {
        return Err(format!(
            "the camera gives {} {size}, but the model takes {wanted}",
            format.fourcc
        ));
    }
    let (row, stride) = (layout.row_bytes(size.w), format.stride as usize);
    if stride <= row {
        if filled.len() < wanted.bytes() {
            return Err(format!("{} bytes are too few for {wanted}", filled.len()));
        }
        return Ok((FrameBytes::of_driver(filled, wanted), CopyCounter::None));
    }
    let mut bytes = Vec::with_capacity(wanted.bytes());
    for line in filled.chunks(stride).take(layout.rows(size.h)) {
        bytes.extend_from_slice(&line[..row.min(line.len())]);
    }
    FrameBytes::own(bytes, wanted)
        .map(|bytes| (bytes, CopyCounter::Padding))
        .ok_or_else(|| format!("{} bytes are too few for {wanted}", filled.len()))
}

#[cfg(test)]
mod tests;
