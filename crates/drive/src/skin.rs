//! Surface skins: pattern, colours, and a point on one of them.

use super::space::{V, v};

/// How a wall is made.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct HouseFacade {
    pub storey_m: f32,
    pub bay_m: f32,
    /// Window's share of its bay's width and its storey's height; 0 width for a blind wall.
    pub window: (f32, f32),
    pub brick: bool,
    /// Whether the ground floor is shop windows.
    pub shop: bool,
    /// Whether the windows form bands or a curtain of glass.
    pub curtain: bool,
    /// Bars across a window: 0, 1 (cross) or 2 (small panes).
    pub bars: u8,
    pub number: u32,
}

/// How a vehicle's body is marked.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct BodySkin {
    /// Half width and half length, m.
    pub half: (f32, f32),
    /// Height of the body's lower edge above the ground, m.
    pub sill_m: f32,
    /// Distance of the axles from the middle and the wheels' radius, m.
    pub axle_m: f32,
    pub wheel_m: f32,
    /// Whether the brake lamps burn.
    pub brake: bool,
    /// A van's or bus's row of side windows from this height over the body's middle, m; > 9 none.
    pub windows_m: f32,
}

/// The pattern on a surface.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum SkinPattern {
    /// One colour with grain and soft stains of the given strengths.
    Plain { grain: f32, stain: f32 },
    /// A house wall with windows.
    Wall(HouseFacade),
    /// Rows of tiles, `row` metres apart.
    Tiles { row: f32 },
    /// Leaves: speckled light and dark; `size` of the speckles in metres.
    Leaves { size: f32 },
    /// Bark or rough wood along `y`.
    Bark,
    /// Boards of `width` metres across the given local axis (0 x, 1 y, 2 z).
    Boards { width: f32, axis: u8 },
    /// Card with a strip of tape, folds and a printed mark.
    Card,
    /// Hair: streaks, darker on top by `saddle`, lighter below by `belly`.
    Fur { saddle: f32, belly: f32 },
    /// Patches of the second colour over `share` of the surface, `size` metres wide.
    Blotch { size: f32, share: f32 },
    /// Bands of the second colour: period in metres, along an axis (0 x, 1 y, 2 z).
    Bands { period: f32, axis: u8 },
    /// Checks of three colours, `size` metres.
    Checks { size: f32 },
    /// Stone: coarse tones and cracks.
    Rock,
    /// Crumpled foil: many small folds.
    Film,
    /// Vehicle body; half width, half length, and how it is built.
    Body(BodySkin),
    /// Vehicle windows with pillars; half length of the cabin.
    Cabin { half_length: f32 },
    /// Wheel face of the given radius on the ends of a tube.
    Wheel { rim: f32 },
    /// A traffic sign's face.
    Sign { design: u8 },
    /// Traffic light face.
    Signal { lit: u8 },
}

/// A surface: pattern, colours and how it mirrors.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct SurfaceSkin {
    pub pattern: SkinPattern,
    pub a: V,
    pub b: V,
    pub c: V,
    /// Shifts the textures, so that no two objects look the same.
    pub shift: f32,
    /// Share of mirrored sky, head on.
    pub gloss: f32,
    /// Light it gives off itself, as a share of `a`.
    pub glow: f32,
}

impl SurfaceSkin {
    /// A dull surface of one pattern with colours `a` and `b`.
    pub fn new(pattern: SkinPattern, a: V, b: V, shift: f32) -> Self {
        Self {
            pattern,
            a,
            b,
            c: b,
            shift,
            gloss: 0.0,
            glow: 0.0,
        }
    }

    /// A dull surface of one colour.
    pub fn plain(a: V, shift: f32) -> Self {
        Self::new(
            SkinPattern::Plain {
                grain: 0.15,
                stain: 0.25,
            },
            a,
            a,
            shift,
        )
    }

    pub fn gloss(self, gloss: f32) -> Self {
        Self { gloss, ..self }
    }

    pub fn glow(self, glow: f32) -> Self {
        Self { glow, ..self }
    }
}

/// A point of a surface, in the solid's own axes.
#[derive(Clone, Copy, Debug)]
pub(super) struct SkinPoint {
    /// From the solid's centre, m.
    pub m: V,
    /// Unit normal.
    pub n: V,
    /// Half extents of the solid, m.
    pub half: V,
    /// Width of a pixel there, m.
    pub foot: f32,
    /// How far lamps are lit.
    pub lamps: f32,
}

/// What the light meets.
#[derive(Clone, Copy, Debug)]
pub(super) struct SurfaceColour {
    pub colour: V,
    pub gloss: f32,
    pub glow: V,
    /// Added to the normal, in the solid's own axes.
    pub bump: V,
    /// How far light reaches round to the dark side and shines through, 0 to 1.
    pub wrap: f32,
}

impl SurfaceColour {
    pub fn dull(colour: V) -> Self {
        Self {
            colour,
            gloss: 0.0,
            glow: V::ZERO,
            bump: V::ZERO,
            wrap: 0.0,
        }
    }
}

impl SkinPoint {
    /// Coordinates on the surface: the two axes that the normal points along least.
    pub fn uv(&self) -> (f32, f32) {
        let n = v(self.n.x.abs(), self.n.y.abs(), self.n.z.abs());
        if n.y > n.x && n.y > n.z {
            (self.m.x, self.m.z)
        } else if n.x > n.z {
            (self.m.z, self.m.y)
        } else {
            (self.m.x, self.m.y)
        }
    }

    /// Coordinates without seams on round objects: stretched where the surface turns away.
    pub fn soft_uv(&self) -> (f32, f32) {
        (
            self.m.x * 0.87 + self.m.z * 0.71,
            self.m.y * 0.9 + self.m.z * 0.45 - self.m.x * 0.35,
        )
    }

    pub fn along(&self, axis: u8) -> f32 {
        match axis {
            0 => self.m.x,
            1 => self.m.y,
            _ => self.m.z,
        }
    }
}
