//! How fast two ONNX files of one network run, and how long a calibration takes.
//!
//! `cargo bench --bench graph -- OURS.onnx THEIRS.onnx [ROUNDS]` runs both in turns on the CPU engine
//! with two threads, compares their outputs, and prints the ratio of their times.
//! `tests/fixtures/make_bench.py` writes a checkpoint and what `torch.onnx` makes of it.
//!
//! `cargo bench --bench graph -- --calibrate MODEL.onnx FRAMES [ROUNDS]` runs the calibration of a
//! model on a folder of pictures and plain inference of the same pictures in turns.

use rten::{Model, ModelOptions, NodeId, RunOptions, ThreadPool, ValueOrView};
use rten_tensor::Tensor;
use rten_tensor::prelude::*;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;
use unmask::source::PictureSource;
use unmask_engine::Engine;
use unmask_frame::read_picture;
use unmask_graph::calibrate::{CalibrateOptions, PERCENTILE, RangeMethod, calibrate};
use unmask_graph::quantize::QuantizeGraph;

const THREADS: usize = 2;

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args()
        .skip(1)
        .filter(|a| a != "--bench")
        .collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let rounds = |text: &str| text.parse::<usize>().map(|n| n.max(1));
    match args[..] {
        ["--calibrate", model, frames] => calibration(model.as_ref(), frames.as_ref(), 3),
        ["--calibrate", model, frames, n] => {
            calibration(model.as_ref(), frames.as_ref(), rounds(n)?)
        }
        [ours, theirs] => compare(ours.as_ref(), theirs.as_ref(), 9),
        [ours, theirs, n] => compare(ours.as_ref(), theirs.as_ref(), rounds(n)?),
        _ => {
            println!(
                "skipped graph: give OURS.onnx THEIRS.onnx [ROUNDS], or --calibrate MODEL.onnx \
                 FRAMES [ROUNDS]"
            );
            Ok(())
        }
    }
}

/// A network with one input, on the engine that the product uses, with its options.
struct Network {
    model: Model,
    input: NodeId,
    shape: Vec<usize>,
    outputs: Vec<NodeId>,
    pool: Arc<ThreadPool>,
}

impl Network {
    fn open(path: &Path, pool: &Arc<ThreadPool>) -> Result<Self, Box<dyn Error>> {
        let model = ModelOptions::with_all_ops()
            .prepack_weights(true)
            .load_file(path)?;
        let &[input] = model.input_ids() else {
            return Err(format!("{}: not one input", path.display()).into());
        };
        let shape = model.node_info(input).and_then(|info| info.shape());
        let shape = shape.ok_or("an input without a shape")?;
        let fixed: Option<Vec<usize>> = shape
            .iter()
            .map(|side| match side {
                rten::Dimension::Fixed(side) => Some(*side),
                rten::Dimension::Symbolic(_) => None,
            })
            .collect();
        let outputs = ["class_logits", "mask_logits"];
        let outputs = outputs.map(|name| model.node_id(name));
        Ok(Self {
            outputs: outputs.into_iter().collect::<Result<_, _>>()?,
            shape: fixed.ok_or("an input without a fixed shape")?,
            model,
            input,
            pool: pool.clone(),
        })
    }

    fn run(&self, image: &Tensor<f32>) -> Result<Run, Box<dyn Error>> {
        let start = Instant::now();
        let options = RunOptions::default().with_thread_pool(Some(self.pool.clone()));
        let input = ValueOrView::from(image.view());
        let values = self
            .model
            .run(vec![(self.input, input)], &self.outputs, Some(options))?;
        let seconds = start.elapsed().as_secs_f64();
        let floats = values.into_iter().map(|v| v.try_into());
        Ok(Run {
            outputs: floats.collect::<Result<_, _>>()?,
            seconds,
        })
    }
}

struct Run {
    outputs: Vec<Tensor<f32>>,
    seconds: f64,
}

fn compare(ours: &Path, theirs: &Path, rounds: usize) -> Result<(), Box<dyn Error>> {
    let pool = Arc::new(ThreadPool::with_num_threads(THREADS));
    let networks = [Network::open(ours, &pool)?, Network::open(theirs, &pool)?];
    if networks[0].shape != networks[1].shape {
        let (a, b) = (&networks[0].shape, &networks[1].shape);
        return Err(format!("inputs of {a:?} and {b:?}").into());
    }
    // Slow waves: neither smooth everywhere nor noise.
    let shape = &networks[0].shape;
    let width = shape[shape.len() - 1] as f32;
    let values = (0..shape.iter().product::<usize>()).map(|i| {
        let (row, column) = ((i as f32 / width).floor(), i as f32 % width);
        (row * 0.11).sin() + (column * 0.05).cos()
    });
    let image = Tensor::from_data(shape, values.collect::<Vec<f32>>());

    let (first, second) = (
        networks[0].run(&image)?.outputs,
        networks[1].run(&image)?.outputs,
    );
    for (name, (a, b)) in ["class_logits", "mask_logits"]
        .iter()
        .zip(first.iter().zip(&second))
    {
        let largest = a.iter().fold(0.0f32, |m, v| m.max(v.abs()));
        let apart = a.iter().zip(b.iter()).map(|(a, b)| (a - b).abs());
        let apart = apart.fold(0.0f32, f32::max);
        println!(
            "{name}: largest difference {:.1e} of the largest value",
            apart / largest
        );
    }
    let mut times = [Vec::new(), Vec::new()];
    for round in 0..rounds {
        // Who comes first changes, so that neither always follows the other's warm caches.
        for i in [round % 2, 1 - round % 2] {
            times[i].push(networks[i].run(&image)?.seconds);
        }
    }
    let ratios: Vec<f64> = times[0].iter().zip(&times[1]).map(|(a, b)| a / b).collect();
    let [ours, theirs] = times.map(|t| median(&t));
    println!(
        "{rounds} rounds in turns, {THREADS} threads: {:.1} ms and {:.1} ms, ratio {:.3} (of the \
         medians), {:.3} (median of the rounds')",
        1e3 * ours,
        1e3 * theirs,
        ours / theirs,
        median(&ratios)
    );
    Ok(())
}

fn calibration(model: &Path, frames: &Path, rounds: usize) -> Result<(), Box<dyn Error>> {
    let net = QuantizeGraph::read(model)?;
    let threads = unmask_engine::EngineOptions { threads: THREADS };
    let mut engine = Engine::open(model, threads)?;
    let metadata = engine.model_metadata().clone();
    let pictures: Vec<PathBuf> = PictureSource::open(frames)?.paths().to_vec();
    let options = CalibrateOptions {
        method: RangeMethod::Entropy,
        percentile: PERCENTILE,
        limit: None,
        force: false,
        threads: THREADS,
    };
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..rounds {
        let start = Instant::now();
        for picture in &pictures {
            std::hint::black_box(engine.infer(&read_picture(picture)?)?);
        }
        times[0].push(start.elapsed().as_secs_f64());
        let start = Instant::now();
        let made = calibrate(
            &net,
            &metadata,
            model,
            frames,
            &pictures,
            &options,
            &mut |_| (),
        )?;
        times[1].push(start.elapsed().as_secs_f64());
        std::hint::black_box(made);
    }
    let ratios: Vec<f64> = times[1].iter().zip(&times[0]).map(|(a, b)| a / b).collect();
    println!(
        "{} pictures, {rounds} rounds in turns, {THREADS} threads: reading and inference {:.2} s, \
         calibration {:.2} s, ratio {:.2}",
        pictures.len(),
        median(&times[0]),
        median(&times[1]),
        median(&ratios)
    );
    Ok(())
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}
