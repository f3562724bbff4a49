//! Waits for a missing source, and opens it once it appears.

use super::{CaptureSettings, CaptureWatch, OpenSource, SourceError, SourceUri};
use std::time::Duration;
use unmask_model::CameraInput;

/// First pause between two looks; it doubles with each.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// Longest pause between two looks.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Where frames come from: now, or once it is there.
#[expect(clippy::large_enum_variant, reason = "one a run")]
#[derive(Debug)]
pub enum SourceFeed {
    /// An open camera.
    Open(OpenSource),
    /// A source that is waited for.
    Awaited(AwaitedSource),
}

impl From<OpenSource> for SourceFeed {
    fn from(camera: OpenSource) -> Self {
        SourceFeed::Open(camera)
    }
}

impl From<AwaitedSource> for SourceFeed {
    fn from(awaited: AwaitedSource) -> Self {
        SourceFeed::Awaited(awaited)
    }
}

impl SourceFeed {
    /// Opens `source` as [`OpenSource::open_with`] does; one that is missing is waited for where
    /// `waits` says so.
    ///
    /// # Errors
    /// As [`OpenSource::open_with`].
    pub fn open(
        source: &SourceUri,
        rate_hz: f64,
        capture: &CaptureSettings,
        waits: bool,
    ) -> Result<SourceFeed, SourceError> {
        match OpenSource::open_with(source, rate_hz, capture) {
            Err(error) if waits && error.is_missing() => {
                Ok(AwaitedSource::new(source.clone(), rate_hz, capture.clone()).into())
            }
            opened => opened.map(SourceFeed::Open),
        }
    }

    /// As [`OpenSource::serve`], once it is there.
    ///
    /// # Errors
    /// As [`OpenSource::serve`].
    pub fn serve(&mut self, input: Option<&CameraInput>) -> Result<(), SourceError> {
        match self {
            SourceFeed::Open(camera) => camera.serve(input),
            SourceFeed::Awaited(awaited) => {
                awaited.input = input.copied();
                Ok(())
            }
        }
    }

    /// Whether its frames may have nothing to do with each other.
    pub fn is_pictures(&self) -> bool {
        match self {
            SourceFeed::Open(camera) => matches!(camera, OpenSource::Pictures(_)),
            SourceFeed::Awaited(awaited) => matches!(awaited.source, SourceUri::Pictures(_)),
        }
    }

    /// Whether its frames were recorded before.
    pub fn is_recording(&self) -> bool {
        match self {
            SourceFeed::Open(camera) => matches!(camera, OpenSource::Recording(_)),
            SourceFeed::Awaited(awaited) => matches!(awaited.source, SourceUri::Recording(_)),
        }
    }

    /// Number of frames, where it is known and the source ends.
    pub fn len(&self) -> Option<u64> {
        match self {
            SourceFeed::Open(camera) => camera.len(),
            SourceFeed::Awaited(_) => None,
        }
    }

    /// Whether no frame will come.
    pub fn is_empty(&self) -> bool {
        self.len() == Some(0)
    }

    /// Frame rate of the source.
    pub fn rate_hz(&self) -> f64 {
        match self {
            SourceFeed::Open(camera) => camera.rate_hz(),
            SourceFeed::Awaited(awaited) => awaited.rate_hz,
        }
    }

    /// How a camera goes.
    pub fn capture(&self) -> Option<CaptureWatch> {
        match self {
            SourceFeed::Open(camera) => camera.capture(),
            SourceFeed::Awaited(_) => None,
        }
    }
}

/// A source that is opened once it is there.
#[derive(Debug)]
pub struct AwaitedSource {
    source: SourceUri,
    rate_hz: f64,
    capture: CaptureSettings,
    /// What a prepared graph takes, where there is one.
    input: Option<CameraInput>,
}

impl AwaitedSource {
    /// A source that [`OpenSource::open_with`] did not find.
    pub fn new(source: SourceUri, rate_hz: f64, capture: CaptureSettings) -> Self {
        Self {
            source,
            rate_hz,
            capture,
            input: None,
        }
    }

    /// Looks for it until it is there, waiting in between; none where `pause` says that nobody
    /// wants it any more.
    ///
    /// # Errors
    /// It is there and cannot be used.
    pub(super) fn open(
        self,
        pause: &dyn Fn(Duration) -> bool,
    ) -> Result<Option<OpenSource>, SourceError> {
        let mut time = FIRST_PAUSE;
        loop {
            match self.try_open() {
                Err(error) if error.is_missing() => {}
                looked => return looked.map(Some),
            }
            if !pause(time) {
                return Ok(None);
            }
            time = (time * 2).min(LONGEST_PAUSE);
        }
    }

    fn try_open(&self) -> Result<OpenSource, SourceError> {
        let mut camera = OpenSource::open_with(&self.source, self.rate_hz, &self.capture)?;
        camera.serve(self.input.as_ref())?;
        Ok(camera)
    }
}
