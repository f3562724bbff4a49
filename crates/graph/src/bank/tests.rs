use super::*;

fn samples(n: usize, channels: usize, seed: u64) -> Samples {
    let mut state = seed;
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / 2f32.powi(24) - 0.5
    };
    let mut features = Vec::new();
    for _ in 0..n {
        let base: Vec<f32> = (0..channels).map(|_| next()).collect();
        // Channels of unequal spread, and dependent on each other.
        features.extend((0..channels).map(|c| {
            (c + 1) as f32 * base[c] + base[(c + 1) % channels] + 3.0
        }));
    }
    Samples {
        features,
        frames: n / 10,
    }
}

fn bank() -> FeatureBank {
    let options = LearnOptions {
        entries: 100,
        beyond: 0.1,
        slope: 2.0,
    };
    FeatureBank::learn(
        EfficientNet::Lite0,
        4,
        &samples(1000, 4, 1),
        &samples(200, 4, 2),
        &options,
    )
    .unwrap()
}

#[test]
fn whitened_features_have_unit_covariance() {
    let bank = bank();
    let all = samples(1000, 4, 1).features;
    let z: Vec<Vec<f32>> = all.chunks_exact(4).map(|f| bank.whiten(f)).collect();
    for i in 0..4 {
        for j in 0..4 {
            let covariance: f32 = z.iter().map(|z| z[i] * z[j]).sum::<f32>() / z.len() as f32;
            let wanted = if i == j { 1.0 } else { 0.0 };
            assert!((covariance - wanted).abs() < 0.02, "{i} {j}: {covariance}");
        }
    }
}

#[test]
fn tolerance_lets_the_asked_share_beyond() {
    let bank = bank();
    let held_out = samples(200, 4, 2).features;
    let beyond = held_out
        .chunks_exact(4)
        .filter(|f| bank.distance(f).ln() > bank.strength.tolerance)
        .count();
    assert!((18..=21).contains(&beyond), "{beyond} of 200");
    assert_eq!(bank.len(), 100);
    let strange = bank.distance(&[30.0, -20.0, 9.0, 0.0]).ln();
    assert!(strange > bank.strength.tolerance + 1.0);
}

#[test]
fn a_bank_survives_writing_and_reading() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bank.safetensors");
    std::fs::write(&path, bank().to_bytes().unwrap()).unwrap();
    assert_eq!(FeatureBank::read(&path).unwrap(), bank());
    std::fs::write(&path, b"no bank").unwrap();
    assert!(FeatureBank::read(&path).is_err());
}

#[test]
fn too_few_cells_and_bad_options_are_refused() {
    let (few, some) = (samples(3, 4, 1), samples(50, 4, 1));
    let learn = |train: &Samples, options| {
        FeatureBank::learn(EfficientNet::Lite0, 4, train, &some, &options)
            .unwrap_err()
            .to_string()
    };
    assert!(learn(&few, LearnOptions::default()).contains("too few"));
    let none = LearnOptions {
        entries: 0,
        ..LearnOptions::default()
    };
    assert!(learn(&some, none).contains("0 entries"));
    let all = LearnOptions {
        beyond: 1.0,
        ..LearnOptions::default()
    };
    assert!(learn(&some, all).contains("share"));
}
