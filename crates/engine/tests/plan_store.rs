//! A process that is ended while it stores plans, at any moment, leaves one that loads.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use unmask_engine::plan::{BuildFacts, DeviceKey, PlanKey, PlanStore, sha256_hex};

/// Names the folder for the child.
const FOLDER: &str = "UNMASK_TEST_PLAN_FOLDER";

/// Number of the child's first plan.
const FIRST: &str = "UNMASK_TEST_PLAN_FIRST";

/// Says that the child has begun to store.
const STARTED: &str = "started";

fn store(folder: &Path) -> PlanStore {
    PlanStore::new(
        folder,
        DeviceKey::open_or_create(&folder.join("device.key")).unwrap(),
    )
}

fn key() -> PlanKey {
    PlanKey {
        graph_sha256: sha256_hex(b"graph"),
        scales_sha256: None,
        recipe_sha256: sha256_hex(b"recipe"),
        library: "TensorRT 10.3.0".to_owned(),
        cuda: "12.6".to_owned(),
        driver: "R36.4.3".to_owned(),
        gpu: "Orin".to_owned(),
        compute_capability: "8.7".to_owned(),
        power_mode: "MAXN".to_owned(),
    }
}

/// A plan that says which one it is, of a size that takes a while to write.
fn plan(number: u32) -> Vec<u8> {
    number.to_le_bytes().repeat(500_000)
}

/// Not a test of its own: stores plans until it is ended.
#[test]
fn child_stores_until_it_is_killed() {
    let Some(folder) = std::env::var_os(FOLDER) else {
        return;
    };
    let folder = Path::new(&folder);
    let store = store(folder);
    std::fs::write(folder.join(STARTED), "").unwrap();
    let first: u32 = std::env::var(FIRST).unwrap().parse().unwrap();
    for number in first.. {
        store
            .store(&key(), &plan(number), BuildFacts::default())
            .unwrap();
    }
}

#[test]
fn killed_store_leaves_a_plan() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    // Kills come at any moment of the child's first few plans, however slow the disk is.
    let start = Instant::now();
    store
        .store(&key(), &plan(0), BuildFacts::default())
        .unwrap();
    let span_us = (start.elapsed().as_micros() as u64).max(5_000) * 6;
    let (mut state, mut last, mut replaced) = (88_172_645_463_325_252u64, 0, 0);
    for round in 0..50 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["child_stores_until_it_is_killed", "--exact"])
            .env(FOLDER, folder.path())
            .env(FIRST, ((round + 1) * 10_000).to_string())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        while !folder.path().join(STARTED).exists() {
            assert!(
                child.try_wait().unwrap().is_none(),
                "the child ended by itself"
            );
            std::thread::sleep(Duration::from_micros(200));
        }
        std::thread::sleep(Duration::from_micros(state % span_us));
        child.kill().unwrap();
        child.wait().unwrap();
        std::fs::remove_file(folder.path().join(STARTED)).unwrap();
        let loaded = store
            .load(&key())
            .unwrap_or_else(|error| panic!("round {round}: {error}"));
        let number = u32::from_le_bytes(loaded.bytes[..4].try_into().unwrap());
        assert_eq!(loaded.bytes, plan(number), "round {round}");
        replaced += usize::from(number != last);
        last = number;
    }
    println!("50 kills, {replaced} times with another plan in service");
    assert!(
        replaced >= 10,
        "the child hardly stored anything: {replaced} of 50"
    );
    // What ended builds left goes with the next build.
    store
        .store(&key(), &plan(0), BuildFacts::default())
        .unwrap();
    assert_eq!(
        std::fs::read_dir(folder.path()).unwrap().count(),
        3,
        "key, plan, receipt"
    );
}
