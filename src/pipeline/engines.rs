//! The engines of a run: the usual one, and those that steps of the ladder ask for.

use std::sync::Arc;
use unmask_alert::{AlertBuilder, EngineId};
use unmask_engine::Engine;

/// The usual engine and others that steps of the degrade ladder name.
#[derive(Debug)]
pub struct EngineSet<'a> {
    usual: Option<&'a mut Engine>,
    others: &'a mut [Engine],
    /// Why there is none.
    absence: Option<Arc<str>>,
}

impl<'a> From<&'a mut Engine> for EngineSet<'a> {
    fn from(usual: &'a mut Engine) -> Self {
        Self::new(usual, &mut [])
    }
}

impl<'a> EngineSet<'a> {
    /// The usual engine is number 0; `others` are numbers 1, 2 and so on.
    pub fn new(usual: &'a mut Engine, others: &'a mut [Engine]) -> Self {
        Self {
            usual: Some(usual),
            others,
            absence: None,
        }
    }

    /// None at all: the run captures and reports blindness, and says why it does no more.
    pub fn none(reason: &str) -> Self {
        Self {
            usual: None,
            others: &mut [],
            absence: Some(reason.into()),
        }
    }

    /// Why there is no engine; `None` where there is one.
    pub(super) fn absence(&self) -> Option<&Arc<str>> {
        self.absence.as_ref()
    }

    /// Engine `number`; the usual one, where there is none of that number.
    pub(super) fn at(&mut self, number: usize) -> Option<&mut Engine> {
        match number.checked_sub(1).and_then(|at| self.others.get_mut(at)) {
            Some(engine) => Some(engine),
            None => self.usual.as_deref_mut(),
        }
    }

    /// Who writes alerts for each, in their order.
    pub(super) fn alert_builders(&self) -> Vec<AlertBuilder> {
        let usual = match &self.usual {
            Some(usual) => id(usual),
            None => EngineId {
                name: "none".into(),
                precision: "none".into(),
                // The schema wants a SHA-256.
                hash: "0".repeat(64).into(),
            },
        };
        std::iter::once(usual)
            .chain(self.others.iter().map(id))
            .map(AlertBuilder::new)
            .collect()
    }
}

fn id(engine: &Engine) -> EngineId {
    EngineId {
        name: engine.name().into(),
        precision: engine.precision().into(),
        hash: engine.model_metadata().sha256.as_str().into(),
    }
}
