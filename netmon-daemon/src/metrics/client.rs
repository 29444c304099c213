//! OpenMetrics 1.0 text and Prometheus protobuf, both written by
//! prometheus-client from one collector over the neutral model.
//!
//! The library adds `_total` and `_info` to names by itself, and it does not
//! escape the help text of collectors, which is why help texts hold neither
//! quotes nor backslashes (a test says so).

use std::{fmt, sync::Arc};

use prometheus_client::{
    collector::Collector,
    encoding::{
        DescriptorEncoder, EncodeLabel, EncodeLabelSet, LabelSetEncoder, MetricEncoder,
        NativeHistogram, NativeHistogramBuckets, NoLabelSet, prometheus_protobuf, text,
    },
    metrics::MetricType,
    registry::Registry,
};

use netmon_common::abi::native;

use super::{
    family::{Family, Kind},
    model::{Model, Reading, Sample},
    sparse::Sparse,
};

/// The library could not write the model.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("prometheus-client could not encode the metrics")]
pub struct EncodeError;

/// Writes OpenMetrics text.
///
/// # Errors
///
/// When the library refuses the model, which it has no reason for.
pub fn openmetrics(model: &Arc<Model>) -> Result<String, EncodeError> {
    let mut out = String::new();
    text::encode(&mut out, &registry(model)).map_err(|_| EncodeError)?;
    Ok(out)
}

/// Writes length-delimited protobuf messages.
///
/// # Errors
///
/// When the library refuses the model, which it has no reason for.
pub fn protobuf(model: &Arc<Model>) -> Result<Vec<u8>, EncodeError> {
    prometheus_protobuf::encode_to_vec(&registry(model)).map_err(|_| EncodeError)
}

fn registry(model: &Arc<Model>) -> Registry {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Arc::clone(model)));
    registry
}

impl Collector for Model {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for (family, samples) in self.families() {
            let kind = match family.kind {
                Kind::Counter => MetricType::Counter,
                Kind::Gauge => MetricType::Gauge,
                Kind::Info => MetricType::Info,
                Kind::Histogram(_) => MetricType::Histogram,
            };
            let stem = family.stem();
            let mut metric = encoder.encode_descriptor(&stem, family.help, None, kind)?;
            for sample in samples {
                if family.kind == Kind::Info {
                    metric.encode_info(&Labels(sample))?;
                } else if family.width() == 0 {
                    encode_reading(family, &sample, &mut metric)?;
                } else {
                    let labels = Labels(sample);
                    encode_reading(family, &sample, &mut metric.encode_family(&labels)?)?;
                }
            }
        }
        Ok(())
    }
}

fn encode_reading(
    family: &Family,
    sample: &Sample<'_>,
    metric: &mut MetricEncoder<'_>,
) -> fmt::Result {
    match (sample.reading(), family.kind) {
        (Reading::Integer(value), Kind::Counter) => {
            metric.encode_counter::<NoLabelSet, _, u64>(&value, None)
        }
        (Reading::Float(value), Kind::Counter) => {
            metric.encode_counter::<NoLabelSet, _, f64>(&value, None)
        }
        (Reading::Integer(value), _) => metric.encode_gauge(&value),
        (Reading::Float(value), _) => metric.encode_gauge(&value),
        (Reading::Histogram { buckets, native, sum, count }, Kind::Histogram(bounds)) => {
            let buckets: Vec<(f64, u64)> = bounds
                .iter()
                .copied()
                .chain([f64::INFINITY])
                .zip(buckets.iter().copied())
                .collect();
            if native.is_empty() {
                return metric.encode_histogram::<NoLabelSet>(sum, count, &buckets, None);
            }
            // Formats that know no native buckets leave them out.
            let sparse = Sparse::new(native);
            metric.encode_histogram_with_native::<NoLabelSet>(
                sum,
                count,
                &buckets,
                None,
                NativeHistogram {
                    schema: native::SCHEMA,
                    zero_threshold: native::ZERO_THRESHOLD,
                    zero_count: sparse.zero,
                    negative: NativeHistogramBuckets { spans: &[], deltas: &[] },
                    positive: NativeHistogramBuckets {
                        spans: &sparse.spans,
                        deltas: &sparse.deltas,
                    },
                    created: None,
                },
            )
        }
        (Reading::Histogram { .. }, _) => Err(fmt::Error),
    }
}

struct Labels<'a>(Sample<'a>);

impl EncodeLabelSet for Labels<'_> {
    fn encode(&self, encoder: &mut LabelSetEncoder<'_>) -> fmt::Result {
        self.0.labels().try_for_each(|label| label.encode(encoder.encode_label()))
    }
}
