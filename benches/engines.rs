//! How long a frame takes on the CPU engine, ONNX Runtime and OpenVINO.
//!
//! `cargo bench --bench engines [-- --rounds N] [--write] [MODEL.onnx...]` runs each
//! model (the shipped one, and its INT8 file made here, where none is named) on every engine in
//! turns, with one thread and with two, and prints medians and ratios. ONNX Runtime and OpenVINO
//! run where `UNMASK_PYTHON` names a Python that has them. `--write` writes `docs/engines.md`.

use image::{ColorType, save_buffer};
use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use unmask_drive::{Drive, DriveSettings};
use unmask_engine::{Engine, EngineOptions};
use unmask_frame::{Picture, Size};

/// Runs of one engine before it is the next one's turn.
const RUNS: usize = 5;
const ROUNDS: usize = 9;
const CALIBRATION_FRAMES: u64 = 16;

fn main() -> Result<(), Box<dyn Error>> {
    let mut models = Vec::new();
    let (mut rounds, mut write) = (ROUNDS, false);
    let mut words = std::env::args().skip(1).filter(|word| word != "--bench");
    while let Some(word) = words.next() {
        match word.as_str() {
            "--rounds" => rounds = words.next().ok_or("--rounds N")?.parse()?,
            "--write" => write = true,
            path => models.push(PathBuf::from(path)),
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = tempfile::tempdir()?;
    if models.is_empty() {
        let shipped = root.join("engines/unmask-small.onnx");
        models = vec![shipped.clone(), quantised(&shipped, folder.path())?];
    }
    let mut python = Python::start()?;
    let mut table = String::from(
        "| model | threads | engine | median ms | least ms | against the CPU engine |\n|---|---|---|---|---|---|\n",
    );
    for model in &models {
        for threads in [1, 2] {
            let mut names = vec!["unmask".to_owned()];
            if let Some(python) = &mut python {
                names.extend(python.open(model, threads)?);
            }
            let mut engine = Engine::open(model, EngineOptions { threads })?;
            let picture = scene(engine.model_metadata().input, 40)?;
            let mut times: Vec<Vec<f64>> = vec![Vec::new(); names.len()];
            for round in 0..rounds + 1 {
                for (name, times) in names.iter().zip(&mut times) {
                    let took = match (name.as_str(), &mut python) {
                        ("unmask", _) => ours(&mut engine, &picture)?,
                        (_, Some(python)) => python.run(name)?,
                        _ => Vec::new(),
                    };
                    // The first round warms up.
                    if round > 0 {
                        times.extend(took);
                    }
                }
            }
            let medians: Vec<f64> = times.iter_mut().map(|times| median(times)).collect();
            for ((name, times), median) in names.iter().zip(&times).zip(&medians) {
                let file = model.file_name().unwrap_or_default().to_string_lossy();
                writeln!(
                    table,
                    "| {file} | {threads} | {name} | {median:.1} | {:.1} | {:.2} |",
                    times.first().copied().unwrap_or_default(),
                    median / medians[0]
                )?;
            }
        }
    }
    println!("{table}");
    if write {
        fs::write(root.join("docs/engines.md"), page(&table, rounds))?;
    }
    Ok(())
}

/// Seconds of the network alone, as the engine counts them, in milliseconds.
fn ours(engine: &mut Engine, picture: &Picture) -> Result<Vec<f64>, Box<dyn Error>> {
    let mut took = Vec::with_capacity(RUNS);
    for _ in 0..RUNS {
        engine.infer(picture)?;
        took.push(engine.times().engine.as_secs_f64() * 1e3);
    }
    Ok(took)
}

/// Sorts `times`.
fn median(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or(f64::NAN)
}

fn scene(size: Size, frame: u64) -> Result<Picture, Box<dyn Error>> {
    let drive = Drive::new(DriveSettings {
        size,
        ..DriveSettings::default()
    })?;
    Ok(drive.scene(frame).picture)
}

/// The INT8 file of `model`, from frames of a synthetic drive.
fn quantised(model: &Path, folder: &Path) -> Result<PathBuf, Box<dyn Error>> {
    let frames = folder.join("frames");
    fs::create_dir(&frames)?;
    let size = Size::new(512, 256);
    for i in 0..CALIBRATION_FRAMES {
        let picture = scene(size, i * 37)?;
        let path = frames.join(format!("{i:02}.png"));
        let (w, h) = (size.w as u32, size.h as u32);
        save_buffer(path, picture.rgb(), w, h, ColorType::Rgb8)?;
    }
    let (ranges, made) = (
        folder.join("ranges.toml"),
        folder.join("unmask-small-int8.onnx"),
    );
    let run = |words: &[&std::ffi::OsStr]| -> Result<(), Box<dyn Error>> {
        let done = Command::new(env!("CARGO_BIN_EXE_unmask"))
            .args(words)
            .output()?;
        match done.status.success() {
            true => Ok(()),
            false => Err(String::from_utf8_lossy(&done.stderr).into_owned().into()),
        }
    };
    let (model, frames) = (model.as_os_str(), frames.as_os_str());
    let word = std::ffi::OsStr::new;
    run(&[
        word("calibrate"),
        word("--model"),
        model,
        word("--frames"),
        frames,
        word("--out"),
        ranges.as_os_str(),
    ])?;
    run(&[
        word("quantize"),
        word("--model"),
        model,
        word("--calibration"),
        ranges.as_os_str(),
        word("--rest"),
        word("fp32"),
        word("--out"),
        made.as_os_str(),
    ])?;
    Ok(made)
}

/// Other engines, in a Python of their own.
struct Python {
    child: Child,
    said: BufReader<ChildStdout>,
}

const SCRIPT: &str = r#"
import sys, time, numpy as np
sessions = {}
def answer(*words): print(*words, flush=True)
for line in sys.stdin:
    word, *rest = line.rstrip("\n").split("\t")
    if word == "open":
        path, threads = rest[0], int(rest[1])
        sessions.clear()
        x = np.random.default_rng(0).normal(size=(1, 3, 256, 512)).astype(np.float32)
        try:
            import onnxruntime
            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = threads
            s = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
            i = s.get_inputs()[0]
            if list(i.shape) != list(x.shape): x = np.resize(x, i.shape)
            sessions["onnxruntime " + onnxruntime.__version__] = lambda s=s, n=i.name: s.run(None, {n: x})
        except ImportError:
            pass
        try:
            import openvino
            c = openvino.compile_model(path, "CPU", {
                "INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": "f32",
                "PERFORMANCE_HINT": "LATENCY"})
            r = c.create_infer_request()
            name = "openvino " + openvino.__version__.split("-")[0]
            sessions[name] = lambda r=r: r.infer([x])
        except ImportError:
            pass
        answer("\t".join(sessions))
    else:
        took = []
        for _ in range(int(rest[1])):
            start = time.perf_counter()
            sessions[rest[0]]()
            took.append((time.perf_counter() - start) * 1e3)
        answer(*took)
"#;

impl Python {
    fn start() -> Result<Option<Self>, Box<dyn Error>> {
        let Some(python) = std::env::var_os("UNMASK_PYTHON") else {
            println!("UNMASK_PYTHON is not set: the CPU engine alone");
            return Ok(None);
        };
        let mut child = Command::new(python)
            .args(["-c", SCRIPT])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let said = BufReader::new(child.stdout.take().ok_or("no answer")?);
        Ok(Some(Self { child, said }))
    }

    fn ask(&mut self, line: &str) -> Result<String, Box<dyn Error>> {
        let stdin = self.child.stdin.as_mut().ok_or("no ear")?;
        writeln!(stdin, "{line}")?;
        stdin.flush()?;
        let mut said = String::new();
        self.said.read_line(&mut said)?;
        Ok(said.trim_end().to_owned())
    }

    /// Names of the engines that take `model`.
    fn open(&mut self, model: &Path, threads: usize) -> Result<Vec<String>, Box<dyn Error>> {
        let said = self.ask(&format!("open\t{}\t{threads}", model.display()))?;
        let names = said.split('\t').filter(|name| !name.is_empty());
        Ok(names.map(str::to_owned).collect())
    }

    fn run(&mut self, name: &str) -> Result<Vec<f64>, Box<dyn Error>> {
        let said = self.ask(&format!("run\t{name}\t{RUNS}"))?;
        Ok(said.split(' ').map(str::parse).collect::<Result<_, _>>()?)
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

fn page(table: &str, rounds: usize) -> String {
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let field = |name: &str| {
        let line = cpu.lines().find(|line| line.starts_with(name));
        line.and_then(|line| line.split(": ").nth(1))
            .unwrap_or("unknown")
            .to_owned()
    };
    let flags = field("flags");
    let has: Vec<&str> = ["avx2", "avx512f", "avx512_vnni"]
        .into_iter()
        .filter(|flag| flags.split(' ').any(|f| f == *flag))
        .collect();
    let date = jiff::Zoned::now().date();
    format!(
        "# Time of a frame, by engine\n\n`cargo bench --bench engines -- --write` wrote this page: \
         {}, {} cores, {}, {date}. Medians of {} runs in turns in one process each, the network \
         alone.\n\n{table}",
        field("model name"),
        std::thread::available_parallelism().map_or(1, usize::from),
        has.join(", "),
        rounds * RUNS,
    )
}
