use super::*;

fn tensor(shape: &[usize], first: f32) -> WeightTensor {
    let n = shape.iter().product::<usize>();
    let data: Vec<f32> = (0..n).map(|i| first + i as f32).collect();
    WeightTensor {
        shape: shape.to_vec(),
        data: data.into(),
    }
}

fn named(keys: &[(&str, WeightTensor)]) -> CheckpointWeights {
    let mut weights = CheckpointWeights::new();
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
        ("backbone.stem.conv1.weight", one()),
        ("sem_seg_head.predictor.static_query.weight", one()),
        ("sem_seg_head.mask_features.weight", one()),
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
fn wrappers_are_taken_off_names() {
    let detectron = [
        "backbone.stem.conv1.weight",
        "sem_seg_head.predictor.query_feat.weight",
    ];
    let hugging = [
        "class_predictor.weight",
        "model.pixel_level_module.decoder.mask_projection.weight",
    ];
    let wrappers = [
        "",
        "module.",
        "_orig_mod.",
        "model.",
        "module._orig_mod.",
        "_orig_mod.module.",
        "model.module.model.",
        "state_dict.net._orig_mod.",
        "_fsdp_wrapped_module.module.",
    ];
    for names in [detectron, hugging] {
        for wrapper in wrappers {
            let keys = names.map(|name| format!("{wrapper}{name}"));
            let map = KeyMap::of(keys.iter().map(String::as_str));
            for (key, name) in keys.iter().zip(names) {
                assert_eq!(map.name(key).as_deref(), Some(name), "{key}");
            }
            let criterion = format!("{wrapper}criterion.empty_weight");
            assert_eq!(map.name(&criterion), None, "{wrapper}");
        }
    }
    // One layer wrapped; a moving average next to the network keeps its own names.
    let keys = [
        "model.sem_seg_head.a.weight",
        "model.backbone._orig_mod.stem.weight",
        "model.model.sem_seg_head.a.weight",
        "other.weight",
    ];
    let map = KeyMap::of(keys);
    let names: Vec<String> = keys.iter().filter_map(|key| map.name(key)).collect();
    assert_eq!(
        names,
        [
            "sem_seg_head.a.weight",
            "backbone.stem.weight",
            "model.sem_seg_head.a.weight",
            "other.weight",
        ]
    );
}

#[test]
fn both_generations_of_swin_names_are_one() {
    let block = format!("{ENCODER}encoder.layers.1.blocks.0.");
    let newer = format!("{ENCODER}swin.encoder.layers.1.blocks.0.");
    for (theirs, ours) in [
        ("attention.self.query.bias", "attention.q_proj.bias"),
        ("attention.self.key.bias", "attention.k_proj.bias"),
        ("attention.self.value.bias", "attention.v_proj.bias"),
        ("attention.output.dense.weight", "attention.o_proj.weight"),
        (
            "attention.self.relative_position_bias_table",
            "attention.relative_position_bias.relative_position_bias_table",
        ),
        ("intermediate.dense.weight", "mlp.fc1.weight"),
        ("output.dense.weight", "mlp.fc2.weight"),
        ("layernorm_before.weight", "layernorm_before.weight"),
    ] {
        assert_eq!(older(&format!("{newer}{ours}")), format!("{block}{theirs}"));
        assert_eq!(
            older(&format!("{block}{theirs}")),
            format!("{block}{theirs}")
        );
    }
    // Names of the decoder have the same words and stay.
    let decoder = format!("{MODULE}decoder.layers.0.self_attn.q_proj.weight");
    assert_eq!(older(&decoder), decoder);
}

#[test]
fn foreign_checkpoints_are_refused_with_their_reason() {
    for (key, says) in [
        (
            "pixel_level_module.a.weight",
            "without its `class_predictor`",
        ),
        ("decode_head.a.weight", "OpenMMLab"),
        ("base_model.model.a.weight", "`peft`"),
        (
            "layer1.0.conv1.weight",
            "(the first is `layer1.0.conv1.weight`)",
        ),
    ] {
        let what = foreign(&named(&[(key, tensor(&[1], 0.0))]));
        assert!(what.contains(says) && what.contains(key), "{what}");
    }
    assert!(foreign(&named(&[])).contains("no weights"));
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
