//! `unmask run`.

pub(super) mod beside;
mod safe;
pub(super) mod watch;

use super::{ExitOutcome, camera_args};
use crate::sink::SinkUri;
use crate::source::SourceUri;
use anyhow::{Context, bail};
use std::path::PathBuf;
use watch::WatchRun;

/// Arguments of `unmask run`.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  unmask run --source pictures:photos > alerts.jsonl
  unmask run --source synthetic:7 --frames 100 --overlays out/frames
  unmask run --source v4l2:/dev/video0 --camera-size 1280x720 > alerts.jsonl
  unmask run --config my.toml --realtime
  unmask run --source pictures:photos --alerts alerts.jsonl --json > summary.json
  unmask run --source synthetic --realtime --alerts mqtts://me@broker/road --evidence evidence

stdout carries alerts only, one JSON object a line (schema unmask.alert/1). The summary goes to
stderr; with --alerts FILE --json it goes to stdout as JSON instead.
Alerts that a broker does not have wait on disk. Every place and what it promises: docs/sinks.md.

Exit code: 0 all frames were used and no alert was lost; 2 some frames were bad or some alerts were
lost, counted and named; 1 the run failed; 78 the configuration is wrong. A service that crashes again
and again goes into safe mode: [safe_mode] in the configuration.")]
pub struct RunArgs {
    /// Where frames come from: v4l2:/dev/video0, pictures:DIR or pictures:LIST.txt, recording:DIR,
    /// synthetic or synthetic:SEED
    #[arg(long, value_name = "SOURCE")]
    source: Option<String>,

    #[command(flatten)]
    watch: watch::WatchArgs,

    /// Frames to take [default: all; a synthetic drive has no end]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    frames: Option<u64>,

    /// Frames a second of the source's world: how far a synthetic drive moves from frame to frame,
    /// and with --realtime how often frames come [default: 10]
    #[arg(long, value_name = "HZ")]
    rate: Option<f64>,

    /// Let frames come at --rate whether or not they can be dealt with: those that a newer one
    /// overtakes are dropped and counted. Without it every frame is waited for
    #[arg(long)]
    realtime: bool,

    /// Wait for a source that is not there yet, and report it (`blind`, missing) until it is
    /// [default: wait where systemd started the run]
    #[arg(long)]
    wait: bool,

    /// Where alerts go, once or more: - (stdout), FILE, unix:SOCKET, mqtt://HOST[:PORT][/TOPIC],
    /// mqtts://… [default: sink.alerts of the configuration, else stdout]
    #[arg(long, value_name = "PLACE")]
    alerts: Vec<SinkUri>,

    #[command(flatten)]
    camera: camera_args::SourceArgs,

    #[command(flatten)]
    sinks: beside::TelemetryArgs,

    /// Draw every frame into this folder, with a contact sheet and a page (index.html)
    #[arg(long, value_name = "DIR")]
    overlays: Option<PathBuf>,

    /// Print the summary as JSON on stdout; alerts must go elsewhere then
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &RunArgs) -> anyhow::Result<ExitOutcome> {
    let mut config = args.watch.config()?;
    config.capture = args.camera.over(config.capture);
    let Some(source) = args.source.as_ref().or(config.source.name.as_ref()) else {
        bail!(
            "no source given. Say what to watch: --source pictures:DIR (a folder of jpg, png, \
             webp) or --source synthetic:SEED (a rendered drive, endless: add --frames N)"
        );
    };
    let sinks = args.sinks.over(config.sink.clone());
    let places = match args.alerts.as_slice() {
        [] => sinks.alerts.clone(),
        given => given.to_vec(),
    };
    if args.json && (places.is_empty() || places.contains(&SinkUri::Stdout)) {
        bail!("--json and the alerts both want stdout; send those elsewhere with --alerts FILE");
    }
    if args.json && !unmask_system::stdout_is_open() {
        bail!("--json wants stdout, but it was closed when the program was started");
    }
    let source: SourceUri = source.parse()?;
    let watch = WatchRun {
        frames: args.frames.or(config.source.frames),
        rate_hz: args.rate.unwrap_or(config.source.rate_hz),
        // Nobody can wait for a camera's frames.
        realtime: args.realtime || config.source.realtime || source.is_live(),
        waits: args.wait || config.source.waits(),
        source,
        warm_up: 0,
        longest: None,
        alerts: watch::AlertOutput::Places(places),
        sinks,
        config,
    };
    let title = format!("unmask run · {}", watch.source);
    let gallery = args.overlays.as_ref().map(|folder| watch::OverlayOutput {
        page_folder: folder.clone(),
        overlay_folder: String::new(),
        only_alerting: false,
        title,
    });
    let starts = safe::note_start(&watch.config.safe_mode);
    if let Some(reason) = starts.as_ref().and_then(|starts| starts.safe_mode()) {
        let done = safe::run(&watch, reason)?;
        safe::note_end(starts);
        return Ok(done);
    }
    let seen = watch.run(&args.watch, gallery, None)?;
    safe::note_end(starts);
    let outcome = seen.outcome();
    if args.json {
        let text = serde_json::to_string_pretty(&seen.report())?;
        println!("{text}");
    } else {
        eprint!("{}", seen.table());
    }
    if let Some(folder) = &args.overlays {
        seen.write_page(None)
            .context("the run is done, but its page is not")?;
        eprintln!("look at {}", folder.join("index.html").display());
    }
    Ok(outcome)
}
