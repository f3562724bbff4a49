//! `unmask profile`.

mod compare;
#[cfg(feature = "offline")]
mod layers;
mod page;
mod report;

use super::run_args::RunOptions;
use super::{ExitOutcome, pipeline_run};
use crate::budget::overload::{FRAMES, PERIOD, TIMES, row};
use crate::health::power::host;
use crate::health::sample::HostSampler;
use crate::runner::{AlertOutput, RunBuilder};
use crate::sink::SinkSettings;
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

What limits the machine (clocks, power mode, heat, current, load) is reported in words, from readings
taken while frames are measured: `[host]` in the configuration. On a Jetson only root can read the
memory's clock.

The first --warm-up frames are not measured. Alerts are formed, but discarded.

Exit code: 0 all frames were used; 2 some were bad; 1 the run failed.")]
pub struct ProfileArgs {
    /// Source of frames, as in `unmask run` [default: synthetic]
    #[arg(long, value_name = "SOURCE")]
    source: Option<String>,

    /// Frames to measure
    #[arg(long, value_name = "N", default_value_t = 200,
          value_parser = clap::value_parser!(u64).range(1..))]
    frames: u64,

    /// Measure for this long instead, s
    #[arg(
        long,
        value_name = "T",
        conflicts_with = "frames",
        allow_negative_numbers = true
    )]
    seconds: Option<f64>,

    /// Frames to skip before the measurement
    #[arg(long, value_name = "N", default_value_t = 10,
          value_parser = clap::value_parser!(u64).range(..=100_000))]
    warm_up: u64,

    /// Frames per second of the source [default: 10]
    #[arg(long, value_name = "HZ")]
    rate: Option<f64>,

    /// Deliver frames at --rate; superseded ones are dropped
    #[arg(long)]
    realtime: bool,

    /// Runs of each block of the network by itself; 0 = none
    ///
    /// They follow the frames, and show where the engine's time goes.
    #[cfg(feature = "offline")]
    #[arg(long, hide_short_help = true, value_name = "N", default_value_t = 10,
          value_parser = clap::value_parser!(u16).range(..=1000))]
    layer_passes: u16,

    /// Print the profile as JSON
    #[arg(long)]
    json: bool,

    /// Also write the profile as a self-contained HTML page
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,

    /// Simulate overload: engine times of 1.1, 2 and 10 periods
    ///
    /// Runs the deadline policy on virtual time, without an engine.
    #[arg(long, hide_short_help = true, conflicts_with_all = ["compare", "html", "source"])]
    overload: bool,

    /// Compare two profiles that --json wrote, instead of measuring
    #[arg(long, num_args = 2, value_names = ["A", "B"])]
    compare: Option<Vec<PathBuf>>,

    #[command(flatten)]
    options: RunOptions,
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
    let mut config = args.options.config()?;
    let named = args.source.clone().or(config.source.uri.clone());
    let longest = args.seconds.map(Duration::try_from_secs_f64).transpose();
    let longest = longest.context("--seconds must be a time, as in --seconds 60")?;
    let frames = args.frames + args.warm_up;
    let source = named.as_deref().unwrap_or("synthetic").parse()?;
    let (rate_hz, realtime) = (
        args.rate.unwrap_or(config.source.rate_hz),
        args.realtime || config.source.realtime,
    );
    config.sink = SinkSettings::default();
    let root = config.host.root.clone();
    let builder = RunBuilder::new(source, config)
        .frames(longest.is_none().then_some(frames))
        .rate_hz(rate_hz)
        .realtime(realtime)
        .wait_for_source(false)
        .warm_up_frames(args.warm_up)
        .duration(longest)
        .confirm(args.options.confirm())
        .alerts(AlertOutput::Discard);
    let before = host(&root);
    let sampler = HostSampler::start(root.clone(), READ_PERIOD)
        .context("cannot start the thread that reads the host")?;
    let finished = pipeline_run::execute(builder)?;
    // Not the loading of the model and the warm-up, when the board has little to do.
    let during = sampler.finish(finished.summary().took);
    let after = host(&root);
    let profile = ProfileReport::of(&finished, before, during, after);
    if profile.on_time + profile.late + profile.unknown_age == 0 {
        bail!(
            "no frame was measured: the warm-up of {} took them all. Ask for more --frames or \
             --seconds, or for a shorter --warm-up",
            args.warm_up
        );
    }
    #[cfg(feature = "offline")]
    let profile = ProfileReport {
        // A profile that is asked to end has no time for it.
        layers: match super::shutdown::is_requested() {
            true => None,
            false => layers::measure(usize::from(args.layer_passes), &finished),
        },
        ..profile
    };
    Ok((profile, pipeline_run::outcome(&finished)))
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
        "superseded",
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
            row.superseded,
            row.too_late,
            row.max_queue_depth,
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
