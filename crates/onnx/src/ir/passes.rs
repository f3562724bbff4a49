//! Changes to a graph that keep its outputs.

use super::{GraphNode, OnnxGraph, TensorData};
use std::collections::HashSet;

/// The eps of a BatchNormalization that does not say.
const BATCH_NORM_EPS: f32 = 1e-5;

impl OnnxGraph {
    /// Folds every BatchNormalization that alone reads a convolution with constant weights into
    /// that convolution: `w' = w·γ/√(σ²+ε)`, `b' = (b−μ)·γ/√(σ²+ε) + β`, in f64. Exact up to
    /// rounding.
    pub fn fold_batch_norms(&mut self) {
        let uses = self.uses();
        let mut folded = HashSet::new();
        for i in 0..self.nodes.len() {
            if self.nodes[i].op != "BatchNormalization" {
                continue;
            }
            let norm = self.nodes[i].clone();
            if let Some(node) = self.conv_with_norm(&norm, &uses) {
                folded.extend(norm.input(0));
                // It takes the norm's place, which lies after the convolution's own.
                self.nodes[i] = node;
            }
        }
        self.nodes.retain(|n| !folded.contains(&n.output()));
        self.renumber();
    }

    /// The convolution before `norm` with `norm` folded into it, where that can be.
    fn conv_with_norm(&mut self, norm: &GraphNode, uses: &[usize]) -> Option<GraphNode> {
        let x = norm.input(0)?;
        let conv = self.producer(x).filter(|n| n.op == "Conv")?.clone();
        if uses[x.0] != 1 {
            return None;
        }
        let weight_id = conv.input(1)?;
        let weight = self.f32_constant(weight_id)?.clone();
        let bias = match conv.input(2) {
            Some(id) => Some(self.f32_constant(id)?.clone()),
            None => None,
        };
        let constant = |i: usize| Some(self.f32_constant(norm.input(i)?)?.clone());
        let (gamma, beta) = (constant(1)?, constant(2)?);
        let (mean, var) = (constant(3)?, constant(4)?);
        let eps = f64::from(norm.float("epsilon").unwrap_or(BATCH_NORM_EPS));
        let outs = gamma.len();
        let each = weight.len().checked_div(outs)?;
        // A file may say anything of shapes that do not go together.
        let fits = self.value(weight_id).shape.first() == Some(&outs)
            && [&beta, &mean, &var].iter().all(|v| v.len() == outs)
            && bias.as_ref().is_none_or(|b| b.len() == outs);
        if !fits {
            return None;
        }

        let mut new_weight = Vec::with_capacity(weight.len());
        let mut new_bias = Vec::with_capacity(outs);
        for o in 0..outs {
            let by = f64::from(gamma[o]) / (f64::from(var[o]) + eps).sqrt();
            let row = &weight[o * each..(o + 1) * each];
            new_weight.extend(row.iter().map(|&w| (f64::from(w) * by) as f32));
            let b = bias.as_ref().map_or(0.0, |b| f64::from(b[o]));
            new_bias.push(((b - f64::from(mean[o])) * by + f64::from(beta[o])) as f32);
        }
        let shape = self.value(weight_id).shape.clone();
        let label = self.value(weight_id).label.clone();
        let bias_label = label.as_ref().map(|l| {
            let stem = l.strip_suffix(".weight").unwrap_or(l);
            format!("{stem}.bias").into()
        });
        let w = self.add_constant(&shape, TensorData::F32(new_weight.into()), label);
        let b = self.add_constant(&[outs], TensorData::F32(new_bias.into()), bias_label);
        Some(GraphNode {
            name: None,
            inputs: vec![conv.inputs[0], Some(w), Some(b)],
            outputs: norm.outputs[..1].to_vec(),
            ..conv
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::ValueId;
    use super::*;
    use crate::messages::DataType;

    fn conv_norm(extra_reader: bool) -> (OnnxGraph, ValueId) {
        let mut g = OnnxGraph::default();
        let scope = "stem".into();
        let x = g.add_input("x", &[1, 1, 2, 2]);
        let w = g.add_parameter("stem.weight", &[2, 1, 1, 1], vec![2.0, 3.0].into());
        let shape = [1, 2, 2, 2];
        let conv = g.add_node(
            "Conv",
            &scope,
            &[Some(x), Some(w)],
            vec![],
            DataType::Float,
            &shape,
        );
        let mut inputs = vec![Some(conv)];
        for (name, v) in [("weight", 4.0), ("bias", 1.0), ("mean", 0.5), ("var", 3.0)] {
            inputs.push(Some(g.add_parameter(name, &[2], vec![v; 2].into())));
        }
        let op = "BatchNormalization";
        let norm = g.add_node(op, &scope, &inputs, vec![], DataType::Float, &shape);
        g.add_output("y", norm);
        if extra_reader {
            g.add_output("conv", conv);
        }
        (g, norm)
    }

    #[test]
    fn norms_that_do_not_fit_stay() {
        for (input, shape) in [(4, 1), (1, 3), (2, 0)] {
            let (mut g, _) = conv_norm(false);
            let odd = g.add_parameter("odd", &[shape], vec![1.0; shape].into());
            let norm = g
                .node_ids()
                .find(|&id| g.node(id).op == "BatchNormalization");
            g.node_mut(norm.unwrap()).inputs[input] = Some(odd);
            g.fold_batch_norms();
            assert_eq!(g.nodes().len(), 2, "input {input}");
        }
        let (mut g, _) = conv_norm(false);
        let conv = g.node_ids().find(|&id| g.node(id).op == "Conv").unwrap();
        g.node_mut(conv).inputs.truncate(1);
        g.fold_batch_norms();
        assert_eq!(g.nodes().len(), 2);
    }

    #[test]
    fn a_norm_that_alone_reads_a_convolution_goes_into_it() {
        let (mut g, y) = conv_norm(false);
        g.fold_batch_norms();
        assert_eq!(g.nodes().len(), 1);
        let conv = g.producer(y).unwrap();
        assert_eq!(conv.op, "Conv");
        let by = 4.0 / (3.0f64 + 1e-5).sqrt();
        let w = g.f32_constant(conv.inputs[1].unwrap()).unwrap();
        assert_eq!(w[..], [(2.0 * by) as f32, (3.0 * by) as f32]);
        let b = g.f32_constant(conv.inputs[2].unwrap()).unwrap();
        assert_eq!(b[0], (-0.5 * by + 1.0) as f32);
    }

    #[test]
    fn a_convolution_with_another_reader_is_left_alone() {
        let (mut g, y) = conv_norm(true);
        g.fold_batch_norms();
        assert_eq!(g.nodes().len(), 2);
        assert_eq!(g.producer(y).unwrap().op, "BatchNormalization");
    }

    #[test]
    fn nodes_that_reach_no_output_go() {
        let (mut g, y) = conv_norm(false);
        let scope = "dead".into();
        let a = g.add_node(
            "Relu",
            &scope,
            &[Some(y)],
            vec![],
            DataType::Float,
            &[1, 2, 2, 2],
        );
        g.add_node(
            "Relu",
            &scope,
            &[Some(a)],
            vec![],
            DataType::Float,
            &[1, 2, 2, 2],
        );
        g.remove_dead_nodes();
        assert_eq!(g.nodes().len(), 2);
        assert_eq!(g.producer(y).unwrap().op, "BatchNormalization");
    }
}
