//! Folders of pictures, labels and scores, made and read.

use super::*;
use png::{BitDepth, ColorType};
use std::fs::File;

fn save(
    path: &Path,
    (w, h): (u32, u32),
    colour: ColorType,
    depth: BitDepth,
    data: &[u8],
) -> PathBuf {
    let mut encoder = png::Encoder::new(File::create(path).unwrap(), w, h);
    encoder.set_color(colour);
    encoder.set_depth(depth);
    if colour == ColorType::Indexed {
        encoder.set_palette(vec![9u8; 3 * 16]);
    }
    encoder
        .write_header()
        .unwrap()
        .write_image_data(data)
        .unwrap();
    path.into()
}

#[test]
fn every_kind_of_label_picture_gives_its_values() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let eight = BitDepth::Eight;
    let rules = LabelRules::new(&[1, 2], &[255, 3], &[]).unwrap();
    let want = [0, 1, 255, 1, 255, 0];
    let grey = [0, 1, 255, 2, 3, 0];
    let triple: Vec<u8> = grey.iter().flat_map(|&v| [v; 3]).collect();
    let opaque: Vec<u8> = grey.iter().flat_map(|&v| [v, v, v, 255]).collect();
    let grey_opaque: Vec<u8> = grey.iter().flat_map(|&v| [v, 255]).collect();
    for (name, colour, data) in [
        ("grey", ColorType::Grayscale, &grey[..]),
        ("rgb", ColorType::Rgb, &triple),
        ("rgba", ColorType::Rgba, &opaque),
        ("grey_alpha", ColorType::GrayscaleAlpha, &grey_opaque),
    ] {
        let path = save(&at(name), (3, 2), colour, eight, data);
        let labels = read_labels(&path, &rules).unwrap();
        assert_eq!(labels.data(), want, "{name}");
        assert_eq!(labels.size(), Size::new(3, 2));
    }
    let palette = save(
        &at("p"),
        (3, 2),
        ColorType::Indexed,
        eight,
        &[0, 1, 3, 2, 3, 0],
    );
    assert_eq!(read_labels(&palette, &rules).unwrap().data(), want);
    // Two bits a pixel, rows padded to bytes: 0 1 3 | 2 3 0.
    for colour in [ColorType::Grayscale, ColorType::Indexed] {
        let data = [0b0001_1100, 0b1011_0000];
        let two_bits = save(&at("two"), (3, 2), colour, BitDepth::Two, &data);
        assert_eq!(read_labels(&two_bits, &rules).unwrap().data(), want);
    }
    let one_bit = save(
        &at("one"),
        (3, 1),
        ColorType::Grayscale,
        BitDepth::One,
        &[0b0100_0000],
    );
    assert_eq!(read_labels(&one_bit, &rules).unwrap().data(), [0, 1, 0]);
}

#[test]
fn unusable_label_pictures_say_why() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let rules = LabelRules::default();
    let said = |path: &Path| read_labels(path, &rules).unwrap_err();
    let colours = [1, 1, 1, 1, 0, 1];
    let path = save(
        &at("rgb"),
        (2, 1),
        ColorType::Rgb,
        BitDepth::Eight,
        &colours,
    );
    assert!(said(&path).contains("[1, 0, 1] at column 1, row 0"));
    let clear = [1, 1, 1, 0];
    let path = save(
        &at("clear"),
        (1, 1),
        ColorType::Rgba,
        BitDepth::Eight,
        &clear,
    );
    assert!(said(&path).contains("colour picture"));
    let deep = [0; 4];
    let path = save(
        &at("deep"),
        (2, 1),
        ColorType::Grayscale,
        BitDepth::Sixteen,
        &deep,
    );
    assert!(said(&path).contains("16 bits"));
    let path = save(
        &at("two"),
        (2, 2),
        ColorType::Grayscale,
        BitDepth::Eight,
        &[0, 1, 2, 0],
    );
    let message = said(&path);
    assert!(message.contains("value 2 at column 0, row 1"), "{message}");
    assert!(
        message.contains("anomaly is 1, ignore is 255, normal is 0"),
        "{message}"
    );
    let noise: Vec<u8> = (0..64 * 64u32)
        .map(|i| (i.wrapping_mul(i) >> 7) as u8 & 1)
        .collect();
    let path = save(
        &at("cut"),
        (64, 64),
        ColorType::Grayscale,
        BitDepth::Eight,
        &noise,
    );
    assert!(read_labels(&path, &rules).is_ok());
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    assert!(said(&path).contains("not a readable PNG"));
    std::fs::write(&path, b"hello").unwrap();
    assert!(said(&path).contains("not a readable PNG"));
    assert!(!said(&at("missing")).is_empty());
}

#[test]
fn rules_must_not_contradict() {
    let error = LabelRules::new(&[2], &[255, 2], &[]).unwrap_err();
    let said = "label value 2 is given twice: as anomaly and as ignore";
    assert_eq!(error.to_string(), said);
    assert!(LabelRules::new(&[1], &[], &[1]).is_err());
    // LostAndFound: 0 is ignored, 1 is road, 2 and more are objects.
    let rules = LabelRules::new(&[2, 3], &[0], &[1]).unwrap();
    let read = |value: usize| rules.meaning[value];
    assert_eq!(
        [read(0), read(1), read(2), read(4)],
        [Some(255), Some(0), Some(1), None]
    );
}

fn touch(path: PathBuf) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, b"").unwrap();
}

#[test]
fn files_are_paired_by_stem() {
    let dir = tempfile::tempdir().unwrap();
    for name in [
        "images/b.jpg",
        "images/a.webp",
        "images/c.d.PNG",
        "images/notes.txt",
    ] {
        touch(dir.path().join(name));
    }
    for name in [
        "labels/a.png",
        "labels/b.png",
        "labels/c.d.png",
        "labels/.b.png",
    ] {
        touch(dir.path().join(name));
    }
    let (found, bad) = labelled_pictures(dir.path()).unwrap();
    assert!(bad.is_empty(), "{bad:?}");
    let names: Vec<_> = found.iter().map(|found| found.name.as_str()).collect();
    assert_eq!(names, ["a", "b", "c.d"]);
    assert_eq!(found[2].picture, dir.path().join("images/c.d.PNG"));
    assert_eq!(found[2].labels, dir.path().join("labels/c.d.png"));
}

#[test]
fn files_alone_or_double_are_bad_pictures() {
    let dir = tempfile::tempdir().unwrap();
    for name in [
        "images/a.jpg",
        "images/a.png",
        "images/b.jpg",
        "labels/a.png",
        "labels/c.png",
    ] {
        touch(dir.path().join(name));
    }
    let (found, bad) = labelled_pictures(dir.path()).unwrap();
    assert_eq!(found.len(), 1);
    let said: Vec<_> = bad.iter().map(|bad| bad.problem.to_string()).collect();
    assert!(said[0].contains("a.png has the same name as"), "{said:?}");
    assert!(
        said[1].contains("b.jpg has no label picture (.png)"),
        "{said:?}"
    );
    assert!(
        said[2].contains("c.png has no picture (.jpg, .png, .webp)"),
        "{said:?}"
    );
}

#[test]
fn empty_and_missing_folders_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let said = |scores: &str, labels: &str| {
        let at = |name: &str| dir.path().join(name);
        saved_scores(&at(scores), &at(labels))
            .unwrap_err()
            .to_string()
    };
    touch(dir.path().join("scores/a.npy"));
    touch(dir.path().join("empty/readme.txt"));
    assert!(said("nowhere", "empty").contains("nowhere"));
    let message = said("scores", "empty");
    assert!(
        message.ends_with("empty holds no label picture (.png)"),
        "{message}"
    );
    assert!(said("empty", "scores").contains("holds no score map (.npy)"));
}

#[test]
fn the_benchmarks_own_layout_is_paired() {
    let dir = tempfile::tempdir().unwrap();
    let file = |path: &str| {
        let path = dir.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "").unwrap();
    };
    for name in ["validation_1", "validation_2"] {
        file(&format!("images/{name}.webp"));
        file(&format!("labels_masks/{name}_labels_semantic.png"));
        file(&format!("labels_masks/{name}_labels_semantic_color.png"));
        file(&format!("scores/{name}.npy"));
    }
    let (pictures, bad) = labelled_pictures(dir.path()).unwrap();
    let names: Vec<&str> = pictures.iter().map(|p| p.name.as_str()).collect();
    assert_eq!(names, ["validation_1", "validation_2"]);
    assert!(bad.is_empty(), "{bad:?}");
    assert!(
        pictures[0]
            .labels
            .ends_with("labels_masks/validation_1_labels_semantic.png")
    );
    let labels = label_folder(dir.path());
    let (pairs, bad) = saved_scores(&dir.path().join("scores"), &labels).unwrap();
    assert_eq!((pairs.len(), bad.len()), (2, 0));
    // A folder called `labels` is the data set's own.
    file("labels/validation_1.png");
    assert!(label_folder(dir.path()).ends_with("labels"));
    let none = tempfile::tempdir().unwrap();
    assert!(label_folder(none.path()).ends_with("labels"));
}
