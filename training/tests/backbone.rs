//! EfficientNet-Lite0 on burn against the public PyTorch implementation, from the same weights.

mod common;
#[path = "../../tests/common/hashed.rs"]
mod hashed;

use burn::tensor::{Device, Tensor, TensorData};
use common::{assert_close, read};
use std::path::Path;
use unmask_network::efficientnet::{self, NETWORK_EPS, PRETRAINED_EPS, parameter_names};
use unmask_network::ops::{NetworkOps, WeightInit};
use unmask_network::{EfficientNet, MaskNetwork, NetworkConfig, NetworkOutputs};
use unmask_train::interpreter::{BurnOps, BurnValue};
use unmask_train::params::ParamStore;
use unmask_train::pretrained::{PretrainedError, read_backbone};

const SIDE: usize = 64;

/// Parameters with hashed values; the network names them while it runs.
fn hashed_params(device: &Device) -> ParamStore {
    let mut params = ParamStore::new(device.clone(), 1);
    let image = image(device);
    efficientnet::forward(
        EfficientNet::Lite0,
        &mut BurnOps::new(&mut params, false),
        &image,
    );
    for (theirs, ours) in parameter_names(EfficientNet::Lite0) {
        let shape = params.get(&ours).expect("a named parameter").shape.clone();
        let mut values = hashed::values(&theirs, &shape);
        if ours.ends_with(".running_var") {
            let more = PRETRAINED_EPS - NETWORK_EPS;
            values.iter_mut().for_each(|v| *v += more);
        }
        params.insert(&ours, &shape, values, !ours.contains(".running_"));
    }
    params
}

fn image(device: &Device) -> BurnValue {
    let values = hashed::values("image", &[1, 3, SIDE, SIDE]);
    let data = TensorData::new(values, [1, 3, SIDE, SIDE]);
    let image: Tensor<4> = Tensor::from_data(data, device);
    BurnValue::R4(image)
}

#[test]
fn lite0_maps_agree_with_pytorch() {
    let device = Device::flex();
    let mut params = hashed_params(&device);
    let known = params.iter().count();
    let image = image(&device);
    let maps = efficientnet::forward(
        EfficientNet::Lite0,
        &mut BurnOps::new(&mut params, false),
        &image,
    );
    assert_eq!(
        params.iter().count(),
        known,
        "every parameter has a counterpart"
    );
    let want = read("efficientnet_lite0");
    for (i, map) in maps.iter().enumerate() {
        let name = format!("io.res{}", i + 2);
        assert_eq!(map.shape(), want[&name].0, "{name}");
        assert_close(&name, &map.to_vec(), &want[&name].1, 1e-4);
    }
}

#[test]
fn frozen_stages_get_no_gradient() {
    let device = Device::flex().autodiff();
    let mut params = ParamStore::new(device.clone(), 1);
    let image = image(&device);
    let frozen = ["stem", "res2", "res3"].map(|stage| format!("backbone.{stage}."));
    let mut ops = BurnOps::new(&mut params, true).with_frozen(frozen.to_vec());
    let maps = efficientnet::forward(EfficientNet::Lite0, &mut ops, &image);
    let gradients = maps[3].r4().square().sum().backward();
    for (name, param) in params.iter().filter(|(_, p)| p.trained) {
        let trained = name.starts_with("backbone.res4.") || name.starts_with("backbone.res5.");
        assert_eq!(param.value.grad(&gradients).is_some(), trained, "{name}");
    }
}

#[test]
fn a_network_on_lite0_runs() {
    let device = Device::flex();
    let mut params = hashed_params(&device);
    let config = NetworkConfig {
        efficientnet: Some(EfficientNet::Lite0),
        ..NetworkConfig::preset("tiny").unwrap()
    };
    let network = MaskNetwork::new(config).unwrap();
    let mut ops = BurnOps::new(&mut params, false);
    let NetworkOutputs::Mask(heads) = network.forward(&mut ops, &image(&device)) else {
        panic!("a mask head was asked for");
    };
    let last = heads.last().unwrap();
    assert_eq!(last.mask_logits.shape(), [1, 12, 16, 16]);
    assert!(last.mask_logits.to_vec().iter().all(|v| v.is_finite()));
}

#[test]
fn weights_of_another_network_are_refused() {
    let device = Device::flex();
    let mut params = ParamStore::new(device, 1);
    let resnet = NetworkConfig::preset("tiny").unwrap();
    let error = read_backbone(Path::new("none.pth"), &resnet, &mut params).unwrap_err();
    assert!(matches!(error, PretrainedError::Backbone), "{error}");
    let lite = NetworkConfig {
        efficientnet: Some(EfficientNet::Lite0),
        ..resnet
    };
    let error = read_backbone(Path::new("none.pth"), &lite, &mut params).unwrap_err();
    assert!(error.to_string().contains("none.pth"), "{error}");
}

/// The public weights themselves: `UNMASK_BACKBONE` names `efficientnet-lite0-*.pth`.
#[test]
fn public_weights_are_read() {
    let Some(path) = unmask_oracle::backbone("public_weights_are_read") else {
        return;
    };
    let device = Device::flex();
    let mut params = ParamStore::new(device.clone(), 1);
    let config = NetworkConfig {
        efficientnet: Some(EfficientNet::Lite0),
        ..NetworkConfig::preset("tiny").unwrap()
    };
    read_backbone(&path, &config, &mut params).unwrap();
    let known = params.iter().count();
    let mut ops = BurnOps::new(&mut params, false);
    // A loader that ignores strides gives maps that hardly depend on the image.
    let grey = ops.param("test.grey", &[1, 3, SIDE, SIDE], WeightInit::Zeros);
    let of = |ops: &mut BurnOps<'_>, image: &BurnValue| {
        efficientnet::forward(EfficientNet::Lite0, ops, image)[3].to_vec()
    };
    let (plain, noise) = (of(&mut ops, &grey), of(&mut ops, &image(&device)));
    let length = |values: &[f32]| values.iter().map(|v| v * v).sum::<f32>().sqrt();
    let apart: Vec<f32> = plain.iter().zip(&noise).map(|(a, b)| a - b).collect();
    assert!(length(&apart) > 0.3 * length(&noise), "{}", length(&apart));
    assert_eq!(params.iter().count(), known + 1);
}
