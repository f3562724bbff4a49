//! The training data on real files, where `UNMASK_DATA` names a folder with them.

use unmask_train::data::*;

#[test]
fn camvid_is_whole() {
    let Some(root) = unmask_oracle::data("camvid_is_whole") else {
        return;
    };
    for (split, len) in [("train", 367), ("val", 101)] {
        let set = PictureDataset::camvid(&root.join("camvid"), split).unwrap();
        assert_eq!(set.len(), len);
        let wrong = set.check(|| ());
        assert!(wrong.is_empty(), "{}", wrong[0]);
    }
}

#[test]
fn coco128_has_581_objects_that_do_not_belong() {
    let Some(root) = unmask_oracle::data("coco128_has_581_objects_that_do_not_belong") else {
        return;
    };
    let set = read_yolo(
        &root.join("coco128"),
        &ROAD_CLASSES_COCO80,
        &CutSettings::default(),
    )
    .unwrap();
    println!("{:?}", set.counts);
    assert_eq!(set.counts.objects - set.counts.excluded, 581);
    let all = CutSettings {
        min_area_px: 0,
        ..CutSettings::default()
    };
    let every = read_yolo(&root.join("coco128"), &ROAD_CLASSES_COCO80, &all).unwrap();
    let (kept, counts) = (every.outliers.len(), every.counts);
    assert_eq!(kept + counts.empty + counts.no_picture, 581);
    assert!(every.outliers.iter().all(OutlierObject::is_sound));
}

#[test]
fn a_resumed_run_sees_the_same_real_batches() {
    let Some(root) = unmask_oracle::data("a_resumed_run_sees_the_same_real_batches") else {
        return;
    };
    let recipe = |probability| {
        let set = PictureDataset::camvid(&root.join("camvid"), "train").unwrap();
        let cut = CutSettings {
            max_objects: Some(40),
            ..CutSettings::default()
        };
        let objects = read_yolo(&root.join("coco128"), &ROAD_CLASSES_COCO80, &cut).unwrap();
        let paste = PasteSettings {
            probability,
            ground: CAMVID_GROUND.to_vec(),
            ..PasteSettings::default()
        };
        let recipe = LoaderRecipe {
            mixture: SourceMixture::new(vec![(set, 1.0)]).unwrap(),
            augment: AugmentSettings {
                crop: (256, 128),
                ..AugmentSettings::default()
            },
            paste: Some((paste, objects.outliers.into())),
            normalise: InputNormalisation::default(),
            batch_size: 4,
        };
        recipe.check().unwrap();
        recipe
    };
    let run = BatchLoader::new(recipe(1.0), 1, 11).unwrap();
    let batches: Vec<ExampleBatch> = (0..4).map(|step| run.batch(step).unwrap()).collect();
    let resumed = BatchLoader::new(recipe(1.0), 2, 11).unwrap();
    assert_eq!(resumed.batch(3).unwrap(), batches[3]);

    for batch in &batches {
        let mean = batch.images.iter().sum::<f32>() / batch.images.len() as f32;
        assert!(
            mean.abs() < 2.0,
            "normalised values lie about 0, not {mean}"
        );
        assert!(
            batch
                .labels
                .iter()
                .all(|&v| v <= 10 || v == VOID || v == PASTED)
        );
        let pasted = batch
            .labels
            .chunks(256 * 128)
            .filter(|l| l.contains(&PASTED))
            .count();
        assert!(pasted >= 3, "{pasted} of 4 have an object in sight");
    }
    let plain = BatchLoader::new(recipe(0.0), 1, 11)
        .unwrap()
        .batch(0)
        .unwrap();
    assert!(!plain.labels.contains(&PASTED));
    assert_eq!(plain.names, batches[0].names);
}
