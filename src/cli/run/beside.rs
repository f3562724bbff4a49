//! What runs beside the alerts: systemd, evidence, a panel.

use crate::pipeline::Looked;
use crate::sink::{Display, Evidence, Notifier, Panel, Settings, Sinks};
use crate::view::Overlay;
use std::path::PathBuf;
use std::time::Duration;

/// Options about sinks.
#[derive(clap::Args, Clone, Debug, Default)]
#[group(id = "sinks")]
pub(in crate::cli) struct Args {
    /// Keep the frame, its overlay and times for every alert in this folder, a bounded number
    #[arg(long, value_name = "DIR")]
    evidence: Option<PathBuf>,

    /// Show every frame with what was seen on a framebuffer: fb:/dev/fb0
    #[arg(long, value_name = "DISPLAY")]
    display: Option<Display>,
}

impl Args {
    /// The settings these options make.
    pub fn settings(&self) -> Settings {
        let mut settings = Settings {
            display: self.display.clone(),
            ..Settings::default()
        };
        settings.evidence.folder = self.evidence.clone();
        settings
    }
}

/// What looks at frames, on the view's thread.
#[derive(Debug)]
pub(in crate::cli) struct Lookers {
    evidence: Option<Evidence>,
    panel: Option<(Panel, Overlay)>,
    failing: bool,
}

impl Lookers {
    pub fn open(settings: &Settings, threshold: f32, budget: Duration) -> anyhow::Result<Self> {
        let evidence = match &settings.evidence.folder {
            Some(folder) => Some(Evidence::open(
                folder,
                &settings.evidence,
                threshold,
                budget,
            )?),
            None => None,
        };
        let panel = match &settings.display {
            Some(display) => Some((Panel::open(display)?, Overlay::new(threshold, budget))),
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

    /// Looks at a frame. A full disk or a dark panel must not end the watch: it is said once.
    pub fn add(&mut self, looked: &Looked) {
        let kept = self.evidence.as_mut().map(|e| e.add(looked).map(|_| ()));
        let shown = self
            .panel
            .as_mut()
            .map(|(panel, overlay)| panel.show(&overlay.draw(looked)));
        let failed = kept.into_iter().chain(shown).find_map(Result::err);
        if let Some(error) = &failed
            && !self.failing
        {
            eprintln!("unmask: evidence or display: {error}; each frame is tried again");
        }
        self.failing = failed.is_some();
    }

    /// Frames kept as evidence, and those that could not be.
    pub fn kept(&self) -> (u64, u64) {
        self.evidence.as_ref().map_or((0, 0), Evidence::counts)
    }
}

/// Tells systemd that the first frame can come, where it asked; and how the run goes, until
/// dropped.
pub(in crate::cli) fn notify(sinks: &Sinks) -> Option<Notifier> {
    let notifier = Notifier::from_environment(sinks.gauges()).unwrap_or_else(|error| {
        eprintln!("unmask: systemd cannot be told: $NOTIFY_SOCKET: {error}");
        None
    });
    if let Some(notifier) = &notifier {
        notifier.ready();
    }
    notifier
}
