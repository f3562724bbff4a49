//! `unmask run`.

use super::camera_args::CaptureArgs;
use super::run_args::RunOptions;
use super::telemetry_args::TelemetryArgs;
use super::{ExitOutcome, pipeline_run, shutdown};
use crate::runner::{AlertOutput, GalleryOutput, RunBuilder, safe_mode};
use crate::sink::SinkUri;
use crate::source::SourceUri;
use anyhow::{Context, bail};
use std::path::PathBuf;

/// Arguments of `unmask run`.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "\
Examples:
  unmask run --source pictures:photos > alerts.jsonl
  unmask run --source v4l2:/dev/video0 --camera-size 1280x720 > alerts.jsonl
  unmask run --config my.toml --realtime",
    after_long_help = "\
Examples:
  unmask run --source pictures:photos > alerts.jsonl
  unmask run --source synthetic:7 --frames 100 --overlays out/frames
  unmask run --source v4l2:/dev/video0 --camera-size 1280x720 > alerts.jsonl
  unmask run --config my.toml --realtime
  unmask run --source pictures:photos --alerts alerts.jsonl --json > summary.json
  unmask run --source synthetic --realtime --alerts mqtts://me@broker/road --evidence evidence

stdout carries alerts only, one JSON object per line (schema unmask.alert/1). The summary goes to
stderr; with --alerts FILE --json it goes to stdout as JSON instead.
Alerts that a broker does not have yet wait on disk. docs/sinks.md says what every sink guarantees.

Exit code: 0 all frames were used and no alert was lost; 2 some frames were bad or some alerts were
lost, counted and named; 1 the run failed; 78 the configuration is wrong. A service that crashes
repeatedly enters safe mode: [safe_mode] in the configuration."
)]
pub struct RunArgs {
    /// Source: v4l2:/dev/video0, pictures:DIR, recording:DIR, synthetic
    ///
    /// Also pictures:LIST.txt, a list of files, and synthetic:SEED, another drive.
    #[arg(long, value_name = "SOURCE")]
    source: Option<String>,

    /// Stop after N frames [default: at the end of the source]
    ///
    /// A synthetic drive has no end.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    frames: Option<u64>,

    /// Frames per second of the source [default: 10]
    ///
    /// How far a synthetic drive moves per frame, and with --realtime how often frames arrive.
    #[arg(long, value_name = "HZ", hide_short_help = true)]
    rate: Option<f64>,

    /// Deliver frames at --rate; superseded ones are dropped
    ///
    /// Dropped frames are counted. Without it, the source waits until a frame is processed. Cameras
    /// always run in real time.
    #[arg(long)]
    realtime: bool,

    /// Wait for a source that does not exist yet [default: wait under systemd]
    ///
    /// Meanwhile the run reports itself `blind` (missing).
    #[arg(long, hide_short_help = true)]
    wait: bool,

    /// Sink: - (stdout), FILE, unix:SOCKET, mqtt://HOST, mqtts://HOST
    ///
    /// May be repeated. Brokers: mqtt://[USER@]HOST[:PORT][/TOPIC]. Default: sink.alerts of the
    /// configuration, else stdout.
    #[arg(long, value_name = "SINK")]
    alerts: Vec<SinkUri>,

    /// Draw every frame into this folder, with a page (index.html)
    #[arg(long, value_name = "DIR")]
    overlays: Option<PathBuf>,

    /// Print the summary as JSON on stdout; needs --alerts FILE
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    options: RunOptions,

    #[command(flatten)]
    telemetry: TelemetryArgs,

    #[command(flatten)]
    camera: CaptureArgs,
}

pub(super) fn run(args: &RunArgs) -> anyhow::Result<ExitOutcome> {
    let mut config = args.options.config()?;
    config.capture = args.camera.apply_to(config.capture);
    config.sink = args.telemetry.apply_to(config.sink);
    config.source.frames = args.frames.or(config.source.frames);
    config.source.rate_hz = args.rate.unwrap_or(config.source.rate_hz);
    config.source.realtime |= args.realtime;
    let Some(source) = args.source.as_ref().or(config.source.uri.as_ref()) else {
        bail!(
            "no source given: use --source pictures:DIR (a folder of jpg, png, webp) or --source \
             synthetic:SEED (a rendered drive, endless: add --frames N)"
        );
    };
    let sinks = match args.alerts.as_slice() {
        [] => config.sink.alerts.clone(),
        given => given.to_vec(),
    };
    if args.json && (sinks.is_empty() || sinks.contains(&SinkUri::Stdout)) {
        bail!("--json and the alerts both need stdout: send alerts elsewhere with --alerts FILE");
    }
    if args.json && !unmask_system::stdout_is_open() {
        bail!("--json needs stdout, but it was closed when the program was started");
    }
    let source: SourceUri = source.parse()?;
    let gallery = args.overlays.as_ref().map(|folder| GalleryOutput {
        page_folder: folder.clone(),
        overlay_folder: String::new(),
        only_alerting: false,
        title: format!("unmask run · {source}"),
    });
    let waits = args.wait || config.source.waits();
    let starts = safe_mode::record_start(&config.safe_mode);
    let builder = RunBuilder::new(source, config)
        .wait_for_source(waits)
        .confirm(args.options.confirm())
        .alerts(AlertOutput::Sinks(sinks))
        .gallery(gallery);
    if let Some(reason) = starts.as_ref().and_then(|starts| starts.safe_mode()) {
        let clean = safe_mode::execute(builder, reason, shutdown::on_request())?;
        safe_mode::record_end(starts);
        return Ok(match clean {
            true => ExitOutcome::Clean,
            false => ExitOutcome::SomeBadInputs,
        });
    }
    let finished = pipeline_run::execute(builder)?;
    safe_mode::record_end(starts);
    let outcome = pipeline_run::outcome(&finished);
    if args.json {
        let text = serde_json::to_string_pretty(&finished.report())?;
        println!("{text}");
    } else {
        eprint!("{}", finished.table());
    }
    if let Some(folder) = &args.overlays {
        finished
            .write_page(None)
            .context("the run is done, but its page is not")?;
        eprintln!("overlays: {}", folder.join("index.html").display());
    }
    Ok(outcome)
}
