//! The order of the rooms: the one file that knows it.
//!
//! ```text
//! camera ─► engine ─► score ─► alert ─► sink
//!  (own thread)                  └────► view (own thread)
//! ```
//! A frame goes through one after the other; nothing downstream calls up. Reading and drawing run
//! beside, so that the engine gets the next picture at once.

use crate::alert::{
    Alert, Author, DecideError, Decider, EngineId, Event, Settings as Decide, Severity, Track,
};
use crate::budget::ladder::{self, Change, Ladder};
use crate::budget::policy::{Admission, Policy};
use crate::budget::{Cause, Ledger, Stage};
use crate::camera::{BadFrame, Camera, CameraError, Clock, Pace, Reader, Shot, Truth};
use crate::engine::{Engine, Times};
use crate::frame::{Frame, Moment, Picture, Token};
use crate::health::blind;
use crate::score::Scored;
use crate::sink::{SinkError, Sinks};
use sight::Sight;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::time::{Duration, Instant};

/// Frames that wait to be drawn. In real time a frame that finds no place is not drawn, counted;
/// else the pipeline waits, so that no picture is missing.
const VIEW_QUEUE: usize = 4;

/// A ladder that never moves.
const NO_LADDER: ladder::Settings = ladder::Settings {
    steps: 0,
    window: 1,
    down_above: 1.0,
    up_below: 0.0,
    calm_windows: 1,
};

/// How a run is to go.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The source, as the user wrote it: alerts carry it.
    pub source: Arc<str>,
    /// Frames to take; all, where `None`.
    pub frames: Option<u64>,
    /// When frames come.
    pub pace: Pace,
    /// How old an alert may be.
    pub budget: Duration,
    /// Whether mask refinement is applied.
    pub refine: bool,
    /// What is told.
    pub decide: Decide,
    /// Frames at the start that are watched and told of, but not entered into the ledger.
    pub warm_up: u64,
    /// What to do less of when frames miss their deadline, in real time.
    pub degrade: Option<Degrade>,
}

/// The degrade ladder of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Degrade {
    /// When it moves; its number of steps is that of `steps`.
    pub ladder: ladder::Settings,
    /// What each step below the top does.
    pub steps: Vec<Step>,
}

/// A step of the degrade ladder.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// What it is called in alerts.
    pub name: String,
    /// Whether mask refinement stays.
    pub refine: bool,
    /// Of so many frames one is served.
    pub every: u64,
}

/// Why a run ended early.
#[derive(Debug, thiserror::Error)]
pub enum PipelineError {
    /// The source failed.
    #[error(transparent)]
    Camera(#[from] CameraError),
    /// An alert could not be written.
    #[error(transparent)]
    Sink(#[from] SinkError),
    /// Settings that make no sense.
    #[error(transparent)]
    Decide(#[from] DecideError),
    /// The view stopped.
    #[error("cannot draw: {0}")]
    View(String),
    /// Not one frame could be used.
    #[error("none of the {frames} frames could be used; the first: {first}")]
    NothingUsed {
        /// Frames tried.
        frames: u64,
        /// What was wrong with the first.
        first: BadFrame,
    },
}

/// A frame at the end of its way, for the view.
#[derive(Debug)]
pub struct Looked {
    /// The frame.
    pub frame: Frame,
    /// What is truly there, where the source knows.
    pub truth: Option<Truth>,
    /// Score and classes on the grid of the network's output.
    pub scored: Scored,
    /// What was told about it.
    pub alerts: Vec<Alert>,
    /// What the engine's parts took.
    pub times: Times,
    /// From capture to the writing of its alerts.
    pub age: Duration,
}

/// What a run came to.
#[derive(Clone, Debug)]
pub struct Summary {
    /// Times and misses.
    pub ledger: Ledger,
    /// Frames that could not be used.
    pub bad: u64,
    /// Frames that did not reach the engine (in real time only), those of the warm-up included.
    pub dropped: u64,
    /// Steps down and up on the degrade ladder.
    pub changes: u64,
    /// Frames that were not drawn for want of time (in real time only).
    pub not_drawn: u64,
    /// Things told of.
    pub begun: u64,
    /// Lines written.
    pub alerts: u64,
    /// From the beginning, or the end of the warm-up, to the end.
    pub took: Duration,
}

impl Summary {
    /// Frames finished a second.
    pub fn frames_per_second(&self) -> f64 {
        let seconds = self.took.as_secs_f64();
        if seconds > 0.0 {
            self.ledger.frames() as f64 / seconds
        } else {
            0.0
        }
    }
}

/// What draws frames; it runs on a thread of its own.
pub type View<'a> = Box<dyn FnMut(Looked) -> Result<(), String> + Send + 'a>;

/// Takes frames from `camera` until it ends, tells alerts to `sink`, and shows every frame to
/// `view`. `note` hears of frames that could not be used; the run goes on after them.
///
/// # Errors
/// The camera's thread, the sink or the view fails; not one frame could be used.
pub fn run(
    engine: &mut Engine,
    camera: Camera,
    settings: &Settings,
    sink: &mut Sinks,
    view: Option<View<'_>>,
    note: &mut dyn FnMut(Noted<'_>),
) -> Result<Summary, PipelineError> {
    let Some(mut view) = view else {
        return Pipeline::start(engine, camera, settings, sink, None)?.run(note);
    };
    std::thread::scope(|scope| {
        let (to_view, frames) = sync_channel::<Looked>(VIEW_QUEUE);
        let drawing = scope.spawn(move || frames.iter().try_for_each(&mut view));
        let ran = Pipeline::start(engine, camera, settings, sink, Some(to_view))
            .and_then(|pipeline| pipeline.run(note));
        match drawing.join() {
            Ok(Ok(())) => ran,
            // What the view says comes first: it is why the run ended.
            Ok(Err(reason)) => Err(PipelineError::View(reason)),
            Err(_) => Err(PipelineError::View("the drawing thread broke down".into())),
        }
    })
}

/// What a run tells while it goes on.
#[derive(Clone, Copy, Debug)]
pub enum Noted<'a> {
    /// A frame was finished.
    Frame,
    /// A frame could not be used.
    Bad(&'a BadFrame),
    /// Nothing is seen any more, or things are seen again.
    Sight(blind::Change),
}

struct Pipeline<'a> {
    engine: &'a mut Engine,
    settings: &'a Settings,
    sink: &'a mut Sinks,
    to_view: Option<SyncSender<Looked>>,
    clock: Clock,
    reader: Reader,
    sight: Sight,
    decider: Decider,
    author: Author,
    policy: Policy,
    ladder: Ladder,
    /// A move on the ladder that was not told yet.
    untold: Option<Change>,
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
    events: Vec<(Event, Track)>,
    summary: Summary,
    /// The last frame's token: the end of the run is told with it.
    last: Option<Token>,
    first_bad: Option<BadFrame>,
}

impl<'a> Pipeline<'a> {
    fn start(
        engine: &'a mut Engine,
        camera: Camera,
        settings: &'a Settings,
        sink: &'a mut Sinks,
        to_view: Option<SyncSender<Looked>>,
    ) -> Result<Self, PipelineError> {
        let clock = Clock::start();
        let facts = engine.facts();
        let decider = Decider::new(settings.decide.clone(), &facts.road)?;
        let author = Author::new(EngineId {
            name: engine.name().into(),
            precision: engine.precision().into(),
            hash: facts.sha256.as_str().into(),
        });
        let sight = Sight::new(&camera, settings.pace, clock.unix_ns(clock.now()));
        let reader = Reader::start(camera, clock, settings.pace, settings.frames)?;
        Ok(Self {
            engine,
            settings,
            sink,
            to_view,
            clock,
            reader,
            sight,
            decider,
            author,
            policy: Policy::new(Default::default()),
            ladder: Ladder::new(match &settings.degrade {
                Some(degrade) => degrade.ladder,
                None => NO_LADDER,
            }),
            untold: None,
            taken: 0,
            warm: settings.warm_up == 0,
            since: Instant::now(),
            lost_before: 0,
            dropped_before: 0,
            events: Vec::new(),
            summary: Summary {
                ledger: new_ledger(settings),
                bad: 0,
                dropped: 0,
                changes: 0,
                not_drawn: 0,
                begun: 0,
                alerts: 0,
                took: Duration::ZERO,
            },
            last: None,
            first_bad: None,
        })
    }

    fn run(mut self, note: &mut dyn FnMut(Noted<'_>)) -> Result<Summary, PipelineError> {
        loop {
            let asked = Instant::now();
            let Some((shot, captured)) = self.next_frame(note)? else {
                break;
            };
            let waited = asked.elapsed();
            let Some(admission) = self.admit(captured) else {
                note(Noted::Frame);
                continue;
            };
            let admitted = self.clock.now();
            match shot.and_then(|shot| self.look(shot, captured)) {
                Ok(seen) => {
                    // Nothing can be read ahead of the first frame: its wait says nothing.
                    if self.last.is_some() {
                        self.summary.ledger.add(Stage::Wait, waited);
                    }
                    let queued = admitted.since(captured);
                    self.summary.ledger.add(Stage::Queue, queued);
                    self.tell(seen)?;
                    self.learn(admission, admitted)?;
                    note(Noted::Frame);
                }
                Err(bad) => {
                    note(Noted::Bad(&bad));
                    self.summary.bad += 1;
                    self.sink.gauges().count_bad();
                    self.first_bad.get_or_insert(bad);
                }
            }
        }
        if let Some(token) = self.last.take() {
            let mut ended = std::mem::take(&mut self.events);
            self.decider.finish(&mut ended);
            self.emit(&mut ended, &token)?;
        } else if let Some(first) = self.first_bad.take() {
            return Err(PipelineError::NothingUsed {
                frames: self.summary.bad,
                first,
            });
        }
        let lost = self.reader.dropped();
        let ledger = &mut self.summary.ledger;
        ledger.drop_frames(Cause::Overtaken, lost.saturating_sub(self.lost_before));
        self.summary.dropped = ledger.all_dropped() + self.lost_before + self.dropped_before;
        self.summary.took = self.since.elapsed();
        Ok(self.summary)
    }

    /// Whether a frame goes on to the engine. Where every frame is waited for, each does.
    fn admit(&mut self, captured: Moment) -> Option<Admission> {
        self.taken += 1;
        if self.settings.pace == Pace::AsTaken {
            return Some(Admission::Serve);
        }
        if let Some(step) = self.step()
            && !self.taken.is_multiple_of(step.every.max(1))
        {
            self.summary.ledger.drop_frames(Cause::LeftOut, 1);
            return None;
        }
        let deadline = captured.after(self.settings.budget);
        match self.policy.admit(self.clock.now(), deadline) {
            Admission::Drop => {
                self.summary.ledger.drop_frames(Cause::TooLate, 1);
                let change = self.ladder.note(true);
                self.moved(change);
                None
            }
            admission => Some(admission),
        }
    }

    /// The step of the ladder the run is on; `None` at the top.
    fn step(&self) -> Option<&'a Step> {
        let settings: &'a Settings = self.settings;
        let degrade = settings.degrade.as_ref()?;
        degrade.steps.get(self.ladder.step().checked_sub(1)?)
    }

    /// After a frame is told: what it took goes into prediction and ladder; the warm-up ends.
    fn learn(&mut self, admission: Admission, admitted: Moment) -> Result<(), PipelineError> {
        let Some(token) = &self.last else {
            return Ok(());
        };
        let (now, deadline) = (self.clock.now(), token.deadline());
        if self.settings.pace != Pace::AsTaken {
            self.policy.finished(admission, admitted, now, deadline);
            let change = self.ladder.note(now > deadline);
            self.moved(change);
        }
        self.tell_change()?;
        if !self.warm && self.summary.ledger.frames() >= self.settings.warm_up {
            self.warm = true;
            self.since = Instant::now();
            self.lost_before = self.reader.dropped();
            self.dropped_before = self.summary.ledger.all_dropped();
            self.summary.ledger = new_ledger(self.settings);
        }
        Ok(())
    }

    /// Notes a move on the ladder; it is told with the next frame that is served.
    fn moved(&mut self, change: Option<Change>) {
        if let Some(Change { from, to }) = change {
            self.summary.changes += 1;
            let from = self.untold.map_or(from, |untold| untold.from);
            self.untold = (from != to).then_some(Change { from, to });
        }
    }

    /// Tells of a move on the ladder.
    fn tell_change(&mut self) -> Result<(), PipelineError> {
        let (Some(Change { to, .. }), Some(degrade), Some(token)) =
            (self.untold.take(), &self.settings.degrade, &self.last)
        else {
            return Ok(());
        };
        let (name, severity) = match to.checked_sub(1).and_then(|i| degrade.steps.get(i)) {
            Some(step) => (step.name.as_str(), Severity::Medium),
            None => ("everything as configured", Severity::Low),
        };
        let detail = format!("step {to} of {}: {name}", degrade.steps.len());
        let started_ms = self.clock.unix_ns(Moment(0)) / 1_000_000;
        let id: Arc<str> = format!("{started_ms:x}-ladder").into();
        let now = self.clock.now();
        let alert = self
            .author
            .write_state(Event::Degraded, &id, detail, severity, token, now);
        self.summary.alerts += 1;
        Ok(self.sink.tell(&alert)?)
    }

    /// Engine and score.
    fn look(&mut self, shot: Shot, captured: Moment) -> Result<Seen, BadFrame> {
        let Shot {
            number,
            name,
            picture,
            truth,
            read,
            stamp,
            drops: _,
        } = shot;
        let refine = self.settings.refine && self.step().is_none_or(|step| step.refine);
        let scored = self
            .engine
            .score_at_mask_size(&picture, refine)
            .map_err(|error| BadFrame {
                number,
                name: match &name {
                    Some(name) => name.to_string(),
                    None => format!("frame {number} of {}", self.settings.source),
                },
                reason: error.to_string(),
            })?;
        let times = self.engine.times();
        let ledger = &mut self.summary.ledger;
        ledger.add(Stage::Read, read);
        ledger.add(Stage::Prepare, times.prepare);
        ledger.add(Stage::Engine, times.engine);
        ledger.add(Stage::Score, times.score);
        let token = Token {
            frame: number,
            captured,
            captured_unix_ns: stamp
                .unix_ns
                .map_or_else(|| self.clock.unix_ns(captured), i128::from),
            budget_ns: u64::try_from(self.settings.budget.as_nanos()).unwrap_or(u64::MAX),
            source: self.settings.source.clone(),
            name,
        };
        Ok(Seen {
            token,
            picture,
            truth,
            scored,
            times,
        })
    }

    /// Decision, alerts, view.
    fn tell(&mut self, seen: Seen) -> Result<(), PipelineError> {
        let Seen {
            token,
            picture,
            truth,
            scored,
            times,
        } = seen;
        let start = Instant::now();
        let mut events = std::mem::take(&mut self.events);
        let size = picture.size();
        self.decider
            .step(&scored, size, token.captured_unix_ns, &mut events);
        let decided = Instant::now();
        let alerts = self.emit(&mut events, &token)?;
        self.events = events;
        let emitted = Instant::now();
        let age = self.clock.now().since(token.captured);
        self.last = Some(token.clone());
        let looked = Looked {
            frame: Frame { token, picture },
            truth,
            scored,
            alerts,
            times,
            age,
        };
        self.show(looked)?;
        let ledger = &mut self.summary.ledger;
        ledger.add(Stage::Decide, decided - start);
        ledger.add(Stage::Emit, emitted - decided);
        ledger.add(Stage::View, emitted.elapsed());
        ledger.finish_frame(age);
        let gauges = self.sink.gauges();
        gauges.finish_frame(age, age <= self.settings.budget);
        gauges.set_dropped(self.reader.dropped());
        Ok(())
    }

    fn emit(
        &mut self,
        events: &mut Vec<(Event, Track)>,
        token: &Token,
    ) -> Result<Vec<Alert>, PipelineError> {
        let mut alerts = Vec::with_capacity(events.len());
        for (event, track) in events.drain(..) {
            let alert = self.author.write(event, &track, token, self.clock.now());
            self.sink.tell(&alert)?;
            self.summary.alerts += 1;
            self.summary.begun += u64::from(event == Event::Begin);
            alerts.push(alert);
        }
        Ok(alerts)
    }

    fn show(&mut self, looked: Looked) -> Result<(), PipelineError> {
        let Some(to_view) = &self.to_view else {
            return Ok(());
        };
        let gone = || PipelineError::View("the view is gone".into());
        match self.settings.pace {
            Pace::AsTaken => to_view.send(looked).map_err(|_| gone()),
            Pace::Realtime { .. } => match to_view.try_send(looked) {
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

fn new_ledger(settings: &Settings) -> Ledger {
    let idle_waits = matches!(settings.pace, Pace::Realtime { .. });
    Ledger::new(settings.budget, idle_waits)
}

/// A frame between score and decision.
struct Seen {
    token: Token,
    picture: Picture,
    truth: Option<Truth>,
    scored: Scored,
    times: Times,
}

mod sight;

#[cfg(test)]
mod tests;
