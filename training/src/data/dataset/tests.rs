use super::*;

/// Writes a 4×2 picture.
fn picture(path: PathBuf) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    image::RgbImage::from_pixel(4, 2, image::Rgb([9, 8, 7]))
        .save(path)
        .unwrap();
}

/// Writes a label map, 4 wide.
fn labels(path: PathBuf, values: &[u8]) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let h = values.len() as u32 / 4;
    image::GrayImage::from_raw(4, h, values.to_vec())
        .unwrap()
        .save(path)
        .unwrap();
}

fn camvid_folder() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for stem in ["b", "a"] {
        picture(dir.path().join(format!("train/images/{stem}.png")));
        labels(
            dir.path().join(format!("train/labels/{stem}.png")),
            &[0, 1, 2, 3, 10, 11, 255, 4],
        );
    }
    dir
}

#[test]
fn camvid_gives_train_ids_and_void() {
    let dir = camvid_folder();
    let set = PictureDataset::camvid(dir.path(), "train").unwrap();
    assert_eq!((set.len(), set.is_empty(), set.classes()), (2, false, 11));
    let sample = set.get(0).unwrap();
    assert_eq!(sample.name, "a");
    assert_eq!(sample.labels, [0, 1, 2, 3, 10, VOID, VOID, 4]);
    assert_eq!(sample.picture.at(3, 1), [9, 8, 7]);
    assert!(set.check(|| ()).is_empty());
    let error = set.get(2).unwrap_err();
    assert!(
        matches!(
            error,
            DataError::Index {
                index: 2,
                len: 2,
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn camvid_names_what_is_wrong() {
    let dir = camvid_folder();
    let open = || PictureDataset::camvid(dir.path(), "train");
    let bad = dir.path().join("train/labels/b.png");
    labels(bad.clone(), &[0, 1, 2, 3, 0, 12, 13, 0]);
    let found = open().unwrap().check(|| ());
    assert_eq!(found.len(), 1);
    let message = found[0].to_string();
    assert!(
        message.contains("b.png") && message.contains("value 12"),
        "{message}"
    );
    assert!(message.contains("column 1, row 1"), "{message}");

    labels(bad.clone(), &[0; 4]);
    let message = open().unwrap().get(1).unwrap_err().to_string();
    assert!(
        message.contains("4x1") && message.contains("4x2"),
        "{message}"
    );

    std::fs::remove_file(&bad).unwrap();
    let error = open().unwrap_err();
    assert!(matches!(
        error,
        DataError::Partner {
            partner: "label map",
            ..
        }
    ));
    assert!(error.to_string().contains("labels/b.png"), "{error}");

    picture(dir.path().join("train/images/a.jpg"));
    assert!(matches!(open().unwrap_err(), DataError::SameStem { .. }));
    assert!(matches!(
        PictureDataset::camvid(dir.path(), "val").unwrap_err(),
        DataError::Read { .. }
    ));
    std::fs::create_dir_all(dir.path().join("test/images")).unwrap();
    assert!(matches!(
        PictureDataset::camvid(dir.path(), "test").unwrap_err(),
        DataError::Empty { .. }
    ));
}

#[test]
fn cityscapes_takes_train_ids_or_maps_label_ids() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    for name in ["aachen/aachen_0", "ulm/ulm_7"] {
        picture(root.join(format!("leftImg8bit/val/{name}_leftImg8bit.png")));
    }
    picture(root.join("leftImg8bit/val/ulm/preview.png"));
    std::fs::write(root.join("leftImg8bit/val/license.txt"), "x").unwrap();
    let label = |name: &str| root.join(format!("gtFine/val/{name}"));
    labels(
        label("aachen/aachen_0_gtFine_labelTrainIds.png"),
        &[0, 18, 255, 1, 2, 3, 4, 5],
    );
    labels(label("aachen/aachen_0_gtFine_labelIds.png"), &[200; 8]);
    let error = PictureDataset::cityscapes(root, "val").unwrap_err();
    assert!(
        error.to_string().contains("ulm_7_gtFine_labelTrainIds.png"),
        "{error}"
    );
    labels(
        label("ulm/ulm_7_gtFine_labelIds.png"),
        &[7, 8, 33, 0, 255, 29, 26, 11],
    );

    let set = PictureDataset::cityscapes(root, "val").unwrap();
    assert_eq!((set.len(), set.classes()), (2, 19));
    let first = set.get(0).unwrap();
    assert_eq!(first.labels, [0, 18, VOID, 1, 2, 3, 4, 5]);
    assert_eq!(first.name, "aachen_0_leftImg8bit");
    assert_eq!(
        set.get(1).unwrap().labels,
        [0, 1, 18, VOID, VOID, VOID, 13, 2]
    );

    labels(
        label("ulm/ulm_7_gtFine_labelIds.png"),
        &[7, 8, 34, 0, 0, 0, 0, 0],
    );
    let message = set.get(1).unwrap_err().to_string();
    assert!(
        message.contains("value 34") && message.contains("label ids"),
        "{message}"
    );
    labels(
        label("aachen/aachen_0_gtFine_labelTrainIds.png"),
        &[0, 19, 0, 0, 0, 0, 0, 0],
    );
    let message = set.get(0).unwrap_err().to_string();
    assert!(
        message.contains("value 19") && message.contains("train ids"),
        "{message}"
    );

    std::fs::create_dir_all(root.join("leftImg8bit/empty/bonn")).unwrap();
    let error = PictureDataset::cityscapes(root, "empty").unwrap_err();
    assert!(matches!(error, DataError::Empty { .. }));
}

fn frame(values: &[u8]) -> LabelledSample {
    let picture = Picture::filled(Size::new(2, 2), [1, 2, 3]);
    LabelledSample {
        name: "scene 4".into(),
        picture,
        labels: values.to_vec(),
    }
}

#[test]
fn frames_from_memory_are_checked_as_files_are() {
    let set = PictureDataset::frames("drive", 3, 5, |i| {
        Ok(frame(match i {
            0 => &[0, 4, VOID, PASTED],
            1 => &[0, 4, 5, 0],
            _ => &[0],
        }))
    });
    assert_eq!((set.len(), set.classes(), set.name()), (3, 5, "drive"));
    assert!(set.get(0).is_ok());
    let message = set.get(1).unwrap_err().to_string();
    assert!(
        message.contains("scene 4") && message.contains("value 5"),
        "{message}"
    );
    assert!(matches!(
        set.get(2).unwrap_err(),
        DataError::SizeMismatch { .. }
    ));
    assert!(matches!(set.get(3).unwrap_err(), DataError::Index { .. }));
    assert!(set.check(|| ()).is_empty());
}

#[test]
fn scenes_are_mapped_to_the_classes_of_the_network() {
    let size = Size::new(2, 2);
    let scene = |classes: &[u8], anomaly| {
        LabelledSample::from_scene(
            "s",
            Picture::filled(size, [0; 3]),
            classes,
            &[3, VOID, 8],
            anomaly,
        )
    };
    assert_eq!(
        scene(&[0, 1, 2, 255], PASTED).unwrap().labels,
        [3, VOID, 8, PASTED]
    );
    assert_eq!(
        scene(&[0, 1, 2, 255], VOID).unwrap().labels,
        [3, VOID, 8, VOID]
    );
    let message = scene(&[0, 0, 3, 0], VOID).unwrap_err().to_string();
    assert!(message.contains("value 3 at column 0, row 1"), "{message}");
    assert!(matches!(
        scene(&[0, 0, 0], VOID).unwrap_err(),
        DataError::SizeMismatch { .. }
    ));
}

#[test]
fn a_picture_without_pixels_is_refused() {
    let picture = Picture::filled(Size::new(0, 4), [0; 3]);
    let sample = LabelledSample {
        name: "none".into(),
        picture,
        labels: Vec::new(),
    };
    assert!(matches!(
        sample.check().unwrap_err(),
        DataError::Decode { .. }
    ));
}
