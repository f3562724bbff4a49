//! What the values of label images mean, as options.

use anyhow::Context;
use unmask_eval::LabelRules;

/// Options about label images.
#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Labels")]
pub(super) struct LabelValues {
    /// Label values of anomalous pixels (RoadAnomaly: 2)
    #[arg(long, value_name = "N,…", value_delimiter = ',', default_value = "1")]
    anomaly_value: Vec<u8>,
    /// Label values of ignored pixels
    #[arg(long, value_name = "N,…", value_delimiter = ',', default_value = "255")]
    ignore_value: Vec<u8>,
    /// Label values of normal pixels, besides 0
    ///
    /// Any other value is an error.
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
