//! Interfaces that the application implements and the library calls: logger, error recorder,
//! progress monitor, profiler. Each is a C++ object, so each begins with a virtual table of ours.
//!
//! A panic must not cross into C++. Every entry catches it; what happens then is said at each.

use super::methods::Abi;
use super::object::text;
use std::any::Any;
use std::ffi::{CStr, CString, c_char, c_void};
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, Weak};

/// What an object answers about itself, returned in registers.
#[repr(C)]
struct InterfaceInfo {
    kind: *const c_char,
    major: i32,
    minor: i32,
}

/// A table of function addresses.
#[repr(transparent)]
struct Table<const N: usize>([*const c_void; N]);

// SAFETY: a table holds addresses of functions and is never written.
unsafe impl<const N: usize> Sync for Table<N> {}

/// `APILanguage::kCPP`.
extern "C" fn api_language(_: *const c_void) -> i32 {
    0
}

/// Destructors: the objects are Rust's, so the library's wish to destroy one changes nothing.
extern "C" fn destroy(_: *mut c_void) {}

macro_rules! interface_info {
    ($function:ident, $kind:literal) => {
        extern "C" fn $function(_: *const c_void) -> InterfaceInfo {
            InterfaceInfo {
                kind: $kind.as_ptr(),
                major: 1,
                minor: 0,
            }
        }
    };
}

interface_info!(logger_info, c"ILogger");
interface_info!(recorder_info, c"IErrorRecorder");
interface_info!(monitor_info, c"IProgressMonitor");
interface_info!(profiler_info, c"IProfiler");

/// Receives severity and text.
pub(crate) type LogSink = dyn Fn(i32, &str) + Send + Sync;

/// Passes a message to `sink`. One that panics loses its message, never the process.
fn write(sink: &LogSink, severity: i32, message: &str) {
    let _ = catch_unwind(AssertUnwindSafe(|| sink(severity, message)));
}

/// `ILogger`. There is one for each library of the process, for as long as the process lives:
/// TensorRT keeps the first that it gets and ignores others, with a warning, while any object
/// lives that was made with it.
#[repr(C)]
pub(crate) struct Logger {
    table: *const c_void,
    sinks: Mutex<Vec<Weak<LogSink>>>,
}

// SAFETY: `table` is the address of a constant; all else is `Send + Sync`.
unsafe impl Send for Logger {}
// SAFETY: as above.
unsafe impl Sync for Logger {}

static LOGGER_V10: Table<3> = Table([
    logger_log as *const c_void,
    destroy as *const c_void,
    destroy as *const c_void,
]);
static LOGGER_V11: Table<5> = Table([
    api_language as *const c_void,
    logger_info as *const c_void,
    destroy as *const c_void,
    destroy as *const c_void,
    logger_log as *const c_void,
]);

/// The loggers, by the address of a function of their library.
static LOGGERS: Mutex<Vec<(usize, &'static Logger)>> = Mutex::new(Vec::new());

impl Logger {
    /// The logger of the library that `function` belongs to, which `sink` listens to from now on,
    /// until it is dropped.
    pub(crate) fn of_library(function: usize, abi: Abi, sink: &Arc<LogSink>) -> &'static Self {
        let mut loggers = lock(&LOGGERS);
        let known = loggers.iter().find(|(address, _)| *address == function);
        let logger = known.map(|(_, logger)| *logger).unwrap_or_else(|| {
            let table = match abi {
                Abi::V10 => LOGGER_V10.0.as_ptr().cast(),
                Abi::V11 | Abi::Rtx => LOGGER_V11.0.as_ptr().cast(),
            };
            let logger: &'static Self = Box::leak(Box::new(Self {
                table,
                sinks: Mutex::default(),
            }));
            loggers.push((function, logger));
            logger
        });
        let mut sinks = lock(&logger.sinks);
        sinks.retain(|sink| sink.strong_count() > 0);
        sinks.push(Arc::downgrade(sink));
        logger
    }

    pub(crate) fn address(&'static self) -> *mut c_void {
        std::ptr::from_ref(self).cast_mut().cast()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner())
}

extern "C" fn logger_log(this: *const c_void, severity: i32, message: *const c_char) {
    // SAFETY: the library calls this with the address that `Logger::address` gave, and a
    // terminated string.
    let (logger, message) = unsafe { (&*this.cast::<Logger>(), text(message)) };
    // Held by nobody while a sink runs: it may open a library.
    let sinks: Vec<_> = lock(&logger.sinks)
        .iter()
        .filter_map(Weak::upgrade)
        .collect();
    for sink in sinks {
        write(&*sink, severity, &message);
    }
}

/// Errors kept at most; what comes after is only counted.
const MAX_RECORDED_ERRORS: usize = 256;

#[derive(Default)]
struct Recorded {
    /// Boxed, so that descriptions that were handed out stay where they are.
    errors: Vec<(i32, CString)>,
    overflowed: bool,
}

/// `IErrorRecorder`. With one set, TensorRT no longer logs errors: this one passes them on.
#[repr(C)]
pub(crate) struct Recorder {
    table: *const c_void,
    recorded: Mutex<Recorded>,
    references: AtomicI32,
    sink: Arc<LogSink>,
}

// SAFETY: `table` is the address of a constant; all else is `Send + Sync`.
unsafe impl Send for Recorder {}
// SAFETY: as above.
unsafe impl Sync for Recorder {}

static RECORDER: Table<12> = Table([
    api_language as *const c_void,
    recorder_info as *const c_void,
    destroy as *const c_void,
    destroy as *const c_void,
    recorder_count as *const c_void,
    recorder_code as *const c_void,
    recorder_description as *const c_void,
    recorder_overflowed as *const c_void,
    recorder_clear as *const c_void,
    recorder_report as *const c_void,
    recorder_retain as *const c_void,
    recorder_release as *const c_void,
]);

impl Recorder {
    pub(crate) fn new(sink: Arc<LogSink>) -> Box<Self> {
        Box::new(Self {
            table: RECORDER.0.as_ptr().cast(),
            recorded: Mutex::default(),
            references: AtomicI32::new(0),
            sink,
        })
    }

    pub(crate) fn address(&self) -> *mut c_void {
        std::ptr::from_ref(self).cast_mut().cast()
    }

    fn recorded(&self) -> MutexGuard<'_, Recorded> {
        lock(&self.recorded)
    }

    /// Takes all errors since the last call, oldest first.
    pub(crate) fn take(&self) -> Vec<(i32, String)> {
        let recorded = std::mem::take(&mut *self.recorded());
        let errors = recorded.errors.into_iter();
        errors
            .map(|(code, description)| (code, description.to_string_lossy().into()))
            .collect()
    }
}

/// # Safety
/// `this` is the address of a live [`Recorder`].
unsafe fn recorder<'a>(this: *const c_void) -> &'a Recorder {
    // SAFETY: the caller promises it.
    unsafe { &*this.cast::<Recorder>() }
}

extern "C" fn recorder_count(this: *const c_void) -> i32 {
    // SAFETY: called by the library with the address of a recorder that outlives its user.
    let recorder = unsafe { recorder(this) };
    i32::try_from(recorder.recorded().errors.len()).unwrap_or(i32::MAX)
}

extern "C" fn recorder_code(this: *const c_void, index: i32) -> i32 {
    // SAFETY: as in `recorder_count`.
    let recorder = unsafe { recorder(this) };
    let recorded = recorder.recorded();
    let error = usize::try_from(index)
        .ok()
        .and_then(|index| recorded.errors.get(index));
    error.map_or(0, |(code, _)| *code)
}

extern "C" fn recorder_description(this: *const c_void, index: i32) -> *const c_char {
    // SAFETY: as in `recorder_count`.
    let recorder = unsafe { recorder(this) };
    let recorded = recorder.recorded();
    let error = usize::try_from(index)
        .ok()
        .and_then(|index| recorded.errors.get(index));
    error.map_or(c"".as_ptr(), |(_, description)| description.as_ptr())
}

extern "C" fn recorder_overflowed(this: *const c_void) -> bool {
    // SAFETY: as in `recorder_count`.
    unsafe { recorder(this) }.recorded().overflowed
}

extern "C" fn recorder_clear(this: *mut c_void) {
    // SAFETY: as in `recorder_count`.
    *unsafe { recorder(this) }.recorded() = Recorded::default();
}

extern "C" fn recorder_report(this: *mut c_void, code: i32, description: *const c_char) -> bool {
    // SAFETY: as in `recorder_count`; the description is a terminated string or null.
    let (recorder, description) = unsafe {
        let description = match description.is_null() {
            true => c"".to_owned(),
            false => CStr::from_ptr(description).to_owned(),
        };
        (recorder(this), description)
    };
    const ERROR: i32 = 1;
    write(&*recorder.sink, ERROR, &description.to_string_lossy());
    let mut recorded = recorder.recorded();
    if recorded.errors.len() < MAX_RECORDED_ERRORS {
        recorded.errors.push((code, description));
    } else {
        recorded.overflowed = true;
    }
    true
}

extern "C" fn recorder_retain(this: *mut c_void) -> i32 {
    // SAFETY: as in `recorder_count`.
    unsafe { recorder(this) }
        .references
        .fetch_add(1, Ordering::Relaxed)
        + 1
}

extern "C" fn recorder_release(this: *mut c_void) -> i32 {
    // SAFETY: as in `recorder_count`.
    unsafe { recorder(this) }
        .references
        .fetch_sub(1, Ordering::Relaxed)
        - 1
}

/// What the library reports while it builds.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Progress<'a> {
    Started {
        phase: &'a str,
        parent: Option<&'a str>,
        steps: i32,
    },
    Step {
        phase: &'a str,
        step: i32,
    },
    Finished {
        phase: &'a str,
    },
}

/// Receives progress; `Break` cancels the build.
pub(crate) type ProgressSink = Box<dyn FnMut(Progress<'_>) -> ControlFlow<()> + Send>;

struct Watching {
    sink: ProgressSink,
    panic: Option<Box<dyn Any + Send>>,
}

/// `IProgressMonitor`. The library calls it from several threads.
#[repr(C)]
pub(crate) struct Monitor {
    table: *const c_void,
    watching: Mutex<Watching>,
    canceled: AtomicBool,
}

static MONITOR: Table<7> = Table([
    api_language as *const c_void,
    monitor_info as *const c_void,
    destroy as *const c_void,
    destroy as *const c_void,
    monitor_started as *const c_void,
    monitor_step as *const c_void,
    monitor_finished as *const c_void,
]);

impl Monitor {
    pub(crate) fn new(sink: ProgressSink) -> Box<Self> {
        Box::new(Self {
            table: MONITOR.0.as_ptr().cast(),
            watching: Mutex::new(Watching { sink, panic: None }),
            canceled: AtomicBool::new(false),
        })
    }

    pub(crate) fn address(&self) -> *mut c_void {
        std::ptr::from_ref(self).cast_mut().cast()
    }

    /// Whether the sink asked to end the build.
    pub(crate) fn was_canceled(&self) -> bool {
        self.canceled.load(Ordering::Acquire)
    }

    /// What the sink panicked with. It is raised again once the library's frames are gone.
    pub(crate) fn take_panic(&self) -> Option<Box<dyn Any + Send>> {
        lock(&self.watching).panic.take()
    }

    /// Passes `progress` on; a sink that panicked or asked for the end is not asked again.
    fn report(&self, progress: Progress<'_>) {
        let mut watching = lock(&self.watching);
        if self.was_canceled() {
            return;
        }
        match catch_unwind(AssertUnwindSafe(|| (watching.sink)(progress))) {
            Ok(ControlFlow::Continue(())) => {}
            Ok(ControlFlow::Break(())) => self.canceled.store(true, Ordering::Release),
            Err(panic) => {
                watching.panic = Some(panic);
                self.canceled.store(true, Ordering::Release);
            }
        }
    }
}

/// # Safety
/// `this` is the address of a live [`Monitor`].
unsafe fn monitor<'a>(this: *const c_void) -> &'a Monitor {
    // SAFETY: the caller promises it.
    unsafe { &*this.cast::<Monitor>() }
}

extern "C" fn monitor_started(
    this: *mut c_void,
    phase: *const c_char,
    parent: *const c_char,
    steps: i32,
) {
    // SAFETY: called by the library with the address of a monitor that outlives the build, and
    // strings that are terminated or null.
    let (monitor, phase, parent_name) = unsafe { (monitor(this), text(phase), text(parent)) };
    let parent = (!parent.is_null()).then_some(parent_name.as_str());
    monitor.report(Progress::Started {
        phase: &phase,
        parent,
        steps,
    });
}

extern "C" fn monitor_step(this: *mut c_void, phase: *const c_char, step: i32) -> bool {
    // SAFETY: as in `monitor_started`.
    let (monitor, phase) = unsafe { (monitor(this), text(phase)) };
    monitor.report(Progress::Step {
        phase: &phase,
        step,
    });
    !monitor.was_canceled()
}

extern "C" fn monitor_finished(this: *mut c_void, phase: *const c_char) {
    // SAFETY: as in `monitor_started`.
    let (monitor, phase) = unsafe { (monitor(this), text(phase)) };
    monitor.report(Progress::Finished { phase: &phase });
}

/// Receives a layer's name and its time in milliseconds.
pub(crate) type ProfileSink = Box<dyn FnMut(&str, f32) + Send>;

/// `IProfiler`.
#[repr(C)]
pub(crate) struct Profiler {
    table: *const c_void,
    sink: Mutex<ProfileSink>,
}

// SAFETY: `table` is the address of a constant; `sink` is `Send` behind a mutex.
unsafe impl Send for Profiler {}

static PROFILER_V10: Table<3> = Table([
    profiler_report as *const c_void,
    destroy as *const c_void,
    destroy as *const c_void,
]);
static PROFILER_V11: Table<5> = Table([
    api_language as *const c_void,
    profiler_info as *const c_void,
    destroy as *const c_void,
    destroy as *const c_void,
    profiler_report as *const c_void,
]);

impl Profiler {
    pub(crate) fn new(abi: Abi, sink: ProfileSink) -> Box<Self> {
        let table = match abi {
            Abi::V10 => PROFILER_V10.0.as_ptr().cast(),
            Abi::V11 | Abi::Rtx => PROFILER_V11.0.as_ptr().cast(),
        };
        Box::new(Self {
            table,
            sink: Mutex::new(sink),
        })
    }

    pub(crate) fn address(&self) -> *mut c_void {
        std::ptr::from_ref(self).cast_mut().cast()
    }
}

extern "C" fn profiler_report(this: *mut c_void, layer: *const c_char, time_ms: f32) {
    // SAFETY: called by the library with the address of a profiler that outlives its context, and
    // a terminated string.
    let (profiler, layer) = unsafe { (&*this.cast::<Profiler>(), text(layer)) };
    let mut sink = lock(&profiler.sink);
    // A sink that panics loses this layer's time, never the process.
    let _ = catch_unwind(AssertUnwindSafe(|| sink(&layer, time_ms)));
}
