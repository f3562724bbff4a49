//! `unmask run`.

pub(super) mod watch;

use super::Outcome;
use anyhow::{Context, bail};
use std::io::Write;
use std::path::PathBuf;
use watch::Watch;

/// Arguments of `unmask run`.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  unmask run --source pictures:photos > alerts.jsonl
  unmask run --source synthetic:7 --frames 100 --overlays out/frames
  unmask run --source pictures:photos --alerts alerts.jsonl --json > summary.json

stdout carries alerts only, one JSON object a line (schema unmask.alert/1). The summary goes to
stderr; with --alerts FILE --json it goes to stdout as JSON instead.

Exit code: 0 all frames were used; 2 some frames were bad, counted and named; 1 the run failed.")]
pub struct Args {
    /// Where frames come from: pictures:DIR or pictures:LIST.txt, recording:DIR, synthetic or
    /// synthetic:SEED
    #[arg(long, value_name = "SOURCE")]
    source: Option<String>,

    #[command(flatten)]
    watch: watch::Args,

    /// Frames to take [default: all; a synthetic drive has no end]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    frames: Option<u64>,

    /// Frames a second of the source's world: how far a synthetic drive moves from frame to frame,
    /// and with --realtime how often frames come
    #[arg(long, value_name = "HZ", default_value_t = 10.0)]
    rate: f64,

    /// Let frames come at --rate whether or not they can be dealt with: those that a newer one
    /// overtakes are dropped and counted. Without it every frame is waited for
    #[arg(long)]
    realtime: bool,

    /// Write alerts to this file instead of stdout
    #[arg(long, value_name = "FILE")]
    alerts: Option<PathBuf>,

    /// Draw every frame into this folder, with a contact sheet and a page (index.html)
    #[arg(long, value_name = "DIR")]
    overlays: Option<PathBuf>,

    /// Print the summary as JSON on stdout; alerts must go to a file then
    #[arg(long, requires = "alerts")]
    json: bool,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Outcome> {
    let Some(source) = &args.source else {
        bail!(
            "no source given. Say what to watch: --source pictures:DIR (a folder of jpg, png, \
             webp) or --source synthetic:SEED (a rendered drive, endless: add --frames N)"
        );
    };
    let watch = Watch {
        source: source.parse()?,
        frames: args.frames,
        rate_hz: args.rate,
        realtime: args.realtime,
        alerts: args.alerts.clone(),
        args: args.watch.clone(),
    };
    let title = format!("unmask run · {}", watch.source);
    let gallery = args.overlays.as_ref().map(|folder| watch::Show {
        page_folder: folder.clone(),
        overlay_folder: String::new(),
        only_alerting: false,
        title,
    });
    let seen = watch.run(gallery, None)?;
    let outcome = seen.outcome();
    if args.json {
        let text = serde_json::to_string_pretty(&seen.report())?;
        writeln!(std::io::stdout().lock(), "{text}").context("cannot write the summary")?;
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
