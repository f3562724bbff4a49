//! Style of a drive: street, season, weather, light, camera. All drawn from one seed.

use super::noise::SeededRng;
use super::space::{V, srgb, v};

/// One wave of the road's course.
#[derive(Clone, Copy, Debug)]
pub(super) struct RoadBend {
    pub amplitude_m: f64,
    pub length_m: f64,
    pub phase: f64,
}

/// Kinds of centre line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CentreLine {
    None,
    Dashed,
    Solid,
    Double,
}

/// What the road is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PavingStyle {
    Asphalt,
    /// Concrete slabs with joints.
    Concrete,
    /// Small set stones.
    Setts,
}

/// Kinds of line at the road's edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EdgeLine {
    None,
    Solid,
    Double,
    Dashed,
}

/// Sky, light and air.
#[derive(Clone, Debug)]
pub(super) struct WeatherStyle {
    /// Towards the sun.
    pub sun: V,
    pub sun_light: V,
    /// Light from the sky on surfaces that look up.
    pub sky_light: V,
    /// Light from below.
    pub bounce: V,
    pub sky_top: V,
    pub sky_low: V,
    /// Colour that distance fades to.
    pub haze: V,
    /// Share of light lost to haze per metre.
    pub haze_per_m: f32,
    /// Share of the sky that clouds hide, and how soft their rims are.
    pub cloud: f32,
    pub cloud_soft: f32,
    pub cloud_light: V,
    pub cloud_shade: V,
    pub cloud_shift: (f32, f32),
    /// Water on the road, 0 to 1.
    pub wet: f32,
    /// Falling rain, 0 to 1.
    pub rain: f32,
    /// How far lamps and windows are lit, 0 to 1.
    pub lamps: f32,
}

/// What the camera adds.
#[derive(Clone, Debug)]
pub(super) struct SensorStyle {
    pub exposure: f32,
    pub contrast: f32,
    pub saturation: f32,
    pub balance: V,
    pub noise: f32,
    pub vignette: f32,
    /// Share of each neighbour ring in a pixel.
    pub blur: f32,
}

/// Everything that a seed decides for a whole drive.
#[derive(Clone, Debug)]
pub(super) struct StreetStyle {
    pub seed: u64,
    /// +1 where traffic keeps right, -1 where it keeps left.
    pub hand: f32,
    pub lanes: usize,
    pub lane_m: f32,
    /// Width of a parking lane on each side, m; 0 for none.
    pub parking_m: f32,
    pub pave_m: f32,
    pub bends: [RoadBend; 2],
    pub zones: [f32; 6],
    pub side_roads: f32,
    pub speed_mps: f64,
    pub weather: WeatherStyle,
    pub sensor: SensorStyle,
    pub paving: PavingStyle,
    pub asphalt: V,
    pub asphalt_rough: f32,
    pub damage: f32,
    pub line_colour: V,
    pub line_wear: f32,
    pub centre_line: CentreLine,
    pub edge_line: EdgeLine,
    pub slab: V,
    pub slab_m: f32,
    pub kerb: V,
    pub grass: V,
    pub leaf: V,
    /// Share of trees without leaves.
    pub bare: f32,
    pub trees: f32,
    pub furniture: f32,
    pub parked: f32,
    pub cars: f32,
    pub people: f32,
    pub cyclists: f32,
    pub lead_car: bool,
    pub walls: [V; 5],
    pub roofs: [V; 3],
    pub camera_height_m: f32,
    pub pitch: f32,
    /// Focal length as a share of the picture's width.
    pub focal: f32,
}

impl StreetStyle {
    /// The style of `seed`. A `still` draws from wider ranges than a drive.
    pub fn new(seed: u64, still: bool) -> Self {
        let mut rng = SeededRng::new(&[seed, 0x57]);
        let r = &mut rng;
        let wide = if still { 1.0 } else { 0.0 };
        let lanes = if r.chance(0.22) { 2 } else { 1 };
        let town = r.range(0.35, 1.0);
        let weather = weather(r);
        let dim = weather.sun_light.brightness() + weather.sky_light.brightness() * 1.2;
        let sensor = SensorStyle {
            exposure: 1.3 / dim * 2.0f32.powf(r.range(-0.55, 0.5) * (1.0 + 0.4 * wide)),
            contrast: r.range(0.95, 1.3),
            saturation: r.range(0.75, 1.25),
            balance: v(r.range(0.95, 1.05), 1.0, r.range(0.94, 1.06)),
            noise: r.range(0.002, 0.016) + 0.006 * weather.lamps,
            vignette: r.range(0.05, 0.35),
            blur: r.range(0.0, 0.11) + 0.06 * wide * r.unit(),
        };
        let autumn = r.chance(0.25);
        let dry = r.unit();
        Self {
            seed,
            hand: r.sign(),
            lanes,
            lane_m: r.range(2.9, 3.6),
            parking_m: if r.chance(0.5) {
                r.range(1.9, 2.3)
            } else {
                0.0
            },
            pave_m: r.range(1.6, 3.8),
            bends: [
                RoadBend {
                    amplitude_m: f64::from(r.range(1.0, 13.0)),
                    length_m: f64::from(r.range(90.0, 130.0)),
                    phase: f64::from(r.turn()),
                },
                RoadBend {
                    amplitude_m: f64::from(r.range(0.0, 3.5)),
                    length_m: f64::from(r.range(45.0, 70.0)),
                    phase: f64::from(r.turn()),
                },
            ],
            zones: [
                town * r.range(0.5, 1.6),
                town * r.range(0.2, 1.0),
                r.range(0.3, 1.2),
                r.range(0.2, 0.7),
                (1.15 - town) * r.range(0.4, 1.8),
                r.range(0.1, 0.5),
            ],
            side_roads: r.range(0.08, 0.25),
            speed_mps: f64::from(r.range(8.0, 15.0)),
            weather,
            sensor,
            paving: match r.weighted(&[0.84 - 0.1 * wide, 0.06, 0.08 + 0.06 * wide]) {
                0 => PavingStyle::Asphalt,
                1 => PavingStyle::Concrete,
                _ => PavingStyle::Setts,
            },
            asphalt: {
                let tone = r.range(0.055, 0.21);
                let warm = r.range(0.93, 1.08);
                v(tone * warm, tone, tone * (2.03 - warm))
            },
            asphalt_rough: r.range(0.4, 1.3),
            damage: r.unit(),
            line_colour: if r.chance(0.78) {
                v(0.72, 0.72, 0.7)
            } else {
                v(0.75, 0.5, 0.08)
            },
            line_wear: r.range(0.05, 0.7),
            centre_line: match r.below(8) {
                0 => CentreLine::None,
                1 => CentreLine::Solid,
                2 => CentreLine::Double,
                _ => CentreLine::Dashed,
            },
            edge_line: match r.below(7) {
                0 | 1 => EdgeLine::None,
                2 | 3 => EdgeLine::Solid,
                4 => EdgeLine::Dashed,
                _ => EdgeLine::Double,
            },
            slab: {
                let base = r.pick(&[
                    srgb(150, 146, 140),
                    srgb(128, 126, 124),
                    srgb(166, 154, 138),
                    srgb(150, 118, 104),
                    srgb(104, 104, 106),
                ]);
                r.tint(base, 0.2)
            },
            slab_m: r.pick(&[0.3, 0.4, 0.6, 0.8]),
            kerb: {
                let tone = r.range(0.2, 0.42);
                v(tone, tone, tone * 0.97)
            },
            grass: {
                let green = srgb(84, 112, 44);
                let straw = srgb(150, 138, 84);
                let g = green.mix(straw, dry * dry * 0.9);
                r.tint(g, 0.2)
            },
            leaf: {
                let green = r.pick(&[srgb(62, 92, 36), srgb(84, 110, 48), srgb(50, 78, 40)]);
                let gold = r.pick(&[srgb(168, 118, 40), srgb(140, 70, 32)]);
                let l = if autumn {
                    green.mix(gold, r.unit())
                } else {
                    green
                };
                r.tint(l, 0.15)
            },
            bare: if autumn {
                r.range(0.1, 0.9)
            } else {
                r.range(0.0, 0.3)
            },
            trees: r.range(0.25, 1.0),
            furniture: r.range(0.4, 1.0),
            parked: r.range(0.1, 0.75),
            cars: r.range(0.25, 1.0),
            people: r.range(0.35, 1.0),
            cyclists: r.range(0.35, 1.0),
            lead_car: r.chance(0.35),
            walls: {
                let base = [
                    srgb(150, 92, 72),
                    srgb(188, 164, 122),
                    srgb(214, 206, 190),
                    srgb(126, 118, 110),
                    srgb(170, 132, 102),
                    srgb(196, 186, 172),
                    srgb(116, 80, 68),
                    srgb(204, 196, 150),
                    srgb(150, 160, 168),
                    srgb(232, 228, 222),
                    srgb(178, 142, 132),
                ];
                std::array::from_fn(|_| {
                    let c = r.pick(&base);
                    r.tint(c, 0.15)
                })
            },
            roofs: {
                let base = [
                    srgb(74, 72, 76),
                    srgb(124, 66, 48),
                    srgb(96, 84, 74),
                    srgb(150, 92, 66),
                    srgb(58, 60, 66),
                ];
                std::array::from_fn(|_| {
                    let c = r.pick(&base);
                    r.tint(c, 0.15)
                })
            },
            camera_height_m: r.range(1.2, 1.55) + wide * r.range(-0.15, 0.75),
            pitch: r.range(-0.055, 0.01) + wide * r.range(-0.05, 0.05),
            focal: r.range(0.82, 1.05) * (1.0 + wide * r.range(-0.2, 0.45)),
        }
    }

    /// Half width of the carriageway, m.
    pub fn half_road(&self) -> f32 {
        self.lanes as f32 * self.lane_m + self.parking_m
    }

    /// Middle of the camera's lane, m right of the centre.
    pub fn own_lane(&self) -> f32 {
        self.hand * (self.lanes as f32 - 0.5) * self.lane_m
    }
}

fn weather(r: &mut SeededRng) -> WeatherStyle {
    const CLEAR: usize = 0;
    const BROKEN: usize = 1;
    const OVERCAST: usize = 2;
    const RAIN: usize = 3;
    const MIST: usize = 4;
    const LOW_SUN: usize = 5;
    const DUSK: usize = 6;
    let kind = r.weighted(&[2.6, 2.6, 2.2, 1.0, 0.8, 1.1, 0.7]);
    let high = match kind {
        LOW_SUN => r.range(0.2, 0.38),
        DUSK => r.range(0.2, 0.3),
        _ => r.range(0.45, 1.1),
    };
    let azimuth = r.turn();
    let sun = v(
        azimuth.sin() * high.cos(),
        high.sin(),
        azimuth.cos() * high.cos(),
    );
    let blue = srgb(74, 128, 200).mix(srgb(110, 160, 220), r.unit());
    let pale = srgb(186, 208, 232).mix(srgb(222, 228, 232), r.unit());
    let grey = srgb(176, 182, 190).mix(srgb(214, 214, 212), r.unit());
    let warm = srgb(255, 196, 128);
    let base = WeatherStyle {
        sun,
        sun_light: v(1.0, 0.95, 0.86) * r.range(2.0, 2.6),
        sky_light: v(0.56, 0.64, 0.78) * r.range(0.8, 1.3),
        bounce: v(0.26, 0.25, 0.22),
        sky_top: blue * 1.15,
        sky_low: pale * 1.35,
        haze: pale * 1.1,
        haze_per_m: r.range(0.0005, 0.002),
        cloud: r.range(0.05, 0.3),
        cloud_soft: r.range(0.15, 0.4),
        cloud_light: v(1.7, 1.68, 1.66),
        cloud_shade: v(0.85, 0.88, 0.95),
        cloud_shift: (r.unit(), r.unit()),
        wet: 0.0,
        rain: 0.0,
        lamps: 0.0,
    };
    match kind {
        CLEAR => base,
        BROKEN => WeatherStyle {
            cloud: r.range(0.4, 0.75),
            ..base
        },
        LOW_SUN => WeatherStyle {
            sun_light: v(1.0, 0.8, 0.55) * r.range(1.7, 2.3),
            sky_light: v(0.4, 0.46, 0.6) * r.range(0.7, 1.0),
            sky_low: pale.mix(warm, 0.45) * 1.4,
            haze: pale.mix(warm, 0.35) * 1.1,
            haze_per_m: r.range(0.001, 0.004),
            cloud: r.range(0.1, 0.5),
            ..base
        },
        DUSK => WeatherStyle {
            sun_light: v(0.5, 0.36, 0.28) * r.range(0.1, 0.5),
            sky_light: v(0.36, 0.4, 0.52) * r.range(0.6, 0.9),
            bounce: v(0.1, 0.1, 0.1),
            sky_top: blue * 0.45,
            sky_low: pale.mix(warm, 0.5) * 0.75,
            haze: pale.mix(warm, 0.2) * 0.55,
            haze_per_m: r.range(0.001, 0.004),
            cloud: r.range(0.2, 0.7),
            cloud_light: v(0.85, 0.7, 0.62),
            cloud_shade: v(0.36, 0.36, 0.42),
            lamps: r.range(0.5, 1.0),
            ..base
        },
        kind => {
            let rain = if kind == RAIN { r.range(0.3, 1.0) } else { 0.0 };
            let haze = match kind {
                RAIN => r.range(0.002, 0.006),
                MIST => r.range(0.007, 0.02),
                _ => r.range(0.0008, 0.003),
            };
            let dark = if kind == RAIN { 0.75 } else { 1.0 };
            WeatherStyle {
                sun_light: v(1.0, 0.98, 0.94) * r.range(0.0, 0.22),
                sky_light: v(0.98, 1.02, 1.08) * (r.range(0.85, 1.15) * dark),
                bounce: v(0.3, 0.3, 0.29),
                sky_top: grey * (1.05 * dark),
                sky_low: grey * (1.3 * dark),
                haze: grey * (1.15 * dark),
                haze_per_m: haze,
                cloud: 1.0,
                cloud_soft: r.range(0.6, 1.0),
                cloud_light: grey * (1.35 * dark),
                cloud_shade: grey * (r.range(0.7, 1.0) * dark),
                wet: if kind == RAIN {
                    r.range(0.5, 1.0)
                } else if kind == OVERCAST && r.chance(0.25) {
                    r.range(0.2, 0.6)
                } else {
                    0.0
                },
                rain,
                lamps: if kind == RAIN { r.range(0.0, 0.5) } else { 0.0 },
                ..base
            }
        }
    }
}
