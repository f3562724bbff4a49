//! The network on burn against a plain PyTorch restatement of the paper: values and gradients.

mod common;

use burn::tensor::{Device, Tensor};
use common::network::tiny;
use common::{assert_close, read, tensor, weights};
use unmask_network::{
    AttentionKind, HeadKind, MaskHead, MaskNetwork, NetworkConfig, NetworkOutputs,
};
use unmask_train::interpreter::{BurnOps, BurnValue, SamplingBackend};
use unmask_train::params::ParamStore;

/// Outputs agree to this share of their largest value.
const RELATIVE: f32 = 1e-4;

fn forward(
    config: NetworkConfig,
    files: &[&str],
    sampling: SamplingBackend,
    gpu: bool,
) -> NetworkOutputs<BurnValue> {
    let device = Device::flex();
    let mut params = ParamStore::new(device.clone(), 1);
    for file in files {
        weights(&mut params, &read(file));
    }
    let known = params.iter().count();
    let image = BurnValue::R4(tensor(&read("tiny"), "io.image", &device));
    let network = MaskNetwork::new(config).unwrap();
    let mut ops = BurnOps::new(&mut params, false).with_sampling(sampling);
    if gpu {
        ops = ops.for_gpu();
    }
    let out = network.forward(&mut ops, &image);
    assert_eq!(
        params.iter().count(),
        known,
        "the network asked for parameters of other names"
    );
    out
}

fn heads(out: NetworkOutputs<BurnValue>) -> Vec<MaskHead<BurnValue>> {
    match out {
        NetworkOutputs::Mask(heads) => heads,
        NetworkOutputs::PerPixel(_) => panic!("a mask head was asked for"),
    }
}

#[test]
fn every_head_of_the_mask_network_agrees() {
    let want = read("tiny");
    for (sampling, gpu) in [
        (SamplingBackend::Rows, false),
        (SamplingBackend::Grid, false),
        (SamplingBackend::Grid, true),
    ] {
        let heads = heads(forward(tiny(), &["tiny"], sampling, gpu));
        assert_eq!(heads.len(), 4);
        for (i, head) in heads.iter().enumerate() {
            let (class, mask) = (
                format!("io.class_logits.{i}"),
                format!("io.mask_logits.{i}"),
            );
            assert_close(
                &class,
                &head.class_logits.to_vec(),
                &want[&class].1,
                RELATIVE,
            );
            assert_close(&mask, &head.mask_logits.to_vec(), &want[&mask].1, RELATIVE);
        }
    }
}

#[test]
fn masked_attention_agrees() {
    let want = read("tiny_masked");
    let config = NetworkConfig {
        attention: AttentionKind::Masked,
        ..tiny()
    };
    let device = Device::flex();
    let mut params = ParamStore::new(device.clone(), 1);
    weights(&mut params, &read("tiny"));
    weights(&mut params, &want);
    let image = BurnValue::R4(tensor(&read("tiny"), "io.image", &device));
    let out = MaskNetwork::new(config)
        .unwrap()
        .forward(&mut BurnOps::new(&mut params, false), &image);
    let last = heads(out).pop().unwrap();
    assert_close(
        "class logits",
        &last.class_logits.to_vec(),
        &want["io.class_logits.3"].1,
        RELATIVE,
    );
    assert_close(
        "mask logits",
        &last.mask_logits.to_vec(),
        &want["io.mask_logits.3"].1,
        RELATIVE,
    );
}

#[test]
fn per_pixel_head_agrees() {
    let config = NetworkConfig {
        head: HeadKind::PerPixel,
        ..tiny()
    };
    match forward(
        config,
        &["tiny", "tiny_pixel"],
        SamplingBackend::Rows,
        false,
    ) {
        NetworkOutputs::PerPixel(logits) => {
            let want = read("tiny_pixel");
            assert_close("logits", &logits.to_vec(), &want["io.logits"].1, RELATIVE);
        }
        NetworkOutputs::Mask(_) => panic!("a per-pixel head was asked for"),
    }
}

#[test]
fn bottleneck_blocks_agree() {
    let config = NetworkConfig {
        depth: 50,
        width: 1,
        encoder_layers: 1,
        decoder_layers: 1,
        ..tiny()
    };
    let want = read("bottleneck");
    let last = heads(forward(
        config,
        &["bottleneck"],
        SamplingBackend::Rows,
        false,
    ))
    .pop()
    .unwrap();
    assert_close(
        "class logits",
        &last.class_logits.to_vec(),
        &want["io.class_logits.1"].1,
        RELATIVE,
    );
    assert_close(
        "mask logits",
        &last.mask_logits.to_vec(),
        &want["io.mask_logits.1"].1,
        RELATIVE,
    );
}

#[test]
fn gradients_and_running_statistics_agree() {
    let want = read("tiny_train");
    for gpu in [false, true] {
        let device = Device::flex().autodiff();
        let mut params = ParamStore::new(device.clone(), 1);
        weights(&mut params, &read("tiny"));
        let image: Tensor<4> = tensor(&read("tiny"), "io.image", &device);
        let batch = Tensor::cat(vec![image.clone(), image.flip([3])], 0);
        let network = MaskNetwork::new(tiny()).unwrap();
        let mut ops = BurnOps::new(&mut params, true);
        // The grid form's gradient is burn's own on this device; its resize is ours.
        if gpu {
            ops = ops.for_gpu();
        }
        let heads = heads(network.forward(&mut ops, &BurnValue::R4(batch)));
        let class: Tensor<3> = tensor(&want, "g.class_logits", &device);
        let mask: Tensor<4> = tensor(&want, "g.mask_logits", &device);
        let mut loss = Tensor::<1>::zeros([1], &device);
        for (i, head) in heads.iter().enumerate() {
            let part = (head.class_logits.r3() * class.clone()).sum()
                + (head.mask_logits.r4() * mask.clone()).sum() / (16.0 * 24.0);
            loss = loss + part * (i as f32 + 1.0);
        }
        let value = loss.clone().into_scalar::<f32>();
        assert_close("loss", &[value], &want["loss"].1, RELATIVE);
        let gradients = loss.backward();
        let mut checked = 0;
        for (name, (_, values)) in &want {
            if let Some(name) = name.strip_prefix("grad.") {
                let param = params.get(name).expect(name);
                let found = param.value.grad(&gradients).expect(name);
                let found = found.to_data().try_to_vec::<f32>().unwrap();
                // float32 against float64 through batch statistics of six values.
                assert_close(name, &found, values, 1e-3);
                checked += 1;
            }
            if let Some(name) = name.strip_prefix("after.") {
                let found = params.get(name).expect(name).value.to_data();
                assert_close(name, &found.try_to_vec::<f32>().unwrap(), values, RELATIVE);
            }
        }
        assert!(checked > 30, "only {checked} gradients in the fixture");
    }
}
