//! `unmask-train`.
#![forbid(unsafe_code)]
use burn::tensor::{Device, Distribution, Tensor};
use std::time::Instant;
use unmask_network::{Config, Network, Outputs};
use unmask_train::{
    interpreter::{BurnOps, Value},
    params::Params,
};

fn bench(name: &str, device: Device, h: usize, w: usize, f: fn(&mut Config)) {
    let device = device.autodiff();
    let mut c = Config::preset("small").unwrap();
    f(&mut c);
    let net = Network::new(c).unwrap();
    let mut params = Params::new(device.clone(), 1);
    let image = Tensor::<4>::random([4, 3, h, w], Distribution::Normal(0.0, 1.0), &device);
    for i in 0..4 {
        let t = Instant::now();
        let mut ops = BurnOps::new(&mut params, true);
        let out = net.forward(&mut ops, &Value::R4(image.clone()));
        let loss = match out {
            Outputs::Mask(heads) => heads
                .iter()
                .map(|h| h.mask_logits.r4().square().mean() + h.class_logits.r3().square().mean())
                .reduce(|a, b| a + b)
                .unwrap(),
            Outputs::PerPixel(x) => x.r4().square().mean(),
        };
        let fwd = t.elapsed();
        let _: f32 = loss.clone().into_scalar();
        let fwd_done = t.elapsed();
        let g = loss.backward();
        let mut s = 0.0f32;
        for (_, p) in params.iter() {
            if p.trained {
                if let Some(g) = p.value.grad(&g) {
                    s += g.square().sum().into_scalar::<f32>();
                }
            }
        }
        println!(
            "{name} {h}x{w} params {} step {i} fwd {fwd:?} {fwd_done:?} all {:?} gnorm {}",
            params.count(),
            t.elapsed(),
            s.sqrt()
        );
    }
}

fn main() {
    #[cfg(feature = "libtorch")]
    let dev = || Device::libtorch();
    #[cfg(not(feature = "libtorch"))]
    let dev = || Device::flex();
    bench("small", dev(), 192, 384, |_| {});
    bench("enc1p2", dev(), 192, 384, |c| {
        c.encoder_layers = 1;
        c.points = 2;
    });
    bench("pix", dev(), 192, 384, |c| {
        c.head = unmask_network::Head::PerPixel
    });
}
