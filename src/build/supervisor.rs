//! Starts the build process, follows it, and ends it.

use super::{BuildCommandError, BuiltPlan, WorkerEvent, WorkerJob};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

/// How often the request to stop is looked for.
const STOP_CHECK: Duration = Duration::from_millis(50);

/// What a build process came to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BuildOutcome {
    /// Product and version of the library.
    pub library: String,
    /// Layers of the library's network.
    pub network_layers: usize,
    /// The plan, where one was built.
    pub built: Option<BuiltPlan>,
    /// What the library warned of.
    pub warnings: Vec<String>,
}

/// Runs `job` in `command`, a process that calls [`super::worker::run`] with its standard streams.
/// `on_event` gets every event as it comes. Once `stop` is set the process is killed.
///
/// # Errors
/// The job failed, the process died, or it was stopped.
pub fn supervise(
    mut command: Command,
    job: &WorkerJob,
    stop: &AtomicBool,
    on_event: &mut dyn FnMut(&WorkerEvent),
) -> Result<BuildOutcome, BuildCommandError> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(BuildCommandError::Process)?;
    let result = follow(&mut child, job, stop, on_event);
    if result.is_err() {
        // It may have ended by itself.
        let _ = child.kill();
    }
    let status = child.wait().map_err(BuildCommandError::Process)?;
    match result? {
        Some(outcome) if status.success() => Ok(outcome),
        _ => Err(died(status)),
    }
}

/// Events until the process closes its pipe; `None` where the last one was no answer.
fn follow(
    child: &mut Child,
    job: &WorkerJob,
    stop: &AtomicBool,
    on_event: &mut dyn FnMut(&WorkerEvent),
) -> Result<Option<BuildOutcome>, BuildCommandError> {
    let text = serde_json::to_string(job).map_err(std::io::Error::other);
    let text = text.map_err(BuildCommandError::Process)?;
    if let Some(mut input) = child.stdin.take() {
        // One that died at once is reported by its status.
        let _ = writeln!(input, "{text}");
    }
    let Some(output) = child.stdout.take() else {
        return Ok(None);
    };
    let (to_us, events) = channel();
    std::thread::Builder::new()
        .name("build events".into())
        .spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                // The libraries print now and then: what is no event is theirs.
                if let Ok(event) = serde_json::from_str::<WorkerEvent>(&line)
                    && to_us.send(event).is_err()
                {
                    return;
                }
            }
        })
        .map_err(BuildCommandError::Process)?;
    let mut outcome = BuildOutcome::default();
    let mut is_done = false;
    loop {
        if stop.load(Relaxed) {
            return Err(BuildCommandError::Stopped);
        }
        let event = match events.recv_timeout(STOP_CHECK) {
            Ok(event) => event,
            Err(RecvTimeoutError::Timeout) => continue,
            Err(RecvTimeoutError::Disconnected) => break,
        };
        on_event(&event);
        match event {
            WorkerEvent::Library { name } => outcome.library = name,
            WorkerEvent::Parsed { layers } => {
                outcome.network_layers = layers;
                is_done = job.parse_only;
            }
            WorkerEvent::Phase { .. } => {}
            WorkerEvent::Warning { text } => outcome.warnings.push(text),
            WorkerEvent::Built(built) => {
                outcome.built = Some(built);
                is_done = true;
            }
            WorkerEvent::Failed { reason } => return Err(BuildCommandError::Refused(reason)),
        }
    }
    Ok(is_done.then_some(outcome))
}

fn died(status: ExitStatus) -> BuildCommandError {
    const KILL: i32 = 9;
    const ABORT: i32 = 6;
    const SEGV: i32 = 11;
    let hint = match status.signal() {
        Some(KILL) => ": killed, most often for want of memory; close other programs or add swap",
        Some(ABORT | SEGV) => {
            ": the library crashed; with process_memory_mib in the recipe, raise it"
        }
        _ => "",
    };
    BuildCommandError::Died {
        status: status.to_string(),
        hint,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build::BuildRecipe;
    use std::sync::Arc;
    use std::time::Instant;

    fn job(parse_only: bool) -> WorkerJob {
        WorkerJob {
            recipe: BuildRecipe {
                model: "m.onnx".into(),
                optimization_level: 3,
                workspace_mib: None,
                process_memory_mib: None,
                dla_core: None,
                compute_capabilities: Vec::new(),
            },
            model: "m.onnx".into(),
            library_folder: None,
            plan_file: None,
            timing_cache: None,
            parse_only,
            describe_layers: false,
        }
    }

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.arg("-c").arg(script);
        command
    }

    fn run(script: &str, parse_only: bool) -> Result<BuildOutcome, BuildCommandError> {
        supervise(
            shell(script),
            &job(parse_only),
            &AtomicBool::new(false),
            &mut |_| {},
        )
    }

    #[test]
    fn events_are_followed_and_the_libraries_own_lines_left_out() {
        let script = r#"echo '{"event":"library","name":"TensorRT 10.3.0"}'; echo 'hello';
            echo '{"event":"warning","text":"w"}'; echo '{"event":"parsed","layers":7}'"#;
        let outcome = run(script, true).unwrap();
        assert_eq!(outcome.library, "TensorRT 10.3.0");
        assert_eq!((outcome.network_layers, outcome.warnings.len()), (7, 1));
        // A parsed model is not a built one.
        assert!(matches!(
            run(script, false).unwrap_err(),
            BuildCommandError::Died { .. }
        ));
    }

    #[test]
    fn death_of_the_process_is_reported_with_its_usual_cause() {
        for (script, words) in [
            ("kill -9 $$", "want of memory"),
            ("kill -6 $$", "crashed"),
            ("exit 3", "exit status: 3"),
        ] {
            let text = run(script, true).unwrap_err().to_string();
            assert!(text.contains(words), "{text}");
        }
        let failed = r#"echo '{"event":"failed","reason":"no parser"}'"#;
        assert_eq!(run(failed, true).unwrap_err().to_string(), "no parser");
    }

    #[test]
    fn stop_ends_a_build_within_a_second() {
        let stop = Arc::new(AtomicBool::new(false));
        let asking = stop.clone();
        let start = Instant::now();
        std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(100));
            asking.store(true, Relaxed);
        });
        let error = supervise(shell("exec sleep 60"), &job(false), &stop, &mut |_| {});
        assert!(matches!(error.unwrap_err(), BuildCommandError::Stopped));
        assert!(start.elapsed() < Duration::from_secs(30));
    }
}
