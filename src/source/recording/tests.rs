use super::super::{
    BadFrame, CaptureTime, FrameBytes, FrameTimestamp, OpenSource, SourceFrame, SourceUri,
};
use super::*;
use std::path::Path;
use std::time::Duration;
use unmask_frame::{Picture, Size};
use unmask_model::{CameraInput, FrameFit, FrameView};

fn shot(number: u64, colour: u8, at_ms: u64, drops: FrameDrops) -> SourceFrame {
    SourceFrame {
        number,
        name: (number == 1).then(|| "one.png".into()),
        picture: Picture::filled(Size::new(5, 3), [colour, 7, 255]),
        bytes: None,
        truth: None,
        read: Duration::ZERO,
        stamp: FrameTimestamp {
            at: Duration::from_millis(at_ms),
            unix_ns: None,
            captured: Default::default(),
        },
        drops,
    }
}

fn lost(superseded: u64) -> FrameDrops {
    FrameDrops {
        superseded,
        ..FrameDrops::default()
    }
}

fn recorder(folder: &Path) -> FrameRecorder {
    FrameRecorder::create(folder, "synthetic:7", false, 10.0).unwrap()
}

/// Three frames, the second bad, two lost before the third.
fn recorded(folder: &Path) {
    let mut recorder = recorder(folder);
    recorder
        .add(&shot(0, 10, 0, lost(0)), Duration::ZERO, 1_700_000_000_000)
        .unwrap();
    let bad = BadFrame {
        number: 1,
        name: "x.png".into(),
        reason: "cut short".into(),
    };
    recorder.add_bad(&bad).unwrap();
    let at = Duration::from_millis(400);
    recorder
        .add(&shot(4, 20, 400, lost(2)), at, 1_700_000_000_400)
        .unwrap();
    assert_eq!((recorder.frames(), recorder.bad()), (2, 1));
    assert_eq!(recorder.drops(), lost(2));
    assert!(recorder.bytes() > 100);
}

#[test]
fn what_was_recorded_comes_again() {
    let folder = tempfile::tempdir().unwrap();
    recorded(folder.path());
    let source = SourceUri::Recording(folder.path().into());
    let mut camera = OpenSource::open(&source, 10.0).unwrap();
    assert_eq!((camera.len(), camera.is_empty()), (Some(3), false));
    let first = camera.next().unwrap().unwrap();
    assert_eq!((first.number, first.picture.at(4, 2)), (0, [10, 7, 255]));
    assert_eq!(first.stamp.unix_ns, Some(1_700_000_000_000));
    let bad = camera.next().unwrap().unwrap_err();
    assert_eq!((bad.number, bad.reason.as_str()), (1, "cut short"));
    assert_eq!(bad.name, "x.png");
    let third = camera.next().unwrap().unwrap();
    assert_eq!((third.number, third.drops), (4, lost(2)));
    assert_eq!(third.stamp.at, Duration::from_millis(400));
    assert!(camera.next().is_none());
}

#[test]
fn a_recording_cut_short_gives_what_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    recorded(folder.path());
    let path = folder.path().join(FRAMES);
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, &text[..text.len() - 9]).unwrap();
    let mut recording = RecordingSource::open(folder.path()).unwrap();
    assert!(recording.next().unwrap().is_ok());
    assert!(recording.next().unwrap().is_err());
    let cut = recording.next().unwrap().unwrap_err();
    assert!(cut.to_string().contains("frames.jsonl line 3"), "{cut}");
    assert!(recording.next().is_none());
}

#[test]
fn a_folder_in_use_is_not_written_into() {
    let folder = tempfile::tempdir().unwrap();
    recorded(folder.path());
    let error = FrameRecorder::create(folder.path(), "s", false, 1.0).unwrap_err();
    assert!(error.to_string().contains("new or empty"), "{error}");
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let error = FrameRecorder::create(&file, "s", false, 1.0).unwrap_err();
    assert!(error.to_string().contains("cannot write"), "{error}");
}

#[test]
fn what_is_no_recording_is_refused_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let open = || {
        RecordingSource::open(folder.path())
            .unwrap_err()
            .to_string()
    };
    assert!(
        open().contains("recording.json: No such file"),
        "{}",
        open()
    );
    let head = folder.path().join(HEAD);
    std::fs::write(&head, "{}").unwrap();
    assert!(open().contains("missing field"), "{}", open());
    let other = r#"{"schema":"unmask.recording/2","source":"s","realtime":false,"rate_hz":1}"#;
    std::fs::write(&head, other).unwrap();
    assert!(
        open().contains("its schema is `unmask.recording/2`"),
        "{}",
        open()
    );
    let other = other.replace("/2", "/1");
    std::fs::write(&head, other.replace("z\":1", "z\":0")).unwrap();
    assert!(open().contains("rate_hz is 0"), "{}", open());
    std::fs::write(&head, other).unwrap();
    assert!(open().contains("frames.jsonl: No such file"), "{}", open());
    std::fs::write(folder.path().join(FRAMES), "\n").unwrap();
    assert!(open().contains("names no frame"), "{}", open());
}

#[test]
fn lines_that_lie_are_bad_frames() {
    let folder = tempfile::tempdir().unwrap();
    recorded(folder.path());
    std::fs::write(folder.path().join("text.png"), "no picture").unwrap();
    let line = |file: &str| format!(r#"{{"frame":9,"file":"{file}","at_ns":0,"unix_ns":0}}"#);
    let lines = [
        line("../00000000.png"),
        line("/etc/x.png"),
        line(".."),
        line("gone.png"),
        line("text.png"),
        r#"{"frame":9}"#.into(),
        "[]".into(),
    ];
    std::fs::write(folder.path().join(FRAMES), lines.join("\n")).unwrap();
    let mut recording = RecordingSource::open(folder.path()).unwrap();
    let reported: Vec<String> = std::iter::from_fn(|| recording.next())
        .map(|shot| shot.unwrap_err().to_string())
        .collect();
    let want = [
        "outside",
        "outside",
        "outside",
        "No such file",
        "no JPEG",
        "line 6",
        "line 7",
    ];
    assert_eq!(reported.len(), want.len());
    for (reported, want) in reported.iter().zip(want) {
        assert!(reported.contains(want), "{reported} | {want}");
    }
}

/// A frame of bytes that all differ from their neighbours.
fn raw(number: u64, format: FrameFormat) -> SourceFrame {
    let bytes = (0..format.bytes()).map(|i| (i * 31 + 7 * number as usize) as u8);
    SourceFrame {
        picture: Picture::filled(Size::default(), [0; 3]),
        bytes: FrameBytes::own(bytes.collect(), format),
        ..shot(number, 0, 100 * number, lost(0))
    }
}

fn format(pixels: PixelFormat, matrix: ColourMatrix, range: ColourRange) -> FrameFormat {
    FrameFormat {
        pixels,
        size: Size::new(6, 4),
        matrix,
        range,
    }
}

#[test]
fn a_cameras_bytes_come_again_in_every_layout() {
    use PixelFormat::{Bgr24, Nv12, Rgb24, Uyvy, Yuyv};
    for pixels in [Yuyv, Uyvy, Nv12, Rgb24, Bgr24] {
        for (matrix, range) in [
            (ColourMatrix::Bt601, ColourRange::Limited),
            (ColourMatrix::Bt709, ColourRange::Full),
        ] {
            let format = format(pixels, matrix, range);
            let folder = tempfile::tempdir().unwrap();
            let shots = [raw(0, format), raw(1, format)];
            let mut recorder = recorder(folder.path());
            for shot in &shots {
                recorder.add(shot, shot.stamp.at, 5).unwrap();
            }
            assert_eq!(recorder.bytes(), 2 * format.bytes() as u64);
            let mut recording = RecordingSource::open(folder.path()).unwrap();
            for shot in shots {
                let again = recording.next().unwrap().unwrap();
                let (bytes, want) = (again.bytes.as_ref().unwrap(), shot.bytes.as_ref().unwrap());
                assert_eq!((bytes.format(), &bytes[..]), (&format, &want[..]));
                assert_eq!(again.size(), format.size);
                let picture = again.into_picture().unwrap();
                assert_eq!(picture.picture, want.picture().unwrap());
                assert!(picture.bytes.is_none());
            }
        }
    }
}

#[test]
fn bytes_are_the_graphs_where_it_takes_their_layout_and_size() {
    let folder = tempfile::tempdir().unwrap();
    let of_camera = format(PixelFormat::Yuyv, ColourMatrix::Bt601, ColourRange::Limited);
    let shot = raw(0, of_camera);
    recorder(folder.path())
        .add(&shot, shot.stamp.at, 5)
        .unwrap();
    let served = |graph: FrameFormat| {
        let source = SourceUri::Recording(folder.path().into());
        let mut camera = OpenSource::open(&source, 10.0).unwrap();
        let view = FrameView {
            x: 0,
            y: 0,
            size: graph.size,
        };
        let input = CameraInput {
            format: graph,
            fit: FrameFit::Stretch,
            view,
        };
        camera.serve(Some(&input)).unwrap();
        *camera.next().unwrap().unwrap().bytes.unwrap().format()
    };
    let graph = format(PixelFormat::Yuyv, ColourMatrix::Bt709, ColourRange::Full);
    assert_eq!(served(graph), graph);
    let other = format(PixelFormat::Uyvy, ColourMatrix::Bt709, ColourRange::Full);
    assert_eq!(served(other), of_camera);
    let size = Size::new(8, 4);
    assert_eq!(served(FrameFormat { size, ..graph }), of_camera);
}

#[test]
fn that_an_age_is_unknown_is_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let now = std::time::Instant::now();
    let mut recorder = recorder(folder.path());
    let all = [
        CaptureTime::Paced,
        CaptureTime::Known(now),
        CaptureTime::Unknown(now),
        CaptureTime::PacedUnknown,
    ];
    for captured in all {
        let mut shot = shot(0, 9, 0, lost(0));
        shot.stamp.captured = captured;
        recorder.add(&shot, Duration::ZERO, 5).unwrap();
    }
    let mut recording = RecordingSource::open(folder.path()).unwrap();
    for captured in all {
        let again = recording.next().unwrap().unwrap().stamp.captured;
        assert_eq!(again.is_known(), captured.is_known());
        assert!(again.instant().is_none());
    }
}

#[test]
fn bytes_that_are_no_frame_are_bad_frames() {
    let folder = tempfile::tempdir().unwrap();
    recorded(folder.path());
    std::fs::write(folder.path().join("x.yuyv"), [0; 47]).unwrap();
    let line = |pixels: &str, width: &str, matrix: &str| {
        format!(
            r#"{{"frame":9,"file":"x.yuyv","at_ns":0,"unix_ns":0,"bytes":{{"pixels":"{pixels}","width":{width},"height":4,"matrix":"{matrix}","range":"full"}}}}"#
        )
    };
    let cases = [
        (
            line("yuyv", "6", "bt601"),
            "it has 47 bytes, but a frame of yuyv 6x4",
        ),
        (line("yuyv", "5", "bt601"), "yuyv 5x4 bt601 full cannot be"),
        (line("yuyv", "0", "bt601"), "cannot be"),
        (line("yuyv", "65536", "bt601"), "line 4"),
        (line("h264", "6", "bt601"), "its pixels are `h264`"),
        (line("yuyv", "6", "bt9999"), "its luma weights are `bt9999`"),
        (
            line("yuyv", "6", "bt601").replace("x.yuyv", "gone"),
            "No such file",
        ),
        (
            line("yuyv", "6", "bt601").replace("x.yuyv", "../x"),
            "outside",
        ),
    ];
    let lines: Vec<&str> = cases.iter().map(|(line, _)| line.as_str()).collect();
    std::fs::write(folder.path().join(FRAMES), lines.join("\n")).unwrap();
    let mut recording = RecordingSource::open(folder.path()).unwrap();
    for (line, want) in &cases {
        let bad = recording.next().unwrap().unwrap_err().to_string();
        assert!(bad.contains(want), "{line}: {bad}");
    }
}
