//! What the values of label pictures mean, as verbs are told.

use anyhow::Context;
use unmask_eval::LabelRules;

/// Options about label pictures.
#[derive(clap::Args, Debug)]
pub(super) struct LabelValues {
    /// Label values of anomalous pixels (RoadAnomaly: 2).
    #[arg(long, value_name = "N,…", value_delimiter = ',', default_value = "1")]
    anomaly_value: Vec<u8>,
    /// Label values of pixels that do not count.
    #[arg(long, value_name = "N,…", value_delimiter = ',', default_value = "255")]
    ignore_value: Vec<u8>,
    /// Label values of normal pixels, besides 0. Any other value is an error.
    #[arg(long, value_name = "N,…", value_delimiter = ',')]
    normal_values: Vec<u8>,
}

impl LabelValues {
    /// The rules that these options make.
    pub fn rules(&self) -> anyhow::Result<LabelRules> {
        LabelRules::new(&self.anomaly_value, &self.ignore_value, &self.normal_values)
            .context("--anomaly-value, --ignore-value and --normal-values must differ")
    }
}
