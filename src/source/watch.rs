//! Handle to a camera for other threads: report, events, stop.

use super::capture_report::CaptureReport;
use super::event::SourceEvent;

/// Asks a camera how it goes while another thread reads it, and stops it.
#[derive(Clone, Debug)]
pub struct CaptureWatch {
    #[cfg(target_os = "linux")]
    pub(super) inner: super::v4l2::watch::V4l2Watch,
}

impl CaptureWatch {
    /// Its result so far.
    pub fn report(&self) -> CaptureReport {
        #[cfg(target_os = "linux")]
        return self.inner.report();
        #[cfg(not(target_os = "linux"))]
        CaptureReport::default()
    }

    /// The oldest event that was not taken yet.
    pub fn event(&self) -> Option<SourceEvent> {
        #[cfg(target_os = "linux")]
        return self.inner.event();
        #[cfg(not(target_os = "linux"))]
        None
    }

    /// Ends it: a thread that waits for its next frame continues.
    pub fn stop(&self) {
        #[cfg(target_os = "linux")]
        self.inner.stop();
    }
}
