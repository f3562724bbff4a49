//! The stage of one image: solids with their skins, grouped into objects, seen by a camera.

use super::camera_model::{CameraModel, ImageRect, NEAR_M};
use super::shape::{CutPlane, MISS, RayHit, SolidForm};
use super::skin::SurfaceSkin;
use super::space::{LocalAxes, V, v};

/// One solid.
#[derive(Clone, Debug)]
pub(super) struct StageSolid {
    pub form: SolidForm,
    pub cut: RayHit,
    pub pos: V,
    pub axes: LocalAxes,
    pub half: V,
    pub inv: V,
    pub skin: u32,
    pub group: u32,
    /// The eye in unit space, and the ray there as `base + x * across + y * down`.
    pub camera: V,
    pub base: V,
    pub across: V,
    pub down: V,
    /// Minimum depth at which a ray may meet it, m.
    pub near: f32,
    pub rect: ImageRect,
}

impl StageSolid {
    /// A direction in unit space.
    pub fn dir_in(&self, d: V) -> V {
        self.axes.inward(d).times(self.inv)
    }

    /// A point in unit space.
    pub fn point_in(&self, p: V) -> V {
        self.axes.inward(p - self.pos).times(self.inv)
    }

    /// Corners of its bounding box.
    pub fn corners(&self) -> [V; 8] {
        std::array::from_fn(|i| {
            let sign = |bit: usize| if i >> bit & 1 == 1 { 1.0 } else { -1.0 };
            self.pos + self.axes.out(v(sign(0), sign(1), sign(2)).times(self.half))
        })
    }
}

const BOX_EDGES: [(usize, usize); 12] = [
    (0, 1),
    (2, 3),
    (4, 5),
    (6, 7),
    (0, 2),
    (1, 3),
    (4, 6),
    (5, 7),
    (0, 4),
    (1, 5),
    (2, 6),
    (3, 7),
];

/// Solids that share class, object and light.
#[derive(Clone, Copy, Debug)]
pub(super) struct SolidGroup {
    /// Class index, 255 for what does not belong.
    pub class: u8,
    /// Index into the stage's objects, plus 1; 0 for none.
    pub object: u16,
    /// Share of direct sun that reaches it.
    pub lit: f32,
    /// A point from which the sun is looked for.
    pub probe: V,
    /// Whether it throws shade on the ground.
    pub casts: bool,
    /// Whether it shades whole objects (houses).
    pub big: bool,
}

/// An object with an identity.
#[derive(Clone, Copy, Debug)]
pub(super) struct StageObject {
    pub id: u32,
    pub kind: &'static str,
    pub class: Option<u8>,
    pub distance_m: f32,
}

/// Soft darkening of the ground under something.
#[derive(Clone, Copy, Debug)]
pub(super) struct ContactShadow {
    pub pos: V,
    pub axes: LocalAxes,
    pub half: (f32, f32),
    pub strength: f32,
    /// No further from `pos` than this, m.
    pub reach: f32,
    pub rect: ImageRect,
}

/// Where a builder puts its parts: a position, axes and a common scale.
#[derive(Clone, Copy, Debug)]
pub(super) struct ObjectSpot {
    pub pos: V,
    pub axes: LocalAxes,
    pub scale: f32,
}

impl ObjectSpot {
    pub fn new(pos: V, axes: LocalAxes) -> Self {
        Self {
            pos,
            axes,
            scale: 1.0,
        }
    }

    pub fn scaled(self, scale: f32) -> Self {
        Self {
            scale: self.scale * scale,
            ..self
        }
    }

    /// A point of the builder in the world.
    pub fn point(&self, p: V) -> V {
        self.pos + self.axes.out(p * self.scale)
    }

    /// A spot at `p` with `axes`, both given within this one.
    pub fn inner(&self, p: V, axes: LocalAxes) -> ObjectSpot {
        ObjectSpot {
            pos: self.point(p),
            axes: self.axes.then(&axes),
            scale: self.scale,
        }
    }
}

/// Everything in one picture.
pub(super) struct SceneStage {
    pub camera: CameraModel,
    pub solids: Vec<StageSolid>,
    pub planes: Vec<CutPlane>,
    pub skins: Vec<SurfaceSkin>,
    pub groups: Vec<SolidGroup>,
    pub objects: Vec<StageObject>,
    pub smudges: Vec<ContactShadow>,
}

impl SceneStage {
    pub fn new(camera: CameraModel) -> Self {
        Self {
            camera,
            solids: Vec::with_capacity(2048),
            planes: Vec::with_capacity(512),
            skins: Vec::with_capacity(512),
            groups: Vec::with_capacity(256),
            objects: Vec::new(),
            smudges: Vec::with_capacity(128),
        }
    }

    /// Starts a group; what follows belongs to it.
    pub fn group(&mut self, class: u8, probe: V) {
        self.groups.push(SolidGroup {
            class,
            object: 0,
            lit: 1.0,
            probe,
            casts: true,
            big: false,
        });
    }

    /// Starts a group that is an object with an identity.
    pub fn object(&mut self, thing: StageObject, probe: V) {
        self.objects.push(thing);
        self.group(thing.class.unwrap_or(255), probe);
        let number = self.objects.len() as u16;
        if let Some(g) = self.groups.last_mut() {
            g.object = number;
        }
    }

    /// Changes the group under construction.
    pub fn tune(&mut self, change: impl FnOnce(&mut SolidGroup)) {
        if let Some(g) = self.groups.last_mut() {
            change(g);
        }
    }

    /// Adds a skin and gives its number.
    pub fn skin(&mut self, skin: SurfaceSkin) -> u32 {
        self.skins.push(skin);
        self.skins.len() as u32 - 1
    }

    /// Adds the planes of a hull and gives the form.
    pub fn hull(&mut self, planes: &[CutPlane]) -> SolidForm {
        let start = self.planes.len() as u32;
        self.planes.extend_from_slice(planes);
        SolidForm::Hull {
            start,
            len: planes.len() as u32,
        }
    }

    /// Adds a solid with centre `p` and half extents `half` in the spot's axes.
    pub fn put(&mut self, spot: &ObjectSpot, p: V, half: V, form: SolidForm, skin: u32) {
        self.put_cut(spot, p, half, form, skin, RayHit::Solid);
    }

    /// Adds a solid that lets rays through in places.
    pub fn put_cut(
        &mut self,
        spot: &ObjectSpot,
        p: V,
        half: V,
        form: SolidForm,
        skin: u32,
        cut: RayHit,
    ) {
        let pos = spot.point(p);
        let axes = spot.axes;
        let mut half = half * spot.scale;
        let depth = self.camera.camera_coordinates(pos).z;
        if let SolidForm::Tube { .. } = form {
            // Thin posts far off would fall between the samples.
            let least = 0.38 * depth / self.camera.focal;
            half.x = half.x.max(least);
            half.z = half.z.max(least);
        }
        let half = v(half.x.max(1e-3), half.y.max(1e-3), half.z.max(1e-3));
        let inv = v(1.0 / half.x, 1.0 / half.y, 1.0 / half.z);
        let mut solid = StageSolid {
            form,
            cut,
            pos,
            axes,
            half,
            inv,
            skin,
            group: self.groups.len() as u32 - 1,
            camera: V::ZERO,
            base: V::ZERO,
            across: V::ZERO,
            down: V::ZERO,
            near: 0.0,
            rect: ImageRect::EMPTY,
        };
        let eye = &self.camera;
        let corners = solid.corners().map(|c| eye.camera_coordinates(c));
        let far = corners.iter().fold(f32::NEG_INFINITY, |m, c| m.max(c.z));
        if far > NEAR_M {
            solid.rect = eye.bounds(&corners, &BOX_EDGES);
        }
        solid.near = corners.iter().fold(MISS, |m, c| m.min(c.z)).max(NEAR_M);
        solid.camera = solid.point_in(eye.pos);
        solid.base = solid.dir_in(eye.ray(0.0, 0.0));
        solid.across = solid.dir_in(eye.axes.x * (1.0 / eye.focal));
        solid.down = solid.dir_in(-eye.axes.y * (1.0 / eye.focal));
        self.solids.push(solid);
    }

    /// A limb: a tube from `a` to `b` (in the spot's axes), radius `ra` at `a` and `rb` at `b`.
    pub fn limb(&mut self, spot: &ObjectSpot, a: V, b: V, ra: f32, rb: f32, skin: u32) {
        // The wider end is the bottom, so that the taper stays within 0..=1.
        let (a, b, ra, rb) = if ra >= rb {
            (a, b, ra, rb)
        } else {
            (b, a, rb, ra)
        };
        let along = b - a;
        let inner = spot.inner(a.mix(b, 0.5), LocalAxes::along(along));
        let half = v(ra, 0.5 * along.length(), ra);
        let form = SolidForm::Tube {
            taper: rb / ra.max(1e-6),
            hole: 0.0,
        };
        self.put(&inner, V::ZERO, half, form, skin);
    }

    /// A ball stretched to `half`, centred at `p`.
    pub fn ball(&mut self, spot: &ObjectSpot, p: V, half: V, skin: u32) {
        self.put(spot, p, half, SolidForm::Ball, skin);
    }

    /// A block with half extents `half`, centred at `p`.
    pub fn block(&mut self, spot: &ObjectSpot, p: V, half: V, skin: u32) {
        self.put(spot, p, half, SolidForm::Box, skin);
    }

    /// Soft shade on the ground around the spot, `half` across and along.
    pub fn smudge(&mut self, spot: &ObjectSpot, half: (f32, f32), strength: f32) {
        let half = (half.0 * spot.scale, half.1 * spot.scale);
        let reach = 1.7 * (half.0 * half.0 + half.1 * half.1).sqrt();
        let pos = v(spot.pos.x, 0.0, spot.pos.z);
        let corner = |a: f32, b: f32| v(pos.x + a * reach, 0.0, pos.z + b * reach);
        let rect = self.camera.ground_bounds([
            corner(-1.0, -1.0),
            corner(1.0, -1.0),
            corner(1.0, 1.0),
            corner(-1.0, 1.0),
        ]);
        self.smudges.push(ContactShadow {
            pos,
            axes: spot.axes,
            half,
            strength,
            reach,
            rect,
        });
    }

    /// Finds for every group whether houses keep the sun off it.
    pub fn light(&mut self, sun: V) {
        let big: Vec<usize> = (0..self.solids.len())
            .filter(|&i| self.groups[self.solids[i].group as usize].big)
            .collect();
        for g in 0..self.groups.len() {
            let group = self.groups[g];
            if group.big {
                continue;
            }
            let hidden = big.iter().any(|&i| {
                let s = &self.solids[i];
                // A house shades at most a few times its height away.
                let away = s.pos - group.probe;
                away.dot(away) < 90.0 * 90.0
                    && s.form
                        .enter(&self.planes, s.point_in(group.probe), s.dir_in(sun))
                        < MISS
            });
            if hidden {
                self.groups[g].lit = 0.12;
            }
        }
    }
}
