//! What runs alongside the alerts: metrics, systemd's notifications, evidence, a display.

use super::{EvidenceCounts, RunError};
use crate::sink::{
    EvidenceSink, MetricsExporter, ServiceNotifier, SinkFanout, SinkSettings, StatusPanel,
};
use crate::view::OverlayDrawer;
use std::time::Duration;
use tracing::{error, info, warn};
use unmask_alert::ProcessedFrame;

/// What observes processed frames, on the drawing thread.
#[derive(Debug)]
pub(super) struct FrameObservers {
    evidence: Option<EvidenceSink>,
    panel: Option<(StatusPanel, OverlayDrawer)>,
    failing: bool,
}

impl FrameObservers {
    pub fn open(
        settings: &SinkSettings,
        threshold: f32,
        budget: Duration,
    ) -> Result<Self, RunError> {
        let evidence = match &settings.evidence.folder {
            Some(folder) => Some(EvidenceSink::open(
                folder,
                &settings.evidence,
                threshold,
                budget,
            )?),
            None => None,
        };
        let panel = match &settings.display {
            Some(display) => Some((
                StatusPanel::open(display)?,
                OverlayDrawer::new(threshold, budget),
            )),
            None => None,
        };
        Ok(Self {
            evidence,
            panel,
            failing: false,
        })
    }

    pub fn is_empty(&self) -> bool {
        self.evidence.is_none() && self.panel.is_none()
    }

    /// Keeps and shows a frame. A full disk or a dark panel must not end the run: the first of
    /// consecutive failures is logged.
    pub fn observe(&mut self, frame: &ProcessedFrame) {
        let kept = self.evidence.as_mut().map(|e| e.add(frame).map(|_| ()));
        let shown = self
            .panel
            .as_mut()
            .map(|(panel, overlay)| panel.show(&overlay.draw(frame)));
        let failed = kept.into_iter().chain(shown).find_map(Result::err);
        match &failed {
            Some(reason) if !self.failing => {
                error!("evidence or display: {reason}; each frame is tried again");
            }
            None if self.failing => info!("evidence and display work again"),
            _ => {}
        }
        self.failing = failed.is_some();
    }

    pub fn evidence_counts(&self) -> EvidenceCounts {
        let counts = self.evidence.as_ref().map(EvidenceSink::counts);
        let (kept, failed) = counts.unwrap_or_default();
        EvidenceCounts { kept, failed }
    }
}

/// Threads that report how the run goes, until dropped.
#[derive(Debug)]
pub(super) struct TelemetryWorkers {
    _exporter: Option<MetricsExporter>,
    _notifier: Option<ServiceNotifier>,
}

impl TelemetryWorkers {
    /// Starts them. Called once the first frame can come, since systemd learns that the service is
    /// ready.
    pub fn start(settings: &SinkSettings, sinks: &SinkFanout) -> Result<Self, RunError> {
        let exporter = match settings.metrics {
            Some(address) => {
                let exporter = MetricsExporter::start(address, sinks)?;
                info!("metrics at http://{}/metrics", exporter.address());
                Some(exporter)
            }
            None => None,
        };
        let notifier = ServiceNotifier::from_environment(sinks.metrics()).unwrap_or_else(|error| {
            warn!("systemd cannot be notified: $NOTIFY_SOCKET: {error}");
            None
        });
        if let Some(notifier) = &notifier {
            notifier.ready();
        }
        Ok(Self {
            _exporter: exporter,
            _notifier: notifier,
        })
    }
}
