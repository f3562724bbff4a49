//! The order of the rooms: the one file that knows it.
//!
//! ```text
//! camera ─► engine ─► score ─► alert ─► sink
//!  (own thread)                  └────► view (own thread)
//! ```
//! A frame goes through one after the other; nothing downstream calls up. Reading and drawing run
//! beside, so that the engine gets the next picture at once.

use crate::alert::{
    Alert, Author, DecideError, Decider, EngineId, Event, Settings as Decide, Track,
};
use crate::budget::{Ledger, Stage};
use crate::camera::{BadFrame, Camera, CameraError, Clock, Pace, Reader, Shot, Truth};
use crate::engine::{Engine, Times};
use crate::frame::{Frame, Moment, Picture, Token};
use crate::health::blind;
use crate::score::Scored;
use crate::sink::{JsonLines, SinkError};
use sight::Sight;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::time::{Duration, Instant};

/// Frames that wait to be drawn. In real time a frame that finds no place is not drawn, counted;
/// else the pipeline waits, so that no picture is missing.
const VIEW_QUEUE: usize = 4;

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
    /// Frames that a newer one overtook (in real time only).
    pub dropped: u64,
    /// Frames that were not drawn for want of time (in real time only).
    pub not_drawn: u64,
    /// Things told of.
    pub begun: u64,
    /// Lines written.
    pub alerts: u64,
    /// From the first frame taken to the end.
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
    sink: &mut JsonLines,
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
    sink: &'a mut JsonLines,
    to_view: Option<SyncSender<Looked>>,
    clock: Clock,
    reader: Reader,
    sight: Sight,
    decider: Decider,
    author: Author,
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
        sink: &'a mut JsonLines,
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
        let idle_waits = matches!(settings.pace, Pace::Realtime { .. });
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
            events: Vec::new(),
            summary: Summary {
                ledger: Ledger::new(settings.budget, idle_waits),
                bad: 0,
                dropped: 0,
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
        let start = Instant::now();
        loop {
            let asked = Instant::now();
            let Some((shot, captured)) = self.next_frame(note)? else {
                break;
            };
            let waited = asked.elapsed();
            match shot.and_then(|shot| self.look(shot, captured)) {
                Ok(seen) => {
                    // Nothing can be read ahead of the first frame: its wait says nothing.
                    if self.last.is_some() {
                        self.summary.ledger.add(Stage::Wait, waited);
                    }
                    self.tell(seen)?;
                    note(Noted::Frame);
                }
                Err(bad) => {
                    note(Noted::Bad(&bad));
                    self.summary.bad += 1;
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
        self.summary.dropped = self.reader.dropped();
        self.summary.took = start.elapsed();
        Ok(self.summary)
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
        let scored = self
            .engine
            .score_at_mask_size(&picture, self.settings.refine)
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
