use super::*;

fn tensor(shape: &[usize], first: f32) -> Tensor {
    let n = shape.iter().product::<usize>();
    let data: Vec<f32> = (0..n).map(|i| first + i as f32).collect();
    Tensor {
        shape: shape.to_vec(),
        data: data.into(),
    }
}

fn named(keys: &[(&str, Tensor)]) -> Weights {
    let mut weights = Weights::new();
    for (key, tensor) in keys {
        weights.insert(*key, tensor.clone());
    }
    weights
}

#[test]
fn rules_go_both_ways() {
    let rules = rules();
    for rule in &rules {
        let tail = if rule.ours.ends_with("table") {
            ""
        } else {
            "weight"
        };
        let numbers: Vec<&str> = ["3", "12"][..rule.theirs.matches('#').count()].to_vec();
        assert_eq!(
            rule.ours.matches('#').count(),
            numbers.len(),
            "{}",
            rule.theirs
        );
        let key = filled(&rule.theirs, &numbers, tail);
        let one = named(&[(&key, tensor(&[1], 0.0))]);
        let found = rules
            .iter()
            .filter(|r| matched(&r.theirs, &key).is_some())
            .count();
        assert_eq!(found, 1, "{key}");
        if rule.part.is_none() {
            let ours = from_huggingface(one).unwrap();
            let (name, _) = ours.iter().next().unwrap();
            assert_eq!(theirs(&rules, name, None), key);
        }
    }
}

#[test]
fn queries_keys_and_values_are_put_together() {
    let key = |part: &str| format!("{MODULE}decoder.layers.2.self_attn.{part}_proj.bias");
    let weights = named(&[
        (&key("v"), tensor(&[2], 20.0)),
        (&key("q"), tensor(&[2], 0.0)),
        (&key("k"), tensor(&[2], 10.0)),
    ]);
    let joined = from_huggingface(weights.clone()).unwrap();
    let name = "sem_seg_head.predictor.transformer_self_attention_layers.2.self_attn.in_proj_bias";
    let bias = joined.get(name).unwrap();
    assert_eq!(bias.shape, [6]);
    assert_eq!(bias.data[..], [0.0, 1.0, 10.0, 11.0, 20.0, 21.0]);

    let mut less = weights.clone();
    less.remove(&key("k"));
    let error = from_huggingface(less).unwrap_err().to_string();
    assert!(
        error.contains(&format!("`{}` [2] is missing", key("k"))),
        "{error}"
    );
    let mut other = weights;
    other.insert(key("v"), tensor(&[3], 0.0));
    let error = from_huggingface(other).unwrap_err().to_string();
    assert!(
        error.contains(&format!("`{}` should be [2]", key("v"))),
        "{error}"
    );
}

#[test]
fn keys_of_nothing_are_named() {
    let extra = format!("{ENCODER}encoder.layers.x.downsample.norm.weight");
    let error = from_huggingface(named(&[(&extra, tensor(&[4], 0.0))])).unwrap_err();
    assert!(error.to_string().contains(&extra), "{error}");
    for key in [
        "class_predictorweight",
        "class_predictor",
        "class_predictor.weight.weight",
        "model.transformer_module.decoder.layers.0.cross_attn.in_proj_.weight",
    ] {
        let ours = from_huggingface(named(&[(key, tensor(&[1], 0.0))]));
        // A name without a tail stands for a buffer; it fits nothing later on.
        assert!(ours.is_err() || key == "class_predictor", "{key}");
    }
}

#[test]
fn older_names_are_renewed() {
    let one = || tensor(&[1], 0.0);
    let old = renew(named(&[
        ("module.backbone.stem.conv1.weight", one()),
        ("module.sem_seg_head.predictor.static_query.weight", one()),
        ("module.sem_seg_head.mask_features.weight", one()),
    ]));
    let keys: Vec<&str> = old.iter().map(|(k, _)| k).collect();
    assert_eq!(
        keys,
        [
            "backbone.stem.conv1.weight",
            "sem_seg_head.pixel_decoder.mask_features.weight",
            "sem_seg_head.predictor.query_feat.weight",
        ]
    );
    let new = named(&[
        ("sem_seg_head.pixel_decoder.mask_features.weight", one()),
        ("sem_seg_head.odd.weight", one()),
    ]);
    assert_eq!(renew(new.clone()), new);
}

#[test]
fn what_only_training_needs_is_passed_over() {
    for key in [
        "criterion.empty_weight",
        "backbone.stem.conv1.norm.num_batches_tracked",
        "backbone.layers.0.blocks.1.attn.relative_position_index",
        "sem_seg_head.predictor.transformer_cross_attention_layers.0.fusion_layer.weight",
        "model.pixel_level_module.encoder.swin.layernorm.weight",
    ] {
        assert!(passed_over(key), "{key}");
    }
    for key in [
        "backbone.norm0.weight",
        "class_predictor.weight",
        "model.fusion",
    ] {
        assert!(!passed_over(key), "{key}");
    }
}
