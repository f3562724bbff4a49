//! The order of the layers: the one module that knows it.
//!
//! ```text
//! source ─► engine ─► score ─► alert ─► sink
//!  (own thread)                  └────► observer (own thread)
//! ```
//! A frame passes them one after the other; nothing downstream calls up. Reading and drawing run on
//! threads of their own, so that the engine gets the next frame at once.

mod camera_health;
mod clock;
mod deadline;
mod engines;
mod host_events;
mod outcome;
mod publish;
mod safe_mode;
mod settings;

use crate::budget::ladder::{DegradeLadder, LadderChange};
use crate::budget::policy::DeadlinePolicy;
use crate::budget::{DropReason, FrameStage};
use crate::health::host;
use crate::sink::SinkFanout;
use crate::source::{
    BadFrame, FrameTimestamp, RunPace, SourceClock, SourceFeed, SourceFrame, SourceReader,
};
use camera_health::CameraHealth;
use clock::{WallClock, new_run_id};
use deadline::new_ledger;
use settings::NO_LADDER;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::time::{Duration, Instant};
use unmask_alert::{Alert, AlertBuilder, AlertDecider, AlertEvent, ProcessedFrame, TrackSnapshot};
use unmask_drive::GroundTruth;
use unmask_frame::EngineTimes;
use unmask_frame::{Frame, FrameMetadata, MonotonicTime, Picture, Size};
use unmask_score::ScoredFrame;

pub use engines::EngineSet;
pub use outcome::{PipelineError, RunEvent, RunSummary};
pub use settings::{DegradeSettings, DegradeStep, PipelineSettings};

/// Frames that wait to be drawn. In real time a frame that finds no place is not drawn, counted;
/// else the pipeline waits, so that no picture is missing.
const VIEW_QUEUE: usize = 4;
/// How long a stopped run lets sinks deliver.
const STOP_DELIVERY: Duration = Duration::from_millis(600);

/// What draws frames; it runs on a thread of its own.
pub type FrameObserver<'a> = Box<dyn FnMut(ProcessedFrame) -> Result<(), String> + Send + 'a>;

/// Takes frames from `feed`, an open source or one that is waited for, until it ends, publishes alerts
/// to `sink`, and gives every processed frame to `view`. `on_event` receives what happens meanwhile;
/// the run continues after frames that cannot be used. The calling thread is given what
/// `settings.realtime` asks for, and keeps it.
///
/// # Errors
/// The camera's thread, the sink or the view fails; the system refuses `settings.realtime`; not one
/// frame could be used.
pub fn run<'a>(
    engines: impl Into<EngineSet<'a>>,
    feed: impl Into<SourceFeed>,
    settings: &PipelineSettings,
    sink: &mut SinkFanout,
    view: Option<FrameObserver<'_>>,
    on_event: &mut dyn FnMut(RunEvent<'_>),
) -> Result<RunSummary, PipelineError> {
    let (engines, feed) = (engines.into(), feed.into());
    let Some(mut view) = view else {
        let ran = AlertPipeline::start(engines, feed, settings, sink, None)?.run(on_event);
        deliver_at_stop(settings, sink);
        return ran;
    };
    std::thread::scope(|scope| {
        let (to_view, frames) = sync_channel::<ProcessedFrame>(VIEW_QUEUE);
        let drawing = scope.spawn(move || frames.iter().try_for_each(&mut view));
        let ran = AlertPipeline::start(engines, feed, settings, sink, Some(to_view))
            .and_then(|pipeline| pipeline.run(on_event));
        // Drawing may hang on a disk that does not answer: alerts do not wait for it.
        deliver_at_stop(settings, sink);
        match drawing.join() {
            Ok(Ok(())) => ran,
            // What the view says comes first: it is why the run ended.
            Ok(Err(reason)) => Err(PipelineError::View(reason)),
            Err(_) => Err(PipelineError::View("the drawing thread broke down".into())),
        }
    })
}

fn deliver_at_stop(settings: &PipelineSettings, sink: &mut SinkFanout) {
    if settings.stop.load(Relaxed) {
        sink.deliver(STOP_DELIVERY);
    }
}

struct AlertPipeline<'a> {
    engines: EngineSet<'a>,
    /// Number of the engine that scored the last frame.
    at: usize,
    settings: &'a PipelineSettings,
    sink: &'a mut SinkFanout,
    to_view: Option<SyncSender<ProcessedFrame>>,
    board: Option<host::HostWatch>,
    /// Follows the wall clock.
    clock: SourceClock,
    /// Does not: for what lasts a while.
    steady: SourceClock,
    wall: WallClock,
    /// Stands before the number in every id.
    run_id: Arc<str>,
    /// Whether the frames have times of their own.
    recorded: bool,
    /// Time of the first frame of a recording, by its own wall clock, ns, and its place in it.
    first: Option<(i128, Duration)>,
    reader: SourceReader,
    health: CameraHealth,
    decider: AlertDecider,
    /// One for each engine.
    alert_builders: Vec<AlertBuilder>,
    policy: DeadlinePolicy,
    ladder: DegradeLadder,
    /// A move on the ladder that was not reported yet.
    pending_change: Option<LadderChange>,
    /// Frames taken from the camera.
    taken: u64,
    /// Whether the warm-up is over.
    warm: bool,
    /// Begin of the run, or end of the warm-up.
    since: Instant,
    /// Frames that the camera's thread had lost when the ledger began.
    lost_before: u64,
    /// Dropped before the ledger began, without those.
    dropped_before: u64,
    /// Kept between frames, empty, for its room.
    events: Vec<(AlertEvent, TrackSnapshot)>,
    summary: RunSummary,
    /// The last frame's token: the end of the run is reported with it.
    last: Option<FrameMetadata>,
    first_bad: Option<BadFrame>,
}

impl<'a> AlertPipeline<'a> {
    fn start(
        mut engines: EngineSet<'a>,
        mut feed: SourceFeed,
        settings: &'a PipelineSettings,
        sink: &'a mut SinkFanout,
        to_view: Option<SyncSender<ProcessedFrame>>,
    ) -> Result<Self, PipelineError> {
        let clock = SourceClock::start();
        let usual = engines.at(0).map(|engine| engine.model_metadata());
        let road = usual.map_or(&[][..], |metadata| &metadata.road);
        let mut decider = AlertDecider::new(settings.decide.clone(), road)?;
        feed.serve(usual.and_then(|metadata| metadata.camera.as_ref()))?;
        let alert_builders = engines.alert_builders();
        let board = match settings.pace {
            RunPace::Realtime { .. } => {
                host::HostWatch::start(&settings.board).map_err(PipelineError::Board)?
            }
            RunPace::Offline => None,
        };
        let run_id = new_run_id();
        let recorded = feed.is_recording();
        if !recorded {
            // A recording gives the same ids however often it is replayed.
            decider.set_run_id(&run_id);
        }
        let health = CameraHealth::new(&feed, settings.pace, &run_id);
        // From here on: what is started before stays ordinary, the camera's thread does not.
        settings.realtime.enter()?;
        let reader = SourceReader::start(feed, clock, settings.pace, settings.frames)?;
        Ok(Self {
            engines,
            at: 0,
            settings,
            sink,
            to_view,
            board,
            clock,
            steady: clock,
            wall: WallClock::default(),
            run_id,
            recorded,
            first: None,
            reader,
            health,
            decider,
            alert_builders,
            policy: DeadlinePolicy::new(Default::default()),
            ladder: DegradeLadder::new(match &settings.degrade {
                Some(degrade) => degrade.ladder,
                None => NO_LADDER,
            }),
            pending_change: None,
            taken: 0,
            warm: settings.warm_up == 0,
            since: Instant::now(),
            lost_before: 0,
            dropped_before: 0,
            events: Vec::new(),
            summary: RunSummary {
                ledger: new_ledger(settings),
                bad: 0,
                dropped: 0,
                changes: 0,
                not_drawn: 0,
                begun: 0,
                alerts: 0,
                took: Duration::ZERO,
                capture: None,
                first_frame: None,
            },
            last: None,
            first_bad: None,
        })
    }

    fn run(mut self, on_event: &mut dyn FnMut(RunEvent<'_>)) -> Result<RunSummary, PipelineError> {
        self.publish_safe_mode(AlertEvent::Degraded)?;
        loop {
            let asked = Instant::now();
            let Some((frame, captured)) = self.next_frame(on_event)? else {
                break;
            };
            if self.engines.absence().is_some() {
                self.finish_unscored(frame, captured, on_event);
                continue;
            }
            let waited = asked.elapsed();
            let Some(admission) = self.admit(captured) else {
                on_event(RunEvent::Frame);
                continue;
            };
            let admitted = self.clock.now();
            match frame.and_then(|frame| self.score(frame, captured)) {
                Ok(seen) => {
                    // Nothing can be read ahead of the first frame: its wait says nothing.
                    if self.last.is_some() {
                        self.summary.ledger.add(FrameStage::Wait, waited);
                    }
                    let queued = admitted.since(captured);
                    self.summary.ledger.add(FrameStage::Queue, queued);
                    let engine = seen.times.engine;
                    self.decide(seen)?;
                    let work = self.clock.now().since(admitted);
                    self.summary.first_frame.get_or_insert(work);
                    self.summary.ledger.finish_work(work, engine);
                    self.learn(admission, admitted)?;
                    on_event(RunEvent::Frame);
                }
                Err(bad) => {
                    on_event(RunEvent::Bad(&bad));
                    self.summary.bad += 1;
                    self.sink.metrics().count_invalid();
                    self.first_bad.get_or_insert(bad);
                }
            }
        }
        self.publish_safe_mode(AlertEvent::End)?;
        if let Some(token) = self.last.take() {
            let mut ended = std::mem::take(&mut self.events);
            self.decider.finish(&mut ended);
            self.emit(&mut ended, &token)?;
        } else if let Some(error) = self.reader.failure() {
            return Err(error.into());
        } else if let Some(first) = self.first_bad.take() {
            return Err(PipelineError::NothingUsed {
                frames: self.summary.bad,
                first,
            });
        }
        let lost = self.reader.dropped();
        let ledger = &mut self.summary.ledger;
        ledger.count_dropped(
            DropReason::Superseded,
            lost.saturating_sub(self.lost_before),
        );
        self.summary.dropped = ledger.all_dropped() + self.lost_before + self.dropped_before;
        self.summary.took = self.since.elapsed();
        self.summary.capture = self.reader.capture().map(|capture| capture.report());
        Ok(self.summary)
    }

    /// Who writes alerts now.
    fn alert_builder(&self) -> &AlertBuilder {
        // Steps that name an engine that is not there get the usual one, here and there.
        self.alert_builders
            .get(self.at)
            .unwrap_or(&self.alert_builders[0])
    }

    /// Engine and score.
    fn score(
        &mut self,
        frame: SourceFrame,
        captured: MonotonicTime,
    ) -> Result<ScoredInput, BadFrame> {
        let SourceFrame {
            number,
            name,
            picture,
            bytes,
            truth,
            read,
            stamp,
            drops: _,
        } = frame;
        let bad = |reason: String| BadFrame {
            number,
            name: match &name {
                Some(name) => name.to_string(),
                None => format!("frame {number} of {}", self.settings.source),
            },
            reason,
        };
        let step = self.step();
        let refine = self.settings.refine && step.is_none_or(|step| step.refine);
        let at = step.map_or(0, |step| step.engine);
        if std::mem::replace(&mut self.at, at) != at {
            let usual = (
                self.settings.decide.threshold,
                self.settings.decide.low_threshold,
            );
            let (high, low) = step.and_then(|step| step.thresholds).unwrap_or(usual);
            self.decider.set_thresholds(high, low);
        }
        let Some(engine) = self.engines.at(at) else {
            return Err(bad("there is no engine to score it".into()));
        };
        let takes = engine.model_metadata().camera.map(|camera| camera.format);
        let scored = match &bytes {
            Some(bytes) if takes == Some(*bytes.format()) => engine.score_bytes(bytes, refine),
            // A step of the ladder may name a model that takes other bytes, or none.
            Some(bytes) => engine.score_at_mask_size(&bytes.picture().map_err(bad)?, refine),
            None => engine.score_at_mask_size(&picture, refine),
        }
        .map_err(|error| bad(error.to_string()))?;
        let times = engine.times();
        let size = bytes.as_ref().map_or(picture.size(), |bytes| bytes.size());
        // Only who looks at frames costs a copy. The driver has its buffer again from here on.
        let picture = match bytes {
            Some(bytes) if self.to_view.is_some() => bytes.picture().map_err(bad)?,
            _ => picture,
        };
        let ledger = &mut self.summary.ledger;
        ledger.add(FrameStage::Read, read);
        ledger.add(FrameStage::Prepare, times.prepare);
        ledger.add(FrameStage::Engine, times.engine);
        ledger.add(FrameStage::Score, times.score);
        let token = FrameMetadata {
            frame: number,
            captured,
            age_known: stamp.captured.is_known(),
            captured_unix_ns: stamp
                .unix_ns
                .map_or_else(|| self.clock.unix_ns(captured), i128::from),
            budget_ns: u64::try_from(self.settings.budget.as_nanos()).unwrap_or(u64::MAX),
            source: self.settings.source.clone(),
            name,
        };
        let steady_ns = match recorded_time(&stamp, self.recorded) {
            Some((unix_ns, at)) => {
                let (first_ns, first_at) = *self.first.get_or_insert((unix_ns, at));
                first_ns + at.as_nanos() as i128 - first_at.as_nanos() as i128
            }
            None => self.steady.unix_ns(captured),
        };
        Ok(ScoredInput {
            token,
            steady_ns,
            size,
            picture,
            truth,
            scored,
            times,
        })
    }

    /// Decision, alerts, view.
    fn decide(&mut self, seen: ScoredInput) -> Result<(), PipelineError> {
        let ScoredInput {
            token,
            steady_ns,
            size,
            picture,
            truth,
            scored,
            times,
        } = seen;
        let start = Instant::now();
        let mut events = std::mem::take(&mut self.events);
        self.decider.step(&scored, size, steady_ns, &mut events);
        let decided = Instant::now();
        let alerts = self.emit(&mut events, &token)?;
        self.events = events;
        let emitted = Instant::now();
        let age = self.clock.now().since(token.captured);
        let age_known = token.age_known;
        self.last = Some(token.clone());
        let processed = ProcessedFrame {
            frame: Frame {
                metadata: token,
                picture,
            },
            truth,
            scored,
            alerts,
            times,
            age,
        };
        self.observe(processed)?;
        let ledger = &mut self.summary.ledger;
        ledger.add(FrameStage::Decide, decided - start);
        ledger.add(FrameStage::Emit, emitted - decided);
        ledger.add(FrameStage::View, emitted.elapsed());
        let gauges = self.sink.metrics();
        if age_known {
            ledger.finish_frame(age);
            gauges.finish_frame(age, age <= self.settings.budget);
        } else {
            ledger.finish_frame_of_unknown_age();
            gauges.finish_frame_of_unknown_age();
        }
        gauges.set_superseded(self.reader.dropped());
        Ok(())
    }

    fn emit(
        &mut self,
        events: &mut Vec<(AlertEvent, TrackSnapshot)>,
        token: &FrameMetadata,
    ) -> Result<Vec<Alert>, PipelineError> {
        let mut alerts = Vec::with_capacity(events.len());
        for (event, track) in events.drain(..) {
            let now = self.clock.now();
            let alert = self.alert_builder().track_alert(event, &track, token, now);
            self.publish(&alert)?;
            self.summary.begun += u64::from(event == AlertEvent::Begin);
            alerts.push(alert);
        }
        Ok(alerts)
    }

    fn observe(&mut self, processed: ProcessedFrame) -> Result<(), PipelineError> {
        let Some(to_view) = &self.to_view else {
            return Ok(());
        };
        let gone = || PipelineError::View("the view is gone".into());
        match self.settings.pace {
            RunPace::Offline => to_view.send(processed).map_err(|_| gone()),
            RunPace::Realtime { .. } => match to_view.try_send(processed) {
                Ok(()) => Ok(()),
                Err(TrySendError::Full(_)) => {
                    self.summary.not_drawn += 1;
                    Ok(())
                }
                Err(TrySendError::Disconnected(_)) => Err(gone()),
            },
        }
    }
}

/// Wall clock and place in its recording of a frame that has both.
fn recorded_time(stamp: &FrameTimestamp, recorded: bool) -> Option<(i128, Duration)> {
    let unix_ns = stamp.unix_ns.filter(|_| recorded)?;
    Some((i128::from(unix_ns), stamp.at))
}

/// A frame between score and decision.
struct ScoredInput {
    token: FrameMetadata,
    /// When it was captured, by a wall clock that nobody sets, ns since the Unix epoch.
    steady_ns: i128,
    /// Of the frame, px.
    size: Size,
    picture: Picture,
    truth: Option<GroundTruth>,
    scored: ScoredFrame,
    times: EngineTimes,
}

#[cfg(test)]
mod tests;
