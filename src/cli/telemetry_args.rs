//! Options about evidence, metrics, displays and brokers.

use crate::sink::{DisplayFormat, MqttVersion, SinkSettings};
use clap::ValueEnum;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Options about evidence, metrics, displays and brokers.
#[derive(clap::Args, Clone, Debug, Default)]
#[group(id = "sinks")]
#[command(next_help_heading = "Telemetry")]
pub(super) struct TelemetryArgs {
    /// Keep frame, overlay and times of alerts in this folder
    #[arg(long, value_name = "DIR")]
    evidence: Option<PathBuf>,

    /// Serve Prometheus metrics, for example at 127.0.0.1:9464
    #[arg(long, value_name = "ADDRESS")]
    metrics: Option<SocketAddr>,

    /// Show every frame with its detections on a framebuffer: fb:/dev/fb0
    #[arg(long, value_name = "DISPLAY", hide_short_help = true)]
    display: Option<DisplayFormat>,

    /// Folder for alerts that a broker has not acknowledged
    ///
    /// Default: $STATE_DIRECTORY/outbox, else ~/.local/state/unmask/outbox.
    #[arg(long, value_name = "DIR", hide_short_help = true)]
    outbox: Option<PathBuf>,

    /// MQTT version [default: 5]
    #[arg(long, value_name = "VERSION", hide_short_help = true)]
    mqtt_version: Option<MqttVersionName>,

    /// Trusted certificates for mqtts, PEM [default: the system's]
    #[arg(long, value_name = "FILE", hide_short_help = true)]
    mqtt_ca: Option<PathBuf>,

    /// File with the broker's password [default: $UNMASK_MQTT_PASSWORD]
    #[arg(long, value_name = "FILE", hide_short_help = true)]
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
    pub fn apply_to(&self, mut settings: SinkSettings) -> SinkSettings {
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
