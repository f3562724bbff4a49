//! Checks lines against `docs/schema/unmask.alert-1.json`. Every alert that a test emits goes
//! through here. Knows the keywords of that file and refuses others, so that a schema that grows
//! is never half checked.

use serde_json::Value;
use std::sync::LazyLock;

pub(crate) static SCHEMA: LazyLock<Value> = LazyLock::new(|| {
    let text = include_str!(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/docs/schema/unmask.alert-1.json"
    ));
    serde_json::from_str(text).expect("the schema file is JSON")
});

/// Panics where `line` is not an alert.
pub(crate) fn check(line: &[u8]) {
    let text = String::from_utf8_lossy(line);
    let value = serde_json::from_slice(line).unwrap_or_else(|e| panic!("{e}: {text}"));
    if let Err(reason) = matches(&SCHEMA, &value, "alert") {
        panic!("{reason}: {text}");
    }
}

pub(crate) fn matches(schema: &Value, value: &Value, at: &str) -> Result<(), String> {
    let rules = schema.as_object().expect("a schema is an object");
    for (key, rule) in rules {
        let holds = match key.as_str() {
            "$schema" | "title" | "description" | "$id" => true,
            // Together with "properties".
            "additionalProperties" => *rule == Value::Bool(false),
            "type" => match rule {
                Value::Array(any) => any.iter().any(|one| is(one, value)),
                one => is(one, value),
            },
            "const" => value == rule,
            "enum" => list(rule).contains(value),
            "minimum" => value.is_null() || value.as_f64() >= rule.as_f64(),
            "maximum" => value.is_null() || value.as_f64() <= rule.as_f64(),
            "minLength" => value.as_str().map(|s| s.len() as u64) >= rule.as_u64(),
            "minItems" => list(value).len() as u64 >= rule.as_u64().expect("a number"),
            "maxItems" => list(value).len() as u64 <= rule.as_u64().expect("a number"),
            "items" => {
                for (i, item) in list(value).iter().enumerate() {
                    matches(rule, item, &format!("{at}[{i}]"))?;
                }
                true
            }
            "pattern" => match rule.as_str() {
                Some("^[0-9a-f]{64}$") => value.as_str().is_some_and(|s| {
                    let hexadecimal = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
                    s.len() == 64 && s.bytes().all(hexadecimal)
                }),
                other => panic!("the checker does not know the pattern {other:?}"),
            },
            "format" => match rule.as_str() {
                Some("date-time") => value
                    .as_str()
                    .is_some_and(|s| s.parse::<jiff::Timestamp>().is_ok()),
                other => panic!("the checker does not know the format {other:?}"),
            },
            "required" => match list(rule)
                .iter()
                .find(|k| value.get(k.as_str().unwrap()).is_none())
            {
                Some(missing) => return Err(format!("{at} has no {missing}")),
                None => true,
            },
            "properties" => {
                if let Some(object) = value.as_object() {
                    for (name, inner) in object {
                        let Some(inner_rule) = rule.get(name) else {
                            return Err(format!("{at}.{name} is not in the schema"));
                        };
                        matches(inner_rule, inner, &format!("{at}.{name}"))?;
                    }
                }
                true
            }
            other => panic!("the checker does not know the keyword {other:?}"),
        };
        if !holds {
            return Err(format!("{at} = {value} breaks {key}: {rule}"));
        }
    }
    Ok(())
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn is(kind: &Value, value: &Value) -> bool {
    match kind.as_str() {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("boolean") => value.is_boolean(),
        Some("null") => value.is_null(),
        Some("number") => value.is_number(),
        Some("integer") => value.is_i64() || value.is_u64(),
        other => panic!("the checker does not know the type {other:?}"),
    }
}
