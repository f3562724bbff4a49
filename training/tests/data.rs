//! The training data on real files, where `UNMASK_DATA` names a folder with them.

use std::path::PathBuf;

use unmask_train::data::*;

/// The folder with real data, or a line that says why the test was passed over.
fn real(test: &str) -> Option<PathBuf> {
    let root = std::env::var_os("UNMASK_DATA").map(PathBuf::from);
    if root.is_none() {
        println!("skipped {test}: UNMASK_DATA is not set");
    }
    root
}

#[test]
fn camvid_is_whole() {
    let Some(root) = real("camvid_is_whole") else {
        return;
    };
    for (split, len) in [("train", 367), ("val", 101)] {
        let set = Dataset::camvid(&root.join("camvid"), split).unwrap();
        assert_eq!(set.len(), len);
        let wrong = set.check(|| ());
        assert!(wrong.is_empty(), "{}", wrong[0]);
    }
}

#[test]
fn coco128_has_581_objects_that_do_not_belong() {
    let Some(root) = real("coco128_has_581_objects_that_do_not_belong") else {
        return;
    };
    let set = read_yolo(&root.join("coco128"), &ROAD_CLASSES_COCO80, &Cut::default()).unwrap();
    println!("{:?}", set.counts);
    assert_eq!(set.counts.objects - set.counts.excluded, 581);
    let all = Cut {
        min_area_px: 0,
        ..Cut::default()
    };
    let every = read_yolo(&root.join("coco128"), &ROAD_CLASSES_COCO80, &all).unwrap();
    let (kept, counts) = (every.outliers.len(), every.counts);
    assert_eq!(kept + counts.empty + counts.no_picture, 581);
    assert!(every.outliers.iter().all(Outlier::is_sound));
}
