#!/bin/sh
# zune-jpeg 0.5.15 decodes some valid baseline JPEGs to wrong pixels and returns Ok.
#
# What: pictures in several scans (one for each component, as encoders write them with optimized
# Huffman tables) at 4:2:0 and 4:4:0, and pictures at 4:4:1 in any number of scans, come out with a
# mean difference of more than 100 grey levels from the picture that was encoded. The same pictures in
# one scan, or progressive, are right; jpeg-decoder 0.3.2 is right about all of them.
# Versions: zune-jpeg 0.5.15, jpeg-decoder 0.3.2, jpeg-encoder 0.7.1.
# Output seen on 2026-11-29 (mean difference, grey levels of 255):
#   4:2:0 one scan       zune-jpeg   2.2  jpeg-decoder   2.2
#   4:2:0 three scans    zune-jpeg 113.1  jpeg-decoder   2.2
#   4:4:0 three scans    zune-jpeg 113.1  jpeg-decoder   1.9
#   4:4:1 one scan       zune-jpeg 105.2  jpeg-decoder   3.0
# Needs cargo and the network. Exit code 0 while it is so, 1 once it changes.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
mkdir "$dir/src"
cat > "$dir/Cargo.toml" <<'TOML'
[package]
name = "finding"
version = "0.1.0"
edition = "2021"
[dependencies]
zune-jpeg = "=0.5.15"
zune-core = "=0.5.3"
jpeg-decoder = { version = "=0.3.2", default-features = false }
jpeg-encoder = "=0.7.1"
[workspace]
TOML
cat > "$dir/src/main.rs" <<'RUST'
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};

const W: usize = 78;
const H: usize = 53;

fn apart(a: &[u8], b: &[u8]) -> f64 {
    assert_eq!(a.len(), b.len());
    let sum: u64 = a.iter().zip(b).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
    sum as f64 / a.len() as f64
}

fn main() {
    let picture: Vec<u8> = (0..W * H)
        .flat_map(|i| {
            let (x, y) = (i % W, i / W);
            let shade = 60 + 120 * x / W + if (x + y) % 40 < 8 { 30 } else { 0 };
            [shade as u8, (shade * 3 / 4) as u8, (70 + 100 * y / H) as u8]
        })
        .collect();
    let cases = [
        ("4:2:0 one scan", SamplingFactor::R_4_2_0, false, true),
        ("4:2:0 three scans", SamplingFactor::R_4_2_0, true, false),
        ("4:4:0 three scans", SamplingFactor::R_4_4_0, true, false),
        ("4:4:1 one scan", SamplingFactor::R_4_4_1, false, false),
    ];
    let mut changed = false;
    for (name, sampling, optimized, right) in cases {
        let mut jpeg = Vec::new();
        let mut encoder = Encoder::new(&mut jpeg, 85);
        encoder.set_sampling_factor(sampling);
        encoder.set_optimized_huffman_tables(optimized);
        encoder.encode(&picture, W as u16, H as u16, ColorType::Rgb).unwrap();
        let cursor = zune_core::bytestream::ZCursor::new(&jpeg[..]);
        let zune = zune_jpeg::JpegDecoder::new(cursor).decode().unwrap();
        let other = jpeg_decoder::Decoder::new(&jpeg[..]).decode().unwrap();
        let (zune, other) = (apart(&zune, &picture), apart(&other, &picture));
        println!("{name:<20} zune-jpeg {zune:5.1}  jpeg-decoder {other:5.1}");
        changed |= (zune < 10.0) != right || other >= 10.0;
    }
    std::process::exit(i32::from(changed));
}
RUST
cd "$dir" && cargo run --quiet
