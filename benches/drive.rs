//! How fast the synthetic drive renders: `cargo bench --bench drive`. With
//! `cargo bench --bench drive -- --sheet FILE.png` it writes a contact sheet instead.

use std::error::Error;
use std::time::Instant;

use unmask_drive::{Drive, DriveSettings};
use unmask_frame::Size;

/// Frames a seed.
const FRAMES: u64 = 40;

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().collect();
    if let Some(at) = args.iter().position(|a| a == "--sheet") {
        let file = args.get(at + 1).ok_or("--sheet needs a file name")?;
        return sheet(file);
    }
    for threads in [1, 2] {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()?;
        let mut all = 0.0;
        for seed in 1..=5 {
            let drive = Drive::new(DriveSettings {
                seed,
                ..DriveSettings::default()
            })?;
            let seconds = pool.install(|| {
                std::hint::black_box(drive.scene(0));
                let start = Instant::now();
                for frame in 0..FRAMES {
                    std::hint::black_box(drive.scene(frame * 13));
                }
                start.elapsed().as_secs_f64()
            });
            let rate = FRAMES as f64 / seconds;
            println!("drive 640x360, {threads} threads, seed {seed}: {rate:.1} frames/s");
            all += seconds;
        }
        let rate = 5.0 * FRAMES as f64 / all;
        println!("drive 640x360, {threads} threads, all: {rate:.1} frames/s");
    }
    Ok(())
}

/// Four frames of a drive and eight images, four in a row.
fn sheet(file: &str) -> Result<(), Box<dyn Error>> {
    let size = Size::new(480, 270);
    let drive = Drive::new(DriveSettings {
        size,
        ..DriveSettings::default()
    })?;
    let scenes = (0..4)
        .map(|i| drive.scene(60 + i * 40))
        .chain((0..8).map(|n| drive.random_scene(n)));
    let mut out = image::RgbImage::new(4 * size.w as u32, 3 * size.h as u32);
    for (i, scene) in scenes.enumerate() {
        let (w, h) = (size.w as u32, size.h as u32);
        let rgb = scene.picture.into_rgb();
        let part = image::RgbImage::from_raw(w, h, rgb).ok_or("a picture has a wrong length")?;
        let (x, y) = (i as u32 % 4 * w, i as u32 / 4 * h);
        image::imageops::replace(&mut out, &part, i64::from(x), i64::from(y));
    }
    out.save(file)?;
    println!("{file}");
    Ok(())
}
