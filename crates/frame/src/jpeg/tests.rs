//! Pictures of every kind, whole and not. They are written by the encoder here; what is expected of
//! a decoded picture is the picture that was encoded.

use super::*;
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};

const SAMPLINGS: [(&str, SamplingFactor); 6] = [
    ("4:4:4", SamplingFactor::R_4_4_4),
    ("4:2:2", SamplingFactor::R_4_2_2),
    ("4:4:0", SamplingFactor::R_4_4_0),
    ("4:2:0", SamplingFactor::R_4_2_0),
    ("4:1:1", SamplingFactor::R_4_1_1),
    ("4:4:1", SamplingFactor::R_4_4_1),
];

/// A road of sorts: smooth colours, an edge, and texture that takes many codes. No other `seed`
/// gives the same.
fn scene(size: Size, seed: u32) -> Vec<u8> {
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(12345);
    let mut rgb = Vec::with_capacity(size.area_px() * 3);
    for y in 0..size.h {
        for x in 0..size.w {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let noise = (state >> 28) as usize;
            let moved = x + 9 * seed as usize;
            let shade = 60 + 120 * x / size.w + if (moved + y) % 40 < 8 { 30 } else { 0 } + noise;
            rgb.extend([
                shade as u8,
                (shade * 3 / 4) as u8,
                (70 + 100 * y / size.h) as u8,
            ]);
        }
    }
    rgb
}

struct Kind {
    sampling: SamplingFactor,
    restart_interval: u16,
    progressive: bool,
    optimized: bool,
}

const PLAIN: Kind = Kind {
    sampling: SamplingFactor::R_4_2_0,
    restart_interval: 0,
    progressive: false,
    optimized: false,
};

fn encoded(size: Size, seed: u32, kind: &Kind) -> Vec<u8> {
    let mut out = Vec::new();
    let mut encoder = Encoder::new(&mut out, 85);
    encoder.set_sampling_factor(kind.sampling);
    encoder.set_progressive(kind.progressive);
    encoder.set_optimized_huffman_tables(kind.optimized);
    if kind.restart_interval > 0 {
        encoder.set_restart_interval(kind.restart_interval);
    }
    let (w, h) = (size.w as u16, size.h as u16);
    encoder
        .encode(&scene(size, seed), w, h, ColorType::Rgb)
        .unwrap();
    out
}

/// Pictures of every kind, with their names.
fn kinds(size: Size) -> Vec<(String, Vec<u8>)> {
    let mut all = Vec::new();
    for (name, sampling) in SAMPLINGS {
        for (kind, restart_interval, progressive, optimized) in [
            ("baseline", 0, false, false),
            ("restart markers", 3, false, false),
            ("own tables", 0, false, true),
            ("progressive", 0, true, true),
        ] {
            let kind_of = Kind {
                sampling,
                restart_interval,
                progressive,
                optimized,
            };
            all.push((format!("{name} {kind}"), encoded(size, 1, &kind_of)));
        }
    }
    all
}

/// The segments `marker` taken out.
fn without(jpeg: &[u8], marker: u8) -> Vec<u8> {
    let mut out = jpeg[..2].to_vec();
    let mut at = 2;
    loop {
        let length = usize::from(u16::from_be_bytes([jpeg[at + 2], jpeg[at + 3]]));
        let segment = &jpeg[at..at + 2 + length];
        if segment[1] == 0xda {
            out.extend(&jpeg[at..]);
            return out;
        }
        if segment[1] != marker {
            out.extend(segment);
        }
        at += 2 + length;
    }
}

/// Where the data of the first scan begins.
fn data_of(jpeg: &[u8]) -> usize {
    let mut at = 2;
    loop {
        let length = usize::from(u16::from_be_bytes([jpeg[at + 2], jpeg[at + 3]]));
        if jpeg[at + 1] == 0xda {
            return at + 2 + length;
        }
        at += 2 + length;
    }
}

fn pixels(jpeg: &[u8]) -> Vec<u8> {
    crate::decode_jpeg(jpeg, None).unwrap().into_rgb()
}

/// The mean difference of two pictures.
fn apart(a: &[u8], b: &[u8]) -> f64 {
    assert_eq!(a.len(), b.len());
    let sum: u64 = a
        .iter()
        .zip(b)
        .map(|(a, b)| u64::from(a.abs_diff(*b)))
        .sum();
    sum as f64 / a.len() as f64
}

#[test]
fn whole_pictures_of_every_kind_are_read() {
    // One that fills its groups of blocks, and one that does not.
    for size in [Size::new(128, 96), Size::new(75, 53)] {
        let want = scene(size, 1);
        for (name, jpeg) in kinds(size) {
            let whole = check_jpeg(&jpeg, Some(size)).unwrap_or_else(|e| panic!("{name}: {e}"));
            assert_eq!((whole.size, &*whole.bytes), (size, &jpeg[..]), "{name}");
            let apart = apart(&pixels(&jpeg), &want);
            assert!(apart < 5.0, "{name}, {size}: {apart} apart");
        }
    }
    let grey = {
        let mut out = Vec::new();
        let luma: Vec<u8> = (0..40 * 30).map(|i| (i % 251) as u8).collect();
        Encoder::new(&mut out, 90)
            .encode(&luma, 40, 30, ColorType::Luma)
            .unwrap();
        out
    };
    assert_eq!(check_jpeg(&grey, None).unwrap().size, Size::new(40, 30));
}

#[test]
fn a_picture_cut_at_any_hundredth_is_refused() {
    for (name, jpeg) in kinds(Size::new(160, 120)) {
        for percent in 0..100 {
            let cut = &jpeg[..jpeg.len() * percent / 100];
            assert!(check_jpeg(cut, None).is_err(), "{name} of {percent} %");
            // As a camera sends what it lost: with the end marker, and with zeros up to it.
            let closed = [cut, &[0xff, 0xd9]].concat();
            assert!(
                check_jpeg(&closed, None).is_err(),
                "{name} of {percent} %, closed"
            );
            let mut padded = cut.to_vec();
            padded.resize(jpeg.len() - 2, 0);
            padded.extend([0xff, 0xd9]);
            assert!(
                check_jpeg(&padded, None).is_err(),
                "{name} of {percent} %, zeros"
            );
        }
        let without_end = &jpeg[..jpeg.len() - 2];
        let error = check_jpeg(without_end, None).unwrap_err();
        assert!(
            matches!(error, JpegError::CutShort { .. }),
            "{name}: {error}"
        );
    }
}

#[test]
fn a_picture_with_a_piece_missing_is_refused() {
    for (name, jpeg) in kinds(Size::new(160, 120)) {
        let data = data_of(&jpeg);
        for percent in 0..95 {
            let at = data + (jpeg.len() - data) * percent / 100;
            let torn = [&jpeg[..at], &jpeg[(at + 188).min(jpeg.len() - 2)..]].concat();
            assert!(check_jpeg(&torn, None).is_err(), "{name} at {percent} %");
        }
    }
}

#[test]
fn of_two_pictures_torn_together_few_pass() {
    // Half of one frame and half of the next. Where as many blocks came before the tear as are
    // missing after it, no decoder can know.
    let size = Size::new(160, 120);
    let (mut passed, mut tried) = (0, 0);
    for (_, sampling) in SAMPLINGS {
        for restart_interval in [0, 3] {
            let kind = Kind {
                sampling,
                restart_interval,
                ..PLAIN
            };
            let (a, b) = (encoded(size, 1, &kind), encoded(size, 2, &kind));
            let data = data_of(&a);
            for percent in 1..100 {
                let at = data + (a.len().min(b.len()) - data) * percent / 100;
                tried += 1;
                passed += usize::from(check_jpeg(&[&a[..at], &b[at..]].concat(), None).is_ok());
            }
        }
    }
    println!("{passed} of {tried} torn pictures pass");
    assert!(passed * 10 < tried, "{passed} of {tried}");
}

#[test]
fn pictures_without_tables_get_those_of_the_standard() {
    for (name, sampling) in SAMPLINGS {
        let kind = Kind { sampling, ..PLAIN };
        let jpeg = encoded(Size::new(96, 64), 1, &kind);
        let bare = without(&jpeg, 0xc4);
        assert!(bare.len() + 400 < jpeg.len());
        assert_eq!(pixels(&bare), pixels(&jpeg), "{name}");
        for percent in 0..100 {
            let cut = &bare[..bare.len() * percent / 100];
            assert!(check_jpeg(cut, None).is_err(), "{name} of {percent} %");
        }
    }
    // Own tables are no tables of the standard: what they coded is not a picture without them.
    let own = Kind {
        optimized: true,
        ..PLAIN
    };
    let bare = without(&encoded(Size::new(96, 64), 1, &own), 0xc4);
    assert!(check_jpeg(&bare, None).is_err());
    let progressive = Kind {
        progressive: true,
        ..PLAIN
    };
    let jpeg = encoded(Size::new(96, 64), 1, &progressive);
    assert!(check_jpeg(&without(&jpeg, 0xc4), None).is_err());
}

#[test]
fn what_follows_a_picture_is_left_alone() {
    let size = Size::new(96, 64);
    let (first, second) = (encoded(size, 1, &PLAIN), encoded(size, 2, &PLAIN));
    for rest in [&second[..], &second[..100], &[0; 5000], b"maker's notes"] {
        let buffer = [&first[..], rest].concat();
        let whole = check_jpeg(&buffer, None).unwrap();
        assert_eq!(&*whole.bytes, &first[..]);
    }
    // The second picture is no end of the first.
    let torn = [&first[..first.len() / 2], &second[..]].concat();
    let error = check_jpeg(&torn, None).unwrap_err();
    assert!(
        error.to_string().contains("before the last block"),
        "{error}"
    );
}

#[test]
fn fill_and_padding_bytes_belong_to_no_picture() {
    let kind = Kind {
        restart_interval: 3,
        ..PLAIN
    };
    let jpeg = encoded(Size::new(96, 64), 1, &kind);
    let data = data_of(&jpeg);
    // 0xff before every marker, in the headers and in the data.
    let mut filled = jpeg[..2].to_vec();
    for at in 2..jpeg.len() {
        let marker = |i: usize| {
            jpeg.get(i..i + 2)
                .is_some_and(|w| w[0] == 0xff && w[1] != 0)
        };
        if marker(at) && (at >= data || at == 2) {
            filled.extend([0xff; 3]);
        }
        filled.push(jpeg[at]);
    }
    assert!(filled.len() > jpeg.len() + 10);
    assert_eq!(pixels(&filled), pixels(&jpeg));
    // Zeros before the end marker, as some cameras round lengths up.
    let mut padded = jpeg[..jpeg.len() - 2].to_vec();
    padded.extend([0; 8]);
    padded.extend([0xff, 0xd9]);
    assert_eq!(check_jpeg(&padded, None).unwrap().bytes, &jpeg[..]);
    padded.splice(padded.len() - 2..padded.len() - 2, [0; 100]);
    assert!(check_jpeg(&padded, None).is_err());
}

#[test]
fn stray_bytes_before_restart_markers_are_borne_from_avi_frames_only() {
    let kind = Kind {
        restart_interval: 3,
        ..PLAIN
    };
    let jpeg = encoded(Size::new(96, 64), 1, &kind);
    let data = data_of(&jpeg);
    let mut stray = jpeg[..data].to_vec();
    for at in data..jpeg.len() {
        if jpeg[at] == 0xff && matches!(jpeg.get(at + 1), Some(0xd0..=0xd7)) {
            stray.extend([0x5a, 0x31, 0x77]);
        }
        stray.push(jpeg[at]);
    }
    let error = check_jpeg(&stray, None).unwrap_err();
    assert!(error.to_string().contains("continues after"), "{error}");
    let avi = |jpeg: &[u8]| {
        let head = [&[0xff, 0xd8, 0xff, 0xe0, 0, 9][..], b"AVI1\0\0\0"].concat();
        [&head[..], &without(jpeg, 0xe0)[2..]].concat()
    };
    assert_eq!(pixels(&avi(&stray)), pixels(&jpeg));
    assert_eq!(check_jpeg(&avi(&stray), None).unwrap().bytes, avi(&jpeg));
}

#[test]
fn restart_markers_come_in_their_order() {
    let kind = Kind {
        restart_interval: 2,
        ..PLAIN
    };
    let jpeg = encoded(Size::new(96, 64), 1, &kind);
    let markers: Vec<usize> = (data_of(&jpeg)..jpeg.len() - 2)
        .filter(|&at| jpeg[at] == 0xff && matches!(jpeg[at + 1], 0xd0..=0xd7))
        .collect();
    assert!(markers.len() > 9);
    for pair in markers.windows(2) {
        // One interval lost, and one marker overwritten.
        let lost = [&jpeg[..pair[0]], &jpeg[pair[1]..]].concat();
        assert!(check_jpeg(&lost, None).is_err());
        let mut wrong = jpeg.clone();
        wrong[pair[0] + 1] ^= 1;
        assert!(check_jpeg(&wrong, None).is_err());
    }
}

#[test]
fn what_would_take_too_much_is_refused_by_its_header() {
    let jpeg = encoded(Size::new(64, 48), 1, &PLAIN);
    let at = jpeg.windows(2).position(|w| w == [0xff, 0xc0]).unwrap();
    let claims = |width: u16, height: u16, progressive: bool| {
        let mut jpeg = jpeg.clone();
        jpeg[at + 1] = if progressive { 0xc2 } else { 0xc0 };
        jpeg[at + 5..at + 7].copy_from_slice(&height.to_be_bytes());
        jpeg[at + 7..at + 9].copy_from_slice(&width.to_be_bytes());
        let start = std::time::Instant::now();
        let error = check_jpeg(&jpeg, None).unwrap_err();
        assert!(start.elapsed().as_secs() < 1);
        error
    };
    for progressive in [false, true] {
        let error = claims(65535, 65535, progressive);
        assert!(matches!(error, JpegError::Limit { .. }), "{error}");
    }
    let error = claims(11_000, 11_000, true);
    assert!(error.to_string().contains("MiB"), "{error}");
    // Most of it is not in the file.
    let error = claims(8000, 6000, false);
    assert!(matches!(error, JpegError::CutShort { .. }), "{error}");
    assert!(error.to_string().contains("at least"), "{error}");
}

/// A progressive picture of `size` whose scans are given.
fn progressive(size: Size, scans: &[(&[u8], &[u8])]) -> Vec<u8> {
    let mut out = vec![0xff, 0xd8, 0xff, 0xc2, 0, 11, 8];
    out.extend((size.h as u16).to_be_bytes());
    out.extend((size.w as u16).to_be_bytes());
    out.extend([1, 1, 0x11, 0]);
    for (number, class) in [(0u8, 0u8), (0, 1)] {
        // Two codes: 0 and 10; of AC the second is a run of 2^14 blocks and more.
        out.extend([0xff, 0xc4, 0, 21, class << 4 | number, 1, 1]);
        out.extend([0; 14]);
        out.extend(if class == 0 { [0, 1] } else { [0x00, 0xe0] });
    }
    for (header, data) in scans {
        out.extend([0xff, 0xda, 0, 8, 1, 1, 0]);
        out.extend(*header);
        out.extend(*data);
    }
    out.extend([0xff, 0xd9]);
    out
}

#[test]
fn scans_without_end_are_not_followed() {
    // 64 blocks: their first coefficients take a byte each 8, a run says that nothing else comes.
    let size = Size::new(64, 64);
    let dc = [0u8; 8];
    let ac = [0u8; 8];
    let whole = progressive(size, &[(&[0, 0, 0], &dc), (&[1, 63, 0], &ac)]);
    assert_eq!(check_jpeg(&whole, None).unwrap().size, size);
    // The same scan again is not a progress.
    let again = progressive(size, &[(&[0, 0, 0], &dc), (&[0, 0, 0], &dc)]);
    let error = check_jpeg(&again, None).unwrap_err();
    assert!(error.to_string().contains("what is there"), "{error}");
    // A scan for each coefficient and each of its bits: within the standard, but work without
    // data. 13 bits of 63 coefficients are more passes than are made.
    let mut scans: Vec<([u8; 3], [u8; 8])> = vec![([0, 0, 0], dc)];
    for k in 1..64 {
        scans.push(([k, k, 13], ac));
        scans.extend((0..13).rev().map(|low| ([k, k, (low + 1) << 4 | low], ac)));
    }
    let scans: Vec<(&[u8], &[u8])> = scans.iter().map(|(h, d)| (&h[..], &d[..])).collect();
    let error = check_jpeg(&progressive(size, &scans), None).unwrap_err();
    assert!(matches!(error, JpegError::Limit { .. }), "{error}");
    // What no scan brought is missing.
    let error = check_jpeg(&progressive(size, &[(&[0, 0, 0], &dc)]), None).unwrap_err();
    assert!(
        error.to_string().contains("63 of 64 coefficients"),
        "{error}"
    );
    let coarse = progressive(size, &[(&[0, 0, 1], &dc), (&[1, 63, 0], &ac)]);
    let error = check_jpeg(&coarse, None).unwrap_err();
    assert!(
        error.to_string().contains("1 of 64 coefficients"),
        "{error}"
    );
}

#[test]
fn other_kinds_and_other_sizes_are_refused_by_name() {
    let jpeg = encoded(Size::new(64, 48), 1, &PLAIN);
    let at = jpeg.windows(2).position(|w| w == [0xff, 0xc0]).unwrap();
    for (marker, words) in [
        (0xc3, "lossless"),
        (0xc9, "arithmetic"),
        (0xc5, "hierarchical"),
    ] {
        let mut other = jpeg.clone();
        other[at + 1] = marker;
        let error = check_jpeg(&other, None).unwrap_err();
        assert!(matches!(error, JpegError::Unsupported { .. }), "{error}");
        assert!(error.to_string().contains(words), "{error}");
    }
    let mut other = jpeg.clone();
    other[at + 4] = 12;
    assert!(
        check_jpeg(&other, None)
            .unwrap_err()
            .to_string()
            .contains("12 bits")
    );
    let error = check_jpeg(&jpeg, Some(Size::new(64, 64))).unwrap_err();
    assert!(
        error.to_string().contains("64x48 in a stream of 64x64"),
        "{error}"
    );
    for other in [&b""[..], b"\xff\xd8", b"\xff\xd8\xff\xd9", b"GIF89a"] {
        assert!(check_jpeg(other, None).is_err());
    }
}

#[test]
fn no_bytes_break_the_reader() {
    let mut state = 9u32;
    let mut random = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as usize
    };
    for (_, jpeg) in kinds(Size::new(48, 40)) {
        for _ in 0..200 {
            let mut broken = jpeg.clone();
            for _ in 0..1 + random() % 4 {
                let at = random() % broken.len();
                broken[at] = random() as u8;
            }
            if let Ok(whole) = check_jpeg(&broken, None) {
                assert!(whole.size.area_px() > 0);
            }
        }
    }
}
