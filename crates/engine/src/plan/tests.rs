use super::*;
use std::path::Path;

fn key() -> PlanKey {
    PlanKey {
        graph_sha256: sha256_hex(b"graph"),
        scales_sha256: Some(sha256_hex(b"scales")),
        recipe_sha256: sha256_hex(b"recipe"),
        library: "TensorRT 10.3.0".to_owned(),
        cuda: "12.6".to_owned(),
        driver: "R36.4.3".to_owned(),
        gpu: "Orin".to_owned(),
        compute_capability: "8.7".to_owned(),
        power_mode: "MAXN".to_owned(),
    }
}

fn store(folder: &Path) -> PlanStore {
    std::fs::create_dir_all(folder).unwrap();
    PlanStore::new(
        folder,
        DeviceKey::open_or_create(&folder.join("device.key")).unwrap(),
    )
}

fn plan() -> Vec<u8> {
    (0..40_000u32)
        .flat_map(|value| value.wrapping_mul(2_654_435_761).to_le_bytes())
        .collect()
}

fn metadata() -> BuildFacts {
    BuildFacts {
        built_at: "2026-11-29T12:00:00Z".to_owned(),
        build_time_s: 181.5,
        warnings: vec!["a warning".to_owned()],
        layers: [("Convolution Int8".to_owned(), 26)].into(),
        gates: vec![Gate {
            name: "map difference".to_owned(),
            value: 0.002,
            limit: 0.0025,
        }],
    }
}

#[test]
fn plan_comes_back_with_its_receipt() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let receipt = store.store(&key(), &plan(), metadata()).unwrap();
    let loaded = store.load(&key()).unwrap();
    assert_eq!(loaded.bytes, plan());
    assert_eq!(loaded.receipt, receipt);
    assert_eq!(loaded.receipt.build, metadata());
    // A new plan of the same key takes the place of the old one.
    store.store(&key(), b"newer", metadata()).unwrap();
    assert_eq!(store.load(&key()).unwrap().bytes, b"newer");
    let plans = std::fs::read_dir(folder.path()).unwrap().flatten();
    let plans = plans.filter(|entry| entry.path().extension().is_some_and(|e| e == "plan"));
    assert_eq!(plans.count(), 1);
}

#[test]
fn every_part_of_the_key_counts() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    store.store(&key(), &plan(), metadata()).unwrap();
    type Change = (&'static str, fn(&mut PlanKey));
    let changes: [Change; 9] = [
        ("graph", |key| key.graph_sha256 = sha256_hex(b"other")),
        ("scales", |key| key.scales_sha256 = None),
        ("recipe", |key| key.recipe_sha256 = sha256_hex(b"other")),
        ("library", |key| key.library = "TensorRT 10.16.2".to_owned()),
        ("CUDA", |key| key.cuda = "13.2".to_owned()),
        ("driver", |key| key.driver = "R38.2".to_owned()),
        ("GPU", |key| key.gpu = "Thor".to_owned()),
        ("compute capability", |key| {
            key.compute_capability = "11.0".to_owned()
        }),
        ("power mode", |key| key.power_mode = "15W".to_owned()),
    ];
    let mut hashes = vec![key().hash()];
    for (part, change) in changes {
        let mut other = key();
        change(&mut other);
        assert!(!hashes.contains(&other.hash()), "{part}");
        hashes.push(other.hash());
        let error = store.load(&other).unwrap_err();
        let PlanError::Absent { changes, .. } = &error else {
            panic!("{error}")
        };
        assert_eq!(changes.len(), 1, "{error}");
        assert_eq!(changes[0].part, part, "{error}");
        assert!(
            error.to_string().contains("unmask build --recipe"),
            "{error}"
        );
    }
}

#[test]
fn changed_bytes_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let receipt = store.store(&key(), &plan(), metadata()).unwrap();
    let file = folder.path().join(&receipt.plan_file);
    let whole = plan();
    // A thousand single bytes, over the whole plan, by a different amount each.
    for n in 0..1000usize {
        let mut bytes = whole.clone();
        let at = n * whole.len() / 1000;
        bytes[at] ^= (n % 255 + 1) as u8;
        std::fs::write(&file, &bytes).unwrap();
        let error = store.load(&key()).unwrap_err();
        assert!(
            matches!(error, PlanError::Plan { .. }),
            "byte {at}: {error}"
        );
    }
    for n in 0..100 {
        let length = n * whole.len() / 100;
        std::fs::write(&file, &whole[..length]).unwrap();
        let error = store.load(&key()).unwrap_err();
        assert!(
            matches!(error, PlanError::Plan { .. }),
            "{length} bytes: {error}"
        );
    }
    std::fs::write(&file, [whole.as_slice(), b"x"].concat()).unwrap();
    assert!(store.load(&key()).is_err(), "one byte more");
    std::fs::remove_file(&file).unwrap();
    assert!(
        store
            .load(&key())
            .unwrap_err()
            .to_string()
            .contains("the plan is gone")
    );
    std::fs::write(&file, &whole).unwrap();
    store.load(&key()).unwrap();
}

#[test]
fn changed_receipts_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let receipt = store.store(&key(), &plan(), metadata()).unwrap();
    let file = folder.path().join(format!("{}.json", &key().hash()[..16]));
    let whole = std::fs::read(&file).unwrap();
    for at in 0..whole.len() {
        let mut text = whole.clone();
        text[at] ^= 1;
        std::fs::write(&file, &text).unwrap();
        // A space for another leaves the receipt what it was, and so does `a` for `A` in a MAC.
        match store.load(&key()) {
            Err(PlanError::Receipt { .. } | PlanError::Seal { .. }) => {}
            Err(error) => panic!("byte {at}: {error}"),
            Ok(loaded) => assert_eq!(loaded.receipt.build, receipt.build, "byte {at}"),
        }
    }
    for length in (0..whole.len() - 2).step_by(whole.len() / 100) {
        std::fs::write(&file, &whole[..length]).unwrap();
        let error = store.load(&key()).unwrap_err();
        assert!(
            matches!(error, PlanError::Receipt { .. }),
            "{length} bytes: {error}"
        );
    }
    // A receipt that points out of the folder is not followed.
    let text = String::from_utf8(whole)
        .unwrap()
        .replace(&receipt.plan_file, "../x.plan");
    std::fs::write(&file, text).unwrap();
    assert!(
        store
            .load(&key())
            .unwrap_err()
            .to_string()
            .contains("another folder")
    );
}

#[test]
fn plan_of_another_device_is_refused() {
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    store(there.path())
        .store(&key(), &plan(), metadata())
        .unwrap();
    let store = store(here.path());
    for entry in std::fs::read_dir(there.path()).unwrap().flatten() {
        if entry.file_name() != "device.key" {
            std::fs::copy(entry.path(), here.path().join(entry.file_name())).unwrap();
        }
    }
    let error = store.load(&key()).unwrap_err();
    assert!(matches!(error, PlanError::Seal { .. }), "{error}");
    // Renamed to another key's place, a receipt of this device is not taken either.
    store.store(&key(), &plan(), metadata()).unwrap();
    let mut other = key();
    other.power_mode = "15W".to_owned();
    let name = |key: &PlanKey| here.path().join(format!("{}.json", &key.hash()[..16]));
    std::fs::copy(name(&key()), name(&other)).unwrap();
    let error = store.load(&other).unwrap_err();
    assert!(
        error.to_string().contains("power mode was MAXN, is 15W"),
        "{error}"
    );
}

#[test]
fn device_key_is_kept_and_guarded() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("device.key");
    let made = DeviceKey::open_or_create(&file).unwrap();
    let read = DeviceKey::open_or_create(&file).unwrap();
    assert_eq!(made.mac(b"x"), read.mac(b"x"));
    assert!(read.verifies(b"x", &made.mac(b"x")) && !read.verifies(b"y", &made.mac(b"x")));
    let other = DeviceKey::open_or_create(&folder.path().join("other.key")).unwrap();
    assert_ne!(made.mac(b"x"), other.mac(b"x"));
    device_key::set_mode(&file, 0o644);
    let error = DeviceKey::open_or_create(&file).map(drop).unwrap_err();
    assert!(error.to_string().contains("chmod 600"), "{error}");
    device_key::set_mode(&file, 0o600);
    for length in [0, 31, 33, 1000] {
        std::fs::write(&file, vec![1; length]).unwrap();
        let error = DeviceKey::open_or_create(&file).map(drop).unwrap_err();
        assert!(
            matches!(error, DeviceKeyError::Length { .. }),
            "{length}: {error}"
        );
    }
}

#[test]
fn folder_that_cannot_be_written_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let device_key = DeviceKey::open_or_create(&folder.path().join("device.key")).unwrap();
    // A file where the folder should be: refused for root, too.
    std::fs::write(folder.path().join("plans"), "").unwrap();
    let store = PlanStore::new(folder.path().join("plans"), device_key);
    let error = store.store(&key(), &plan(), metadata()).unwrap_err();
    assert!(matches!(error, PlanError::Io { .. }), "{error}");
}
