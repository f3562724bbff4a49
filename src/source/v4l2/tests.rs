use super::*;
use crate::source::{
    FrameRecorder, NextFrame, OpenSource, RunPace, SourceClock, SourceReader, SourceUri,
};
use unmask_model::{FrameFit, FrameView, PixelFormat};
use unmask_v4l2::fake::{FakeClock as Stamps, FakeEvent, FakeKernel};

fn open(fake: &FakeKernel, settings: &CaptureSettings) -> Result<V4l2Source, SourceError> {
    V4l2Source::open(Arc::new(fake.clone()), Path::new("/dev/fake"), settings)
}

fn graph(pixels: PixelFormat, size: Size) -> CameraInput {
    CameraInput {
        format: FrameFormat {
            pixels,
            size,
            matrix: ColourMatrix::Bt601,
            range: ColourRange::Limited,
        },
        fit: FrameFit::Stretch,
        view: FrameView { x: 0, y: 0, size },
    }
}

const SIZE: Size = Size::new(64, 48);

#[test]
fn every_format_becomes_a_picture() {
    for letters in ["YUYV", "UYVY", "NV12", "NV21", "RGB3", "BGR3", "GREY"] {
        let fake = FakeKernel::virtual_time();
        let settings = CaptureSettings {
            format: Some(letters.into()),
            ..CaptureSettings::default()
        };
        let mut camera = open(&fake, &settings).unwrap();
        let shots: Vec<SourceFrame> = (0..3).map(|_| camera.next().unwrap().unwrap()).collect();
        assert_eq!(shots[2].picture.size(), SIZE, "{letters}");
        assert!(shots[2].bytes.is_none());
        // Every byte of a frame is its number: RGB and grey show it.
        if ["RGB3", "BGR3", "GREY"].contains(&letters) {
            assert_eq!(shots[2].picture.at(63, 47), [2; 3]);
        }
        let at = shots[2].stamp.at;
        assert!(matches!(shots[2].stamp.captured, CaptureTime::Known(_)));
        assert_eq!(shots[2].number, 2);
        assert!(at < Duration::from_secs(5), "{at:?}");
        let report = camera.watch().report();
        assert_eq!(
            (report.format.as_str(), report.memory),
            (letters, "userptr")
        );
        assert_eq!((report.copies_per_frame, report.frames), (1, 3));
    }
}

/// A frame of the size that the driver has, as a JPEG.
fn jpeg(shade: u8) -> Vec<u8> {
    let picture = Picture::filled(SIZE, [shade, 90, 60]);
    let mut file = Vec::new();
    image::codecs::jpeg::JpegEncoder::new(&mut file)
        .encode(picture.rgb(), 64, 48, image::ExtendedColorType::Rgb8)
        .unwrap();
    file
}

#[test]
fn a_jpeg_that_is_cut_or_torn_is_counted_as_the_drivers_mark_is() {
    let fake = FakeKernel::virtual_time();
    let whole = jpeg(200);
    let mut torn = whole.clone();
    let middle = whole.len() - 20;
    torn.drain(middle - 10..middle);
    let cut = whole[..whole.len() * 9 / 10].to_vec();
    // Good, two bad in a row, good, one bad.
    let frames = [&whole, &cut, &torn, &whole, &cut].map(Clone::clone);
    fake.set_contents(&frames);
    let settings = CaptureSettings {
        format: Some("MJPG".into()),
        ..CaptureSettings::default()
    };
    let mut camera = open(&fake, &settings).unwrap();
    let watch = camera.watch();
    for (number, corrupt) in [(0, 0), (3, 2), (5, 1), (8, 2)] {
        let shot = camera.next().unwrap().unwrap();
        assert_eq!((shot.number, shot.drops.corrupt), (number, corrupt));
        assert_eq!(shot.picture.size(), SIZE);
        let [r, g, b] = shot.picture.at(30, 20);
        assert!(r.abs_diff(200) < 6 && g.abs_diff(90) < 6 && b.abs_diff(60) < 6);
    }
    let report = watch.report();
    assert_eq!((report.frames, report.drops.corrupt), (4, 5));
    assert_eq!(report.events["corrupt"], 5);
    // A row of them is one line in the log.
    let reported: Vec<String> = std::iter::from_fn(|| watch.event())
        .filter(|event| event.reason == "corrupt")
        .map(|event| event.text)
        .collect();
    assert_eq!(reported.len(), 3, "{reported:?}");
    assert!(
        reported[0].contains("frame 1 is damaged: the JPEG is"),
        "{}",
        reported[0]
    );
}

#[test]
fn a_camera_that_sends_no_tables_is_understood() {
    let fake = FakeKernel::virtual_time();
    let mut bare = jpeg(120);
    while let Some(at) = bare.windows(2).position(|w| w == [0xff, 0xc4]) {
        let length = usize::from(u16::from_be_bytes([bare[at + 2], bare[at + 3]]));
        bare.drain(at..at + 2 + length);
    }
    fake.set_contents(&[bare]);
    let settings = CaptureSettings {
        format: Some("MJPG".into()),
        ..CaptureSettings::default()
    };
    let mut camera = open(&fake, &settings).unwrap();
    let picture = camera.next().unwrap().unwrap().picture;
    assert!(picture.at(30, 20)[0].abs_diff(120) < 6);
}

#[test]
fn a_camera_that_gives_only_damaged_frames_can_be_stopped() {
    let fake = FakeKernel::virtual_time();
    let settings = CaptureSettings {
        format: Some("MJPG".into()),
        ..CaptureSettings::default()
    };
    let mut camera = open(&fake, &settings).unwrap();
    let watch = camera.watch();
    std::thread::scope(|scope| {
        let reading = scope.spawn(move || camera.next().is_none());
        while watch.report().drops.corrupt < 3 {
            std::thread::yield_now();
        }
        watch.stop();
        assert!(reading.join().unwrap());
    });
}

/// What the kernel's header makes of each colour space that leaves its coding open: coding, and
/// quantization of what is no RGB. Numbers of `linux/videodev2.h`.
const DEFAULTS: [(u32, u32, u32); 13] = [
    (0, 1, 2),
    (1, 1, 2),
    (2, 8, 2),
    (3, 2, 2),
    (4, 1, 2),
    (5, 1, 2),
    (6, 1, 2),
    (7, 1, 1),
    (8, 1, 2),
    (9, 1, 2),
    (10, 6, 2),
    (11, 1, 2),
    (12, 2, 2),
];

#[test]
fn colour_spaces_follow_the_kernels_defaults() {
    let colour = |space, coding, quantization| ColourInfo {
        space,
        coding,
        quantization,
    };
    for (space, usual, range) in DEFAULTS {
        let want = coding(colour(space, usual, range));
        assert_eq!(coding(colour(space, 0, 0)), want, "colour space {space}");
        // What the driver does say counts, whatever the space is.
        for (number, matrix) in [
            (1, ColourMatrix::Bt601),
            (2, ColourMatrix::Bt709),
            (3, ColourMatrix::Bt601),
            (4, ColourMatrix::Bt709),
            (5, ColourMatrix::Bt601),
            (6, ColourMatrix::Bt2020),
            (7, ColourMatrix::Bt2020),
            (8, ColourMatrix::Smpte240m),
        ] {
            assert_eq!(
                coding(colour(space, number, 1)),
                (matrix, ColourRange::Full)
            );
            assert_eq!(
                coding(colour(space, number, 2)),
                (matrix, ColourRange::Limited)
            );
        }
    }
}

#[test]
fn the_kernels_defaults_are_those_of_its_header() {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("defaults.c");
    std::fs::write(
        &source,
        "#include <stdio.h>\n#include <linux/videodev2.h>\nint main(void) {\n\
         for (int space = 0; space <= 12; space++) { int coding = V4L2_MAP_YCBCR_ENC_DEFAULT(space);\n\
         printf(\"%d %d %d\\n\", space, coding, V4L2_MAP_QUANTIZATION_DEFAULT(0, space, coding)); }\n\
         return 0; }\n",
    )
    .unwrap();
    let program = folder.path().join("defaults");
    let built = std::process::Command::new("cc")
        .arg(&source)
        .arg("-o")
        .arg(&program)
        .output();
    if !built.is_ok_and(|built| built.status.success()) {
        return unmask_oracle::skip(
            "the_kernels_defaults_are_those_of_its_header",
            "cc",
            "no C compiler or no linux/videodev2.h",
        );
    }
    let out = std::process::Command::new(&program).output().unwrap();
    let want: String = DEFAULTS
        .iter()
        .map(|(a, b, c)| format!("{a} {b} {c}\n"))
        .collect();
    assert_eq!(String::from_utf8(out.stdout).unwrap(), want);
}

#[test]
fn a_prepared_graph_gets_the_drivers_bytes() {
    for pixels in [PixelFormat::Nv12, PixelFormat::Yuyv, PixelFormat::Rgb24] {
        let fake = FakeKernel::virtual_time();
        let mut camera = open(&fake, &CaptureSettings::default()).unwrap();
        let input = graph(pixels, Size::new(128, 96));
        camera.serve(&input).unwrap();
        for number in 0..6u8 {
            let shot = camera.next().unwrap().unwrap();
            let bytes = shot.bytes.unwrap();
            assert_eq!(bytes.len(), input.format.bytes());
            assert!(bytes.iter().all(|&b| b == number));
            assert_eq!(bytes.as_ptr() as usize % 4096, 0, "the driver's own page");
            assert_eq!(bytes.picture().unwrap().size(), input.format.size);
        }
        let report = camera.watch().report();
        assert_eq!((report.copies_per_frame, report.memory), (0, "userptr"));
        assert!(report.to_string().contains("0 copies a frame"), "{report}");
    }
}

#[test]
fn padding_costs_a_copy_and_says_so() {
    let fake = FakeKernel::virtual_time();
    fake.set_modes(&[FourCc(*b"YUYV")], &[(64, 48)], 32);
    let mut camera = open(&fake, &CaptureSettings::default()).unwrap();
    let input = graph(PixelFormat::Yuyv, SIZE);
    camera.serve(&input).unwrap();
    let bytes = camera.next().unwrap().unwrap().bytes.unwrap();
    assert_eq!(bytes.len(), input.format.bytes());
    let report = camera.watch().report();
    assert_eq!(report.copies_per_frame, 1);
    assert!(report.copies.contains("padding"));
}

#[test]
fn what_the_camera_cannot_do_is_refused_before_the_run() {
    let fake = FakeKernel::virtual_time();
    let refused = |settings: CaptureSettings| open(&fake, &settings).unwrap_err().to_string();
    let text = refused(CaptureSettings {
        size: Some(Size::new(100, 100)),
        ..CaptureSettings::default()
    });
    assert!(text.contains("nearest is YUYV 128x96"), "{text}");
    let text = refused(CaptureSettings {
        format: Some("H264".into()),
        ..CaptureSettings::default()
    });
    assert!(
        text.contains("H264 cannot be read; these can: NV12"),
        "{text}"
    );
    let text = refused(CaptureSettings {
        buffers: 1,
        ..CaptureSettings::default()
    });
    assert!(text.contains("capture.buffers"), "{text}");
    let mut camera = open(&fake, &CaptureSettings::default()).unwrap();
    let input = graph(PixelFormat::Yuyv, Size::new(640, 480));
    let text = camera.serve(&input).unwrap_err().to_string();
    assert!(
        text.contains("YUYV 640x480; the nearest is YUYV 128x96"),
        "{text}"
    );
}

#[test]
fn ages_reach_the_reader_or_are_said_to_be_unknown() {
    for (stamps, known) in [(Stamps::Monotonic, true), (Stamps::Stopped, false)] {
        let fake = FakeKernel::real_time();
        fake.set_clock(stamps, Duration::from_millis(40));
        let camera = open(&fake, &CaptureSettings::default()).unwrap();
        let camera = OpenSource::V4l2(Box::new(camera));
        assert!(camera.is_live() && camera.len().is_none());
        let clock = SourceClock::start();
        std::thread::sleep(Duration::from_millis(60));
        let pace = RunPace::Realtime { rate_hz: 30.0 };
        let reader = SourceReader::start(camera, clock, pace, Some(1)).unwrap();
        while !fake.produce() {
            std::thread::yield_now();
        }
        let (shot, captured) = reader.take().unwrap();
        let age = clock.now().since(captured);
        let shot = shot.unwrap();
        assert_eq!(matches!(shot.stamp.captured, CaptureTime::Known(_)), known);
        assert_eq!(age >= Duration::from_millis(40), known, "{age:?}");
        assert!(reader.take().is_none());
    }
}

#[test]
fn a_reader_goes_though_its_camera_never_comes_back_and_events_are_reported() {
    let fake = FakeKernel::real_time();
    let camera = open(&fake, &CaptureSettings::default()).unwrap();
    fake.inject_event(FakeEvent::Unplug);
    let camera = OpenSource::V4l2(Box::new(camera));
    let pace = RunPace::Realtime { rate_hz: 30.0 };
    let reader = SourceReader::start(camera, SourceClock::start(), pace, None).unwrap();
    let watch = reader.capture().unwrap().clone();
    let event = loop {
        assert!(matches!(
            reader.take_within(Duration::from_millis(20)),
            NextFrame::Nothing
        ));
        if let Some(event) = watch.event() {
            break event;
        }
    };
    assert_eq!((event.reason, event.is_fault), ("gone", true));
    assert!(event.text.contains("/dev/fake fails"), "{}", event.text);
    drop(reader);
    assert_eq!(fake.counts().1, 0);
}

#[test]
fn a_frame_is_with_the_engine_at_once() {
    let fake = FakeKernel::real_time();
    fake.set_clock(Stamps::Monotonic, Duration::ZERO);
    let mut camera = open(&fake, &CaptureSettings::default()).unwrap();
    camera.serve(&graph(PixelFormat::Yuyv, SIZE)).unwrap();
    let pace = RunPace::Realtime { rate_hz: 30.0 };
    let camera = OpenSource::V4l2(Box::new(camera));
    let frames = 1000;
    let reader = SourceReader::start(camera, SourceClock::start(), pace, Some(frames)).unwrap();
    let mut times = Vec::new();
    std::thread::scope(|scope| {
        let ended = Arc::new(AtomicU8::new(0));
        let end = ended.clone();
        scope.spawn(move || {
            while end.load(Relaxed) == 0 {
                fake.produce();
                std::thread::sleep(Duration::from_millis(1));
            }
        });
        while let Some((shot, _)) = reader.take() {
            let shot = shot.unwrap();
            times.push(shot.stamp.captured.instant().unwrap().elapsed());
            assert_eq!(shot.bytes.unwrap().len(), 64 * 48 * 2);
        }
        ended.store(1, Relaxed);
    });
    times.sort();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
    println!(
        "from the driver's stamp to the engine's thread, {} frames: p50 {:?}, p99 {:?}",
        times.len(),
        at(0.5),
        at(0.99)
    );
    // Two threads on a busy machine: the tail is the scheduler's.
    assert!(at(0.5) < Duration::from_millis(5));
}

#[test]
fn a_recording_of_a_camera_holds_the_drivers_bytes() {
    for (letters, padding) in [("YUYV", 0), ("YUYV", 32), ("NV12", 0), ("BGR3", 0)] {
        let fake = FakeKernel::virtual_time();
        fake.set_modes(&[letters.parse().unwrap()], &[(64, 48)], padding);
        let mut camera =
            OpenSource::V4l2(Box::new(open(&fake, &CaptureSettings::default()).unwrap()));
        camera.keep_bytes();
        let folder = tempfile::tempdir().unwrap();
        let mut recorder = FrameRecorder::create(folder.path(), "v4l2:x", true, 30.0).unwrap();
        for _ in 0..3 {
            let shot = camera.next().unwrap().unwrap();
            recorder.add(&shot, shot.stamp.at, 7).unwrap();
        }
        let pixels = match PixelLayout::of(*letters.as_bytes().first_chunk().unwrap()) {
            Some(PixelLayout::Graph(pixels)) => pixels,
            other => panic!("{other:?}"),
        };
        let format = graph(pixels, SIZE).format;
        let mut recording =
            OpenSource::open(&SourceUri::Recording(folder.path().into()), 1.0).unwrap();
        for number in 0..3u8 {
            let bytes = recording.next().unwrap().unwrap().bytes.unwrap();
            assert_eq!(bytes.format(), &format);
            assert!(bytes.iter().all(|&b| b == number), "{letters}");
        }
    }
}

#[test]
fn what_no_graph_takes_is_recorded_as_pictures() {
    let fake = FakeKernel::virtual_time();
    let settings = CaptureSettings {
        format: Some("GREY".into()),
        ..CaptureSettings::default()
    };
    let mut camera = OpenSource::V4l2(Box::new(open(&fake, &settings).unwrap()));
    camera.keep_bytes();
    let shot = camera.next().unwrap().unwrap();
    assert!(shot.bytes.is_none() && shot.picture.size() == SIZE);
}
