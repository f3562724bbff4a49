//! Options about cameras that several subcommands share.

use crate::source::{CaptureMemory, CaptureSettings, parse_size};
use unmask_frame::Size;

/// Settings of a camera (`--source v4l2:…`). What is left out stays as the device has it.
#[derive(clap::Args, Clone, Debug, Default)]
#[group(id = "capture")]
#[command(next_help_heading = "Camera")]
pub(super) struct CaptureArgs {
    /// Frame width and height, px: 1280x720
    #[arg(long, alias = "size", value_name = "WxH", value_parser = parse_size, hide_short_help = true)]
    camera_size: Option<Size>,

    /// Pixel format: NV12, YUYV, UYVY, NV21, RGB3, BGR3, GREY or MJPG
    #[arg(long, alias = "format", value_name = "FOURCC", hide_short_help = true)]
    camera_format: Option<String>,

    /// Frames per second
    #[arg(long, value_name = "HZ", hide_short_help = true)]
    camera_rate: Option<f64>,

    /// Memory that the driver fills
    #[arg(
        long,
        alias = "mode",
        value_enum,
        value_name = "MEMORY",
        hide_short_help = true
    )]
    camera_memory: Option<CaptureMemory>,

    /// Control to set, may be repeated: exposure_time_absolute=150
    #[arg(long, alias = "control", value_name = "NAME=VALUE", value_parser = control, hide_short_help = true)]
    camera_control: Vec<(String, i64)>,
}

impl CaptureArgs {
    /// The settings of the configuration, with what these options change in them.
    pub fn apply_to(&self, mut settings: CaptureSettings) -> CaptureSettings {
        settings.size = self.camera_size.or(settings.size);
        settings.rate_hz = self.camera_rate.or(settings.rate_hz);
        settings.format = self.camera_format.clone().or(settings.format);
        settings.memory = self.camera_memory.unwrap_or(settings.memory);
        settings
            .controls
            .extend(self.camera_control.iter().cloned());
        settings
    }
}

fn control(text: &str) -> Result<(String, i64), String> {
    let refuse = || format!("invalid control `{text}`: wanted NAME=VALUE, such as gain=7");
    let (name, value) = text.split_once('=').ok_or_else(refuse)?;
    let value = value.trim().parse().map_err(|_| refuse())?;
    Ok((name.trim().to_string(), value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn controls_have_a_name_and_a_value() {
        assert_eq!(control("gain=-7"), Ok(("gain".into(), -7)));
        for wrong in ["gain", "gain=", "gain=x"] {
            assert!(control(wrong).unwrap_err().contains("NAME=VALUE"));
        }
    }

    #[test]
    fn options_override_the_configuration() {
        let mut config = CaptureSettings::default();
        config.controls.insert("gain".into(), 1);
        config.rate_hz = Some(5.0);
        let args = CaptureArgs {
            camera_size: Some(Size::new(64, 48)),
            camera_control: vec![("gain".into(), 2)],
            ..CaptureArgs::default()
        };
        let settings = args.apply_to(config);
        assert_eq!(
            (settings.rate_hz, settings.controls["gain"]),
            (Some(5.0), 2)
        );
        assert_eq!(settings.size, Some(Size::new(64, 48)));
    }
}
