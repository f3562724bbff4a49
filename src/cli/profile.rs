//! `unmask profile`.

mod compare;
#[cfg(feature = "offline")]
mod layers;
mod page;
mod report;

use super::ExitOutcome;
use super::run::watch::{self, WatchRun};
use crate::budget::overload::{FRAMES, PERIOD, TIMES, row};
use crate::health::power::board;
use crate::health::sample::HostSampler;
use anyhow::{Context, bail};
use report::ProfileReport;
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

/// Time between two readings of the machine while it is measured.
const READ_PERIOD: Duration = Duration::from_millis(500);

/// Arguments of `unmask profile`.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  unmask profile --frames 200
  unmask profile --source v4l2:/dev/video0 --realtime --seconds 60
  unmask profile --source pictures:photos --realtime --rate 15 --budget-ms 80 --html profile.html
  unmask profile --json > now.json
  unmask profile --compare before.json now.json
  unmask profile --overload

What limits the machine (clocks, power mode, heat, current, load) is told in words, from readings taken
while frames are measured: `[board]` in the configuration. On a Jetson the memory's clock is root's to read.

The first --warm-up frames are not measured. Alerts are formed and written, but to nowhere.

Exit code: 0 all frames were used; 2 some were bad; 1 the run failed.")]
pub struct ProfileArgs {
    /// Where frames come from, as in `unmask run` [default: synthetic]
    #[arg(long, value_name = "SOURCE")]
    source: Option<String>,

    #[command(flatten)]
    watch: watch::WatchArgs,

    /// Frames to measure
    #[arg(long, value_name = "N", default_value_t = 200,
          value_parser = clap::value_parser!(u64).range(1..))]
    frames: u64,

    /// Measure for so long instead, s
    #[arg(
        long,
        value_name = "T",
        conflicts_with = "frames",
        allow_negative_numbers = true
    )]
    seconds: Option<f64>,

    /// Frames before those that are measured
    #[arg(long, value_name = "N", default_value_t = 10,
          value_parser = clap::value_parser!(u64).range(..=100_000))]
    warm_up: u64,

    /// Frames a second of the source's world; with --realtime how often frames come [default: 10]
    #[arg(long, value_name = "HZ")]
    rate: Option<f64>,

    /// Let frames come at --rate whether or not they can be dealt with
    #[arg(long)]
    realtime: bool,

    /// How often each block of the network is run by itself, after the frames; 0 = not at all
    #[cfg(feature = "offline")]
    #[arg(long, value_name = "N", default_value_t = 10,
          value_parser = clap::value_parser!(u16).range(..=1000))]
    layer_passes: u16,

    /// Print the profile as JSON
    #[arg(long)]
    json: bool,

    /// Write the profile as a page, too: one file that needs nothing else
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,

    /// Print what overload does: engine times of 1.1, 2 and 10 periods, on virtual time
    #[arg(long, conflicts_with_all = ["compare", "html", "source"])]
    overload: bool,

    /// Compare two profiles written with --json instead of measuring
    #[arg(long, num_args = 2, value_names = ["A", "B"])]
    compare: Option<Vec<PathBuf>>,
}

pub(super) fn run(args: &ProfileArgs) -> anyhow::Result<ExitOutcome> {
    if let Some(files) = &args.compare {
        let [a, b] = files.as_slice() else {
            bail!("--compare wants two profiles");
        };
        let (a, b) = (ProfileReport::read(a)?, ProfileReport::read(b)?);
        let text = match args.json {
            true => serde_json::to_string_pretty(&compare::json(&a, &b))? + "\n",
            false => compare::table(&a, &b),
        };
        print(&text)?;
        return Ok(ExitOutcome::Clean);
    }
    if args.overload {
        print(&overload(args.json)?)?;
        return Ok(ExitOutcome::Clean);
    }
    let (profile, outcome) = measure(args)?;
    if let Some(path) = &args.html {
        std::fs::write(path, page::html(&profile))
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    if args.json {
        print(&(serde_json::to_string_pretty(&profile)? + "\n"))?;
    } else {
        print(&profile.table())?;
    }
    Ok(outcome)
}

fn measure(args: &ProfileArgs) -> anyhow::Result<(ProfileReport, ExitOutcome)> {
    let config = args.watch.config()?;
    let named = args.source.as_ref().or(config.source.name.as_ref());
    let longest = args.seconds.map(Duration::try_from_secs_f64).transpose();
    let longest = longest.context("--seconds must be a time, as in --seconds 60")?;
    let watch = WatchRun {
        waits: false,
        source: named.map_or("synthetic", |s| s.as_str()).parse()?,
        frames: longest.is_none().then_some(args.frames + args.warm_up),
        rate_hz: args.rate.unwrap_or(config.source.rate_hz),
        realtime: args.realtime || config.source.realtime,
        warm_up: args.warm_up,
        longest,
        alerts: watch::AlertOutput::Nowhere,
        sinks: crate::sink::SinkSettings::default(),
        config,
    };
    let root = watch.config.board.root.clone();
    let before = board(&root);
    let sampler = HostSampler::start(root.clone(), READ_PERIOD)
        .context("cannot start the thread that reads the machine")?;
    let seen = watch.run(&args.watch, None, None)?;
    // Not the loading of the model and the warm-up, when the board has little to do.
    let during = sampler.finish(seen.summary().took);
    let after = board(&root);
    let profile = ProfileReport::of(&seen, before, during, after);
    if profile.on_time + profile.late + profile.unknown_age == 0 {
        bail!(
            "no frame was measured: the warm-up of {} took them all. Ask for more --frames or \
             --seconds, or for a shorter --warm-up",
            args.warm_up
        );
    }
    #[cfg(feature = "offline")]
    let profile = ProfileReport {
        layers: layers::measure(usize::from(args.layer_passes), &seen),
        ..profile
    };
    Ok((profile, seen.outcome()))
}

/// The table of overload.
fn overload(json: bool) -> anyhow::Result<String> {
    let rows = TIMES.map(row);
    if json {
        return Ok(serde_json::to_string_pretty(&rows)? + "\n");
    }
    let mut out = format!(
        "{FRAMES} frames on virtual time, one every {} ms; times of the engine vary by a tenth\n\
         {:>15}{:>11}{:>8}{:>9}{:>11}{:>10}{:>7}{:>12}\n",
        PERIOD.as_millis(),
        "engine / period",
        "budget ms",
        "served",
        "on time",
        "overtaken",
        "too late",
        "queue",
        "age p99 ms"
    );
    for row in rows {
        out += &format!(
            "{:>15}{:>11.1}{:>8}{:>9}{:>11}{:>10}{:>7}{:>12.1}\n",
            row.engine_per_period,
            row.budget_ms,
            row.served,
            row.on_time,
            row.overtaken,
            row.too_late,
            row.queue_depth,
            row.age_p99_ms
        );
    }
    Ok(out)
}

fn print(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())
        .context("cannot print the profile")
}
