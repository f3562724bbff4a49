//! Graphs as lines of text.
//!
//! `NAME VERDICT OPSET | PART; PART; …` where a part is a tensor (`x f32[1,4]`: an input before the
//! first node, an output behind it), a constant (`k i64[1]=5`: values, or one that is repeated) or a
//! node (`y = Op(x, k) axis=1 mode='linear' pads=[1,1]`; `domain::Op` for another domain, `-` for
//! no input). `!` behind the result: accepted and silently wrong. A line that begins with `~` gives
//! the reason why the lint says something else about the graph before it; `#` is a comment;
//! `function domain::Name` defines a function of one Relu.

use unmask_onnx::messages::{
    AttributeProto, DataType, FunctionProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto,
    TensorProto, ValueInfoProto,
};

/// What the library does with a graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// A plan is built.
    Accepted,
    /// The parser refuses.
    Parser,
    /// The builder refuses.
    Builder,
}

/// A graph and what is known about it.
pub struct Case {
    pub name: String,
    pub model: ModelProto,
    pub verdict: Verdict,
    /// Accepted, and computed as something else.
    pub wrong: bool,
    /// Why the lint says something else.
    pub differs: Option<String>,
}

/// Every graph of the table.
pub fn cases() -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    let lines = include_str!("graphs.txt").lines().map(str::trim);
    for line in lines.filter(|line| !line.is_empty() && !line.starts_with('#')) {
        match line.strip_prefix('~') {
            Some(reason) => cases.last_mut().unwrap().differs = Some(reason.trim().to_owned()),
            None => cases.push(case(line)),
        }
    }
    cases
}

fn case(line: &str) -> Case {
    let (head, parts) = line
        .split_once(" | ")
        .unwrap_or_else(|| panic!("no parts: {line}"));
    let [name, verdict, opset] = head.split_whitespace().collect::<Vec<_>>()[..] else {
        panic!("not NAME VERDICT OPSET: {head}")
    };
    let wrong = verdict.ends_with('!');
    let verdict = match verdict.trim_end_matches('!') {
        "ok" => Verdict::Accepted,
        "parser" => Verdict::Parser,
        "builder" => Verdict::Builder,
        other => panic!("verdict {other}: {line}"),
    };
    let opset = opset.parse().unwrap();
    let mut model = ModelProto {
        ir_version: Some(if opset > 20 { 10 } else { 8 }),
        opset_import: vec![OperatorSetIdProto {
            domain: None,
            version: Some(opset),
        }],
        ..ModelProto::default()
    };
    let mut graph = GraphProto {
        name: Some("g".to_owned()),
        ..GraphProto::default()
    };
    for part in parts.split(';').map(str::trim) {
        add(&mut model, &mut graph, part);
    }
    model.graph = Some(graph);
    Case {
        name: name.to_owned(),
        model,
        verdict,
        wrong,
        differs: None,
    }
}

fn add(model: &mut ModelProto, graph: &mut GraphProto, part: &str) {
    if let Some(function) = part.strip_prefix("function ") {
        let (domain, name) = function.split_once("::").unwrap();
        domains(model, domain);
        model.functions.push(FunctionProto {
            name: Some(name.to_owned()),
            domain: Some(domain.to_owned()),
            input: vec!["a".to_owned()],
            output: vec!["b".to_owned()],
            node: vec![NodeProto {
                op_type: Some("Relu".to_owned()),
                input: vec!["a".to_owned()],
                output: vec!["b".to_owned()],
                ..NodeProto::default()
            }],
            opset_import: model.opset_import[..1].to_vec(),
            ..FunctionProto::default()
        });
    } else if let Some((outputs, call)) = part.split_once(" = ") {
        let node = node(model, outputs, call, graph.node.len());
        graph.node.push(node);
    } else if let Some((tensor, values)) = part.split_once('=') {
        graph.initializer.push(constant(tensor, values));
    } else {
        let (name, data_type, shape) = tensor(part);
        let info = ValueInfoProto::tensor(name, data_type, &shape);
        let list = if graph.node.is_empty() {
            &mut graph.input
        } else {
            &mut graph.output
        };
        list.push(info);
    }
}

fn domains(model: &mut ModelProto, domain: &str) {
    if !model
        .opset_import
        .iter()
        .any(|import| import.domain.as_deref() == Some(domain))
    {
        let domain = Some(domain.to_owned());
        model.opset_import.push(OperatorSetIdProto {
            domain,
            version: Some(1),
        });
    }
}

fn node(model: &mut ModelProto, outputs: &str, call: &str, index: usize) -> NodeProto {
    let (operator, rest) = call.split_once('(').unwrap();
    let (inputs, attributes) = rest.split_once(')').unwrap();
    let (domain, operator) = match operator.split_once("::") {
        Some((domain, operator)) => (Some(domain), operator),
        None => (None, operator),
    };
    if let Some(domain) = domain {
        domains(model, domain);
    }
    let names = |text: &str| -> Vec<String> {
        let names = text
            .split(',')
            .map(str::trim)
            .filter(|name| !name.is_empty());
        names
            .map(|name| if name == "-" { "" } else { name }.to_owned())
            .collect()
    };
    NodeProto {
        name: Some(format!("n{index}")),
        op_type: Some(operator.to_owned()),
        domain: domain.map(str::to_owned),
        input: names(inputs),
        output: names(outputs),
        attribute: attributes.split_whitespace().map(attribute).collect(),
        ..NodeProto::default()
    }
}

fn attribute(text: &str) -> AttributeProto {
    let (name, value) = text.split_once('=').unwrap();
    if let Some(value) = value.strip_prefix('\'') {
        return AttributeProto::string(name, value.trim_end_matches('\''));
    }
    if let Some(list) = value.strip_prefix('[') {
        let values: Vec<i64> = list
            .trim_end_matches(']')
            .split(',')
            .map(|value| value.parse().unwrap())
            .collect();
        return AttributeProto::ints(name, values);
    }
    match value.contains('.') {
        true => AttributeProto::float(name, value.parse().unwrap()),
        false => AttributeProto::int(name, value.parse().unwrap()),
    }
}

/// Name, type and sizes of `x f32[1,4]`.
fn tensor(text: &str) -> (&str, DataType, Vec<usize>) {
    let (name, rest) = text
        .split_once(' ')
        .unwrap_or_else(|| panic!("no tensor: {text}"));
    let (data_type, shape) = rest.trim_end_matches(']').split_once('[').unwrap();
    let data_type = match data_type {
        "f32" => DataType::Float,
        "f16" => DataType::Float16,
        "bf16" => DataType::Bfloat16,
        "f64" => DataType::Double,
        "f8" => DataType::Float8e4m3fn,
        "f8e5" => DataType::Float8e5m2,
        "i8" => DataType::Int8,
        "u8" => DataType::Uint8,
        "i16" => DataType::Int16,
        "u16" => DataType::Uint16,
        "i32" => DataType::Int32,
        "u32" => DataType::Uint32,
        "i64" => DataType::Int64,
        "u64" => DataType::Uint64,
        "bool" => DataType::Bool,
        "string" => DataType::String,
        other => panic!("type {other}"),
    };
    let sizes = shape.split(',').filter(|size| !size.is_empty());
    (
        name,
        data_type,
        sizes.map(|size| size.parse().unwrap()).collect(),
    )
}

fn constant(head: &str, values: &str) -> TensorProto {
    let (name, data_type, shape) = tensor(head);
    let count: usize = shape.iter().product();
    let values: Vec<f64> = values
        .split_whitespace()
        .map(|value| value.parse().unwrap())
        .collect();
    let value = |index: usize| {
        if values.len() == 1 {
            values[0]
        } else {
            values[index]
        }
    };
    let raw_data = (0..count)
        .flat_map(|index| {
            let value = value(index);
            match data_type {
                DataType::Float => (value as f32).to_le_bytes().to_vec(),
                DataType::Double => value.to_le_bytes().to_vec(),
                DataType::Int64 => (value as i64).to_le_bytes().to_vec(),
                DataType::Int32 => (value as i32).to_le_bytes().to_vec(),
                DataType::Int16 => (value as i16).to_le_bytes().to_vec(),
                DataType::Int8 => vec![(value as i8) as u8],
                // FP8 and FP16 only ever hold zeros here.
                DataType::Uint8
                | DataType::Bool
                | DataType::Float8e4m3fn
                | DataType::Float8e5m2 => {
                    vec![value as u8]
                }
                other => panic!("constants of {other:?}"),
            }
        })
        .collect();
    TensorProto {
        name: Some(name.to_owned()),
        data_type: Some(data_type as i32),
        dims: shape.iter().map(|&size| size as i64).collect(),
        raw_data: Some(raw_data),
        ..TensorProto::default()
    }
}
