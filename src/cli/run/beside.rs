//! What runs beside the alerts: metrics, systemd, evidence, a panel.

use crate::sink::{
    DisplayFormat, EvidenceSink, MetricsExporter, MqttVersion, ServiceNotifier, SinkFanout,
    SinkSettings, StatusPanel,
};
use crate::view::OverlayDrawer;
use clap::ValueEnum;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;
use unmask_alert::ProcessedFrame;

/// Options about sinks.
#[derive(clap::Args, Clone, Debug, Default)]
#[group(id = "sinks")]
pub(in crate::cli) struct TelemetryArgs {
    /// Keep the frame, its overlay and times for every alert in this folder, a bounded number
    #[arg(long, value_name = "DIR")]
    evidence: Option<PathBuf>,

    /// Answer Prometheus at this address, for example 127.0.0.1:9464
    #[arg(long, value_name = "ADDRESS")]
    metrics: Option<SocketAddr>,

    /// Show every frame with what was seen on a framebuffer: fb:/dev/fb0
    #[arg(long, value_name = "DISPLAY")]
    display: Option<DisplayFormat>,

    /// Folder for alerts that a broker does not have yet [default: $STATE_DIRECTORY/outbox, else
    /// ~/.local/state/unmask/outbox]
    #[arg(long, value_name = "DIR")]
    outbox: Option<PathBuf>,

    /// Version of MQTT [default: 5]
    #[arg(long, value_name = "VERSION")]
    mqtt_version: Option<MqttVersionName>,

    /// Certificates to trust for mqtts, PEM [default: those of the system]
    #[arg(long, value_name = "FILE")]
    mqtt_ca: Option<PathBuf>,

    /// File with the password for the broker [default: $UNMASK_MQTT_PASSWORD]
    #[arg(long, value_name = "FILE")]
    mqtt_password_file: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum MqttVersionName {
    #[value(name = "5")]
    V5,
    #[value(name = "3.1.1")]
    V3,
}

impl TelemetryArgs {
    /// The settings of the configuration, with what these options change in them.
    pub fn over(&self, mut settings: SinkSettings) -> SinkSettings {
        let put = |to: &mut Option<PathBuf>, from: &Option<PathBuf>| {
            if from.is_some() {
                to.clone_from(from);
            }
        };
        put(&mut settings.evidence.folder, &self.evidence);
        let mqtt = &mut settings.mqtt;
        put(&mut mqtt.outbox_folder, &self.outbox);
        put(&mut mqtt.ca_file, &self.mqtt_ca);
        put(&mut mqtt.password_file, &self.mqtt_password_file);
        match self.mqtt_version {
            Some(MqttVersionName::V5) => mqtt.version = MqttVersion::V5,
            Some(MqttVersionName::V3) => mqtt.version = MqttVersion::V3,
            None => {}
        }
        settings.metrics = self.metrics.or(settings.metrics);
        settings.display = self.display.clone().or(settings.display);
        settings
    }
}

/// What looks at frames, on the view's thread.
#[derive(Debug)]
pub(in crate::cli) struct FrameObservers {
    evidence: Option<EvidenceSink>,
    panel: Option<(StatusPanel, OverlayDrawer)>,
    failing: bool,
}

impl FrameObservers {
    pub fn open(settings: &SinkSettings, threshold: f32, budget: Duration) -> anyhow::Result<Self> {
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

    /// Looks at a frame. A full disk or a dark panel must not end the watch: it is said once.
    pub fn add(&mut self, looked: &ProcessedFrame) {
        let kept = self.evidence.as_mut().map(|e| e.add(looked).map(|_| ()));
        let shown = self
            .panel
            .as_mut()
            .map(|(panel, overlay)| panel.show(&overlay.draw(looked)));
        let failed = kept.into_iter().chain(shown).find_map(Result::err);
        if let Some(error) = &failed
            && !self.failing
        {
            let error = error.to_string();
            let error = unmask_frame::escape_control(&error);
            eprintln!("unmask: evidence or display: {error}; each frame is tried again");
        }
        self.failing = failed.is_some();
    }

    /// Frames kept as evidence, and those that could not be.
    pub fn kept(&self) -> (u64, u64) {
        self.evidence.as_ref().map_or((0, 0), EvidenceSink::counts)
    }
}

/// What tells others how the run goes, until dropped.
#[derive(Debug)]
pub(in crate::cli) struct TelemetryWorkers {
    _exporter: Option<MetricsExporter>,
    _notifier: Option<ServiceNotifier>,
}

impl TelemetryWorkers {
    /// Starts them; call it once the first frame can come: systemd is told so.
    pub fn start(settings: &SinkSettings, sinks: &SinkFanout) -> anyhow::Result<Self> {
        let exporter = match settings.metrics {
            Some(address) => {
                let exporter = MetricsExporter::start(address, sinks)?;
                eprintln!("unmask: metrics at http://{}/metrics", exporter.address());
                Some(exporter)
            }
            None => None,
        };
        let notifier = ServiceNotifier::from_environment(sinks.metrics()).unwrap_or_else(|error| {
            eprintln!("unmask: systemd cannot be told: $NOTIFY_SOCKET: {error}");
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
