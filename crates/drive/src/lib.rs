//! The synthetic drive: a deterministic renderer of road scenes with exact masks.
//!
//! A [`Drive`] is a camera that moves along an endless street made from one seed: road, pavements,
//! houses, trees, street furniture, traffic, light and weather. Now and then something that does
//! not belong stands on or close to the road, is approached and passed. [`Drive::scene`] gives the
//! picture of any frame with its class, instance and anomaly masks; [`Drive::random_scene`] gives
//! images of unrelated streets for training.
//!
//! Everything is made from solids (`shape`) with procedural skins (`skin`), found by casting one ray
//! a pixel into tiles of the picture, with three more where edges run. No frame depends on another,
//! and no pixel on the number of threads.
#![forbid(unsafe_code)]

mod animals;
mod bins;
mod camera_model;
mod cargo;
mod caster;
mod class;
mod facade;
mod furniture;
mod house;
mod household;
mod layout;
mod noise;
mod obstacle;
mod people;
mod plant;
mod render;
mod road;
mod rubble;
mod sensor;
mod shape;
mod skin;
mod sky;
mod space;
mod stage;
mod street;
mod style;
mod surface;
mod traffic;
mod vehicle;
mod vehicle_skin;
mod wares;

use unmask_frame::{LabelMap, Picture, PixelMap, Size};

use camera_model::CameraModel;
use layout::StreetLayout;
use noise::{SeededRng, seed_of};
use obstacle::ObstacleKind;
use space::{LocalAxes, ramp, v};
use stage::SceneStage;
use style::StreetStyle;
use traffic::TrafficMoment;

/// Names of the classes, by their index in [`LabelledScene::classes`].
pub const CLASSES: [&str; 11] = [
    "sky",
    "building",
    "pole",
    "road",
    "pavement",
    "tree",
    "sign",
    "fence",
    "car",
    "pedestrian",
    "bicyclist",
];

/// Smallest picture, px.
const MIN_SIZE: Size = Size::new(64, 36);
/// Longest side of a picture, px.
const MAX_SIDE_PX: usize = 4096;
/// Highest picture rate, Hz.
const MAX_RATE_HZ: f64 = 240.0;
/// A drive starts again after this time, s: positions stay exact in 64-bit numbers.
const LAP_S: f64 = 1e7;

/// What a drive shows.
#[derive(Clone, Debug, PartialEq)]
pub struct DriveSettings {
    /// Decides street, season, weather, camera and everything that happens.
    pub seed: u64,
    /// Picture size, px: at least 64 × 36, no side longer than 4096.
    pub size: Size,
    /// Pictures per second, Hz, in `(0, 240]`.
    pub rate_hz: f64,
    /// Whether objects that do not belong appear.
    pub anomalies: bool,
}

impl Default for DriveSettings {
    fn default() -> Self {
        Self {
            seed: 1,
            size: Size::new(640, 360),
            rate_hz: 10.0,
            anomalies: true,
        }
    }
}

/// Why a drive cannot be made.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum DriveError {
    /// The picture is too small to show a street.
    #[error("synthetic drive: size {size} is too small; use at least {MIN_SIZE}")]
    TooSmall {
        /// The size asked for, px.
        size: Size,
    },
    /// The picture is too large.
    #[error("synthetic drive: size {size} is too large; use sides of at most {MAX_SIDE_PX} pixels")]
    TooLarge {
        /// The size asked for, px.
        size: Size,
    },
    /// The rate is invalid.
    #[error(
        "synthetic drive: rate {rate_hz} Hz is out of range; use more than 0 and at most {MAX_RATE_HZ}"
    )]
    Rate {
        /// The rate asked for, Hz.
        rate_hz: f64,
    },
}

/// A picture with everything that is known about it.
#[derive(Clone, Debug, PartialEq)]
pub struct LabelledScene {
    /// The picture, 8-bit RGB.
    pub picture: Picture,
    /// Index into [`CLASSES`] a pixel; 255 where something stands that does not belong.
    pub classes: LabelMap,
    /// Object per pixel: the low 16 bits of [`SceneObject::id`], never 0; 0 where no object is.
    pub instances: PixelMap<u16>,
    /// 1 where something stands that does not belong, else 0.
    pub anomaly: LabelMap,
    /// The objects of which at least one pixel is seen, nearest first.
    pub objects: Vec<SceneObject>,
}

/// What a synthetic frame shows.
#[derive(Clone, Debug, PartialEq)]
pub struct GroundTruth {
    /// Object per pixel: the low 16 bits of its id; 0 where none is.
    pub instances: PixelMap<u16>,
    /// The objects, those that do not belong included.
    pub objects: Vec<SceneObject>,
}

/// An object in a picture: a car, pedestrian, cyclist, or something that does not belong.
#[derive(Clone, Debug, PartialEq)]
pub struct SceneObject {
    /// The same in every frame of a drive; its low 16 bits are unique in a picture and not 0.
    pub id: u32,
    /// What it is: `car`, `dog`, `pallet`, …
    pub kind: &'static str,
    /// Whether it does not belong.
    pub anomaly: bool,
    /// Index into [`CLASSES`]; `None` for what does not belong.
    pub class: Option<u8>,
    /// Smallest rectangle around its visible pixels: x, y, width, height, px.
    pub bbox: [u32; 4],
    /// Visible pixels.
    pub area_px: u32,
    /// From the camera to where it stands, along the ground, m.
    pub distance_m: f32,
}

/// A drive: any frame of it, in any order.
#[derive(Clone, Debug)]
pub struct Drive {
    settings: DriveSettings,
    style: StreetStyle,
}

/// Camera and objects of one picture.
struct ViewPoint {
    s0: f64,
    time: f64,
    /// Right of the road's centre, m; turned and tilted from the road's heading, radians.
    d: f32,
    yaw: f32,
    pitch: f32,
    roll: f32,
    obstacles: Vec<ObstacleKind>,
    view: u64,
}

impl Drive {
    /// A drive with these settings.
    ///
    /// # Errors
    /// [`DriveError`] where size or rate are out of range.
    pub fn new(settings: DriveSettings) -> Result<Drive, DriveError> {
        let size = settings.size;
        if size.w < MIN_SIZE.w || size.h < MIN_SIZE.h {
            return Err(DriveError::TooSmall { size });
        }
        if size.w > MAX_SIDE_PX || size.h > MAX_SIDE_PX {
            return Err(DriveError::TooLarge { size });
        }
        let rate_hz = settings.rate_hz;
        if !(rate_hz > 0.0 && rate_hz <= MAX_RATE_HZ) {
            return Err(DriveError::Rate { rate_hz });
        }
        let style = StreetStyle::new(settings.seed, false);
        Ok(Drive { settings, style })
    }

    /// The settings it was made with.
    pub fn settings(&self) -> &DriveSettings {
        &self.settings
    }

    /// Frame `frame`, taken `frame / rate_hz` seconds into the drive. The same for the same settings
    /// however often, in whatever order and on however many threads it is asked for.
    pub fn scene(&self, frame: u64) -> LabelledScene {
        let style = &self.style;
        let time = frame as f64 / self.settings.rate_hz % LAP_S;
        let time = if time.is_finite() { time } else { 0.0 };
        let s0 = time * style.speed_mps;
        let obstacles = if self.settings.anomalies {
            // All that the street ahead swerves around, long before it is seen.
            let reach = f64::from(layout::REACH_M) + 40.0;
            obstacle::along_drive(style, s0 - 60.0, s0 + reach)
        } else {
            Vec::new()
        };
        let course = |z: f32| swerve(style, &obstacles, s0, z, style.own_lane());
        let d = course(0.0);
        let yaw = (course(1.0) - course(-1.0)) * 0.5;
        // The car nods and rolls a little on its springs.
        let wave =
            |hz: f64, phase: f64| ((time * hz + phase) % 1.0 * std::f64::consts::TAU).sin() as f32;
        let view = ViewPoint {
            s0,
            time,
            d,
            yaw: yaw * 0.8,
            pitch: style.pitch + 0.0016 * wave(1.3, 0.1) + 0.0009 * wave(3.1, 0.6),
            roll: 0.0018 * wave(0.7, 0.3),
            obstacles,
            view: frame,
        };
        self.render(style, &view)
    }

    /// Still number `n`: a street unlike the others, with zero to three objects that do not belong
    /// (none where [`DriveSettings::anomalies`] is off), near or far.
    pub fn random_scene(&self, n: u64) -> LabelledScene {
        self.image(n, false)
    }

    /// Still number `n` of those that look at a zebra crossing, 2 to 25 m ahead: seldom met in
    /// [`Drive::random_scene`], and bright as few objects that do not belong are.
    pub fn random_crossing(&self, n: u64) -> LabelledScene {
        self.image(n, true)
    }

    fn image(&self, n: u64, crossing: bool) -> LabelledScene {
        let seed = seed_of(&[self.settings.seed, 0x5711, n]);
        let style = StreetStyle::new(seed, true);
        let mut rng = SeededRng::new(&[seed, 0x5712]);
        let mut s0 = f64::from(rng.range(100.0, 4000.0));
        if crossing {
            let mut own = SeededRng::new(&[seed, 0x5713]);
            s0 = layout::crossing_after(&style, s0) - f64::from(own.range(2.0, 25.0));
        }
        let obstacles = obstacle::for_image(&style, s0, &mut rng);
        let view = ViewPoint {
            s0,
            time: f64::from(rng.range(0.0, 500.0)),
            d: style.own_lane() * rng.range(0.5, 1.15) + rng.range(-0.4, 0.4),
            yaw: rng.range(-0.09, 0.09),
            pitch: style.pitch,
            roll: rng.range(-0.025, 0.025),
            obstacles: if self.settings.anomalies {
                obstacles
            } else {
                Vec::new()
            },
            view: n,
        };
        self.render(&style, &view)
    }

    fn render(&self, style: &StreetStyle, view: &ViewPoint) -> LabelledScene {
        let size = self.settings.size;
        let layout = StreetLayout::new(style, view.s0);
        // The sun keeps its place in the sky while the road turns.
        let mut style = style.clone();
        style.weather.sun = LocalAxes::yaw(layout.course.atan()).inward(style.weather.sun);
        let style = &style;
        let axes = LocalAxes::yaw(view.yaw)
            .then(&LocalAxes::pitch(view.pitch))
            .then(&LocalAxes::roll(view.roll));
        let mut stage = SceneStage::new(CameraModel {
            pos: v(view.d, style.camera_height_m, 0.0),
            axes,
            focal: style.focal * size.w as f32,
            size,
        });
        let keep: Vec<_> = view
            .obstacles
            .iter()
            .map(|o| ((o.s - view.s0) as f32, o.d, 1.0))
            .collect();
        street::build(&mut stage, style, &layout, &keep);
        let now = TrafficMoment {
            time: view.time,
            s: view.s0,
            d: view.d,
        };
        let lane = |z: f32, d: f32| swerve(style, &view.obstacles, view.s0, z, d);
        traffic::build(&mut stage, style, &layout, &now, &keep, &lane);
        for odd in &view.obstacles {
            let z = (odd.s - view.s0) as f32;
            if z > -3.0 && z < obstacle::VISIBLE_M {
                obstacle::place(&mut stage, &layout, odd, traffic::obstacle_id(odd.number));
            }
        }
        let drawn = render::draw(&mut stage, &layout, style);
        let picture = sensor::develop(style, size, &drawn.colours, view.view);
        scene(size, picture, drawn, &stage)
    }
}

/// Lateral position, m, of a car that keeps to the lane with its middle at `base` but swerves around
/// what lies in it, `z` ahead.
fn swerve(style: &StreetStyle, obstacles: &[ObstacleKind], s0: f64, z: f32, base: f32) -> f32 {
    let mut push = 0.0f32;
    for o in obstacles {
        let away = base - o.d;
        let need = 2.0 - away.abs();
        if need <= 0.0 {
            continue;
        }
        let near = ((o.s - s0) as f32 - z).abs();
        let side = if away == 0.0 {
            -style.hand
        } else {
            away.signum()
        };
        push += side * need * (1.0 - ramp(3.0, 26.0, near));
    }
    let limit = style.half_road() - 0.9;
    (base + push.clamp(-1.9, 1.9)).clamp(-limit, limit)
}

/// Masks and object list from what was drawn.
fn scene(
    size: Size,
    picture: Picture,
    drawn: render::RenderedScene,
    stage: &SceneStage,
) -> LabelledScene {
    let mut found: Vec<Option<([usize; 4], u32)>> = vec![None; stage.objects.len()];
    let mut instances = PixelMap::filled(size, 0u16);
    for (i, (&object, out)) in drawn.objects.iter().zip(instances.data_mut()).enumerate() {
        if object == 0 {
            continue;
        }
        let index = usize::from(object) - 1;
        *out = stage.objects[index].id as u16;
        let (x, y) = (i % size.w, i / size.w);
        let (span, area) = found[index].get_or_insert(([x, y, x, y], 0));
        *span = [
            span[0].min(x),
            span[1].min(y),
            span[2].max(x),
            span[3].max(y),
        ];
        *area += 1;
    }
    let mut objects: Vec<SceneObject> = found
        .iter()
        .zip(&stage.objects)
        .filter_map(|(found, object)| {
            let (span, area_px) = (*found)?;
            Some(SceneObject {
                id: object.id,
                kind: object.kind,
                anomaly: object.class.is_none(),
                class: object.class,
                bbox: [
                    span[0] as u32,
                    span[1] as u32,
                    (span[2] - span[0] + 1) as u32,
                    (span[3] - span[1] + 1) as u32,
                ],
                area_px,
                distance_m: object.distance_m,
            })
        })
        .collect();
    objects.sort_by(|a, b| a.distance_m.total_cmp(&b.distance_m).then(a.id.cmp(&b.id)));
    let mut anomaly = LabelMap::filled(size, 0);
    let mut classes = LabelMap::filled(size, 0);
    for ((class, a), &c) in classes
        .data_mut()
        .iter_mut()
        .zip(anomaly.data_mut())
        .zip(&drawn.classes)
    {
        *class = c;
        *a = u8::from(c == class::ANOMALY);
    }
    LabelledScene {
        picture,
        classes,
        instances,
        anomaly,
        objects,
    }
}
