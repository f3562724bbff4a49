//! The engines of a run: the usual one, and those that steps of the ladder ask for.

use unmask_alert::{AlertBuilder, EngineId};
use unmask_engine::Engine;

/// The usual engine and others that steps of the degrade ladder name.
#[derive(Debug)]
pub struct EngineSet<'a> {
    usual: &'a mut Engine,
    others: &'a mut [Engine],
}

impl<'a> From<&'a mut Engine> for EngineSet<'a> {
    fn from(usual: &'a mut Engine) -> Self {
        Self {
            usual,
            others: &mut [],
        }
    }
}

impl<'a> EngineSet<'a> {
    /// The usual engine is number 0; `others` are numbers 1, 2 and so on.
    pub fn new(usual: &'a mut Engine, others: &'a mut [Engine]) -> Self {
        Self { usual, others }
    }

    /// Engine `number`; the usual one, where there is none of that number.
    pub(super) fn at(&mut self, number: usize) -> &mut Engine {
        match number.checked_sub(1).and_then(|at| self.others.get_mut(at)) {
            Some(engine) => engine,
            None => self.usual,
        }
    }

    /// Who writes alerts for each, in their order.
    pub(super) fn alert_builders(&self) -> Vec<AlertBuilder> {
        std::iter::once(&*self.usual)
            .chain(self.others.iter())
            .map(|engine| {
                AlertBuilder::new(EngineId {
                    name: engine.name().into(),
                    precision: engine.precision().into(),
                    hash: engine.model_metadata().sha256.as_str().into(),
                })
            })
            .collect()
    }
}
