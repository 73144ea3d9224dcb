//! Pipeline options as job servers take them: a struct with a URN for each name.
//!
//! Java's job servers cut the URN's ends off by their lengths, turn `snake_case` into `camelCase` and read the rest as JSON, in
//! which a struct's numbers are doubles. So the pipeline's own options are one string with JSON inside, names of engine
//! options are in `snake_case`, and their integers are strings.
//!
//! Job servers show options to everybody: secrets have no place in them.

use ferrobeam_core::{Error, Result};
use ferrobeam_model::job_management as jobs;
use jobs::pipeline_option_type::Enum as Type;
use prost_types::value::Kind;
use prost_types::{ListValue, Struct, Value};
use std::collections::BTreeMap;

/// The option with the pipeline's own.
const OURS: &str = "ferrobeam";

/// Options that take more than one value, on engines that do not say which of theirs do.
const LISTS: [&str; 2] = ["experiments", "files_to_stage"];

/// Options of an engine, by the engine's names: `--engine-option NAME=VALUE`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct EngineOptions(BTreeMap<String, Vec<String>>);

impl EngineOptions {
    /// Reads `NAME=VALUE` texts; a name without a value is switched on. `-` and `_` are the same, as the engines' own
    /// documentation has both.
    ///
    /// # Errors
    /// A name is empty or reserved.
    pub(crate) fn parse<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<EngineOptions> {
        let mut options = EngineOptions::default();
        for text in texts {
            let (name, value) = text.split_once('=').unwrap_or((text, "true"));
            let name = name.trim_start_matches('-').replace('-', "_");
            let is_snake = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
            if name.is_empty() || !name.chars().all(is_snake) {
                return Err(wrong(text, "its name is not in snake_case: it should be NAME=VALUE, as in parallelism=2"));
            }
            if [OURS, "job_name", "app_name"].contains(&name.as_str()) {
                return Err(wrong(text, "this runner sets it itself"));
            }
            options.0.entry(name).or_default().push(value.to_owned());
        }
        Ok(options)
    }

    /// The value of an option that is given once.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.last().map(String::as_str)
    }

    /// Whether an option is switched on.
    pub(crate) fn is_on(&self, name: &str) -> bool {
        self.get(name) == Some("true")
    }

    /// Whether the engine takes checkpoints.
    pub(crate) fn takes_checkpoints(&self) -> bool {
        self.get("checkpointing_interval").is_some_and(|interval| !interval.starts_with('-'))
    }

    /// Sets what a pipeline needs on Flink when there are checkpoints, unless the user does.
    ///
    /// What is put out at the end of a bundle that a checkpoint has ended waits for the next bundle otherwise, and behind an
    /// impulse there is none: the job would stand still. And if the pipeline is bounded, its sources must end, or the job
    /// would not.
    pub(crate) fn go_on_with_checkpoints(&mut self, is_bounded: bool) {
        if !self.takes_checkpoints() {
            return;
        }
        let end = is_bounded.then_some(("shutdown_sources_after_idle_ms", "0"));
        for (name, value) in [("finish_bundle_before_checkpointing", "true")].into_iter().chain(end) {
            self.0.entry(name.to_owned()).or_insert_with(|| vec![value.to_owned()]);
        }
    }

    fn value(&self, name: &str, values: &[String], known: Option<Type>) -> Result<Kind> {
        let all = || {
            let values = values.iter().map(|value| Value { kind: Some(Kind::StringValue(value.clone())) });
            Kind::ListValue(ListValue { values: values.collect() })
        };
        let [value] = values else {
            return match known {
                None | Some(Type::Array) => Ok(all()),
                Some(_) => Err(wrong(name, "it is given more than once, and takes one value")),
            };
        };
        match (known, value.as_str()) {
            (Some(Type::Array), _) => Ok(all()),
            (None, _) if LISTS.contains(&name) => Ok(all()),
            (None | Some(Type::Boolean), "true") => Ok(Kind::BoolValue(true)),
            (None | Some(Type::Boolean), "false") => Ok(Kind::BoolValue(false)),
            (Some(Type::Boolean), _) => Err(wrong(&format!("{name}={value}"), "it is true or false")),
            (Some(Type::Integer), number) if number.parse::<i64>().is_err() => {
                Err(wrong(&format!("{name}={number}"), "it is an integer"))
            }
            _ => Ok(Kind::StringValue(value.clone())),
        }
    }
}

/// The options of a job.
///
/// `ours` is the JSON that workers construct the pipeline with; `known` is what the engine says it knows, if it does.
///
/// # Errors
/// The engine does not know an option, or takes another kind of value.
pub(crate) fn to_struct(
    ours: &serde_json::Value,
    job_name: &str,
    engine: &EngineOptions,
    known: &[jobs::PipelineOptionDescriptor],
) -> Result<Struct> {
    let text = |text: &str| Kind::StringValue(text.to_owned());
    let names = ["job_name", "app_name"].map(|name| (name, text(job_name)));
    let mut options: BTreeMap<String, Kind> = names.into_iter().map(|(name, value)| (urn(name), value)).collect();
    options.insert(urn(OURS), text(&ours.to_string()));
    for (name, values) in &engine.0 {
        let option = known.iter().find(|option| option.name == *name);
        if option.is_none() && !known.is_empty() {
            return Err(unknown(name, known));
        }
        options.insert(urn(name), engine.value(name, values, option.map(|option| option.r#type()))?);
    }
    let fields = options.into_iter().map(|(name, kind)| (name, Value { kind: Some(kind) })).collect();
    Ok(Struct { fields })
}

/// The pipeline's own options, as a worker gets them from its engine.
///
/// # Errors
/// They are not there, or are no JSON: the job is none of this SDK's.
pub(crate) fn ours(options: &Struct) -> Result<serde_json::Value> {
    // Some engines hand the names on without the ends of the URN.
    let found = [urn(OURS), OURS.to_owned()].into_iter().find_map(|name| options.fields.get(&name)?.kind.as_ref());
    let Some(Kind::StringValue(text)) = found else {
        return Err(Error::Options(format!(
            "the engine has no option `{}`: the job is none of Ferrobeam's",
            urn(OURS)
        )));
    };
    serde_json::from_str(text).map_err(|e| Error::Options(format!("the engine's option `{}`: {e}", urn(OURS))))
}

fn urn(name: &str) -> String {
    format!("beam:option:{name}:v1")
}

fn wrong(option: &str, why: &str) -> Error {
    Error::Options(format!("the engine option `{option}`: {why}"))
}

fn unknown(name: &str, known: &[jobs::PipelineOptionDescriptor]) -> Error {
    let mut words = name.split('_').filter(|word| word.len() > 3).peekable();
    let is_like = |option: &&jobs::PipelineOptionDescriptor| words.clone().any(|word| option.name.contains(word));
    let like: Vec<_> = known.iter().filter(is_like).map(|option| format!("`{}`", option.name)).take(5).collect();
    let hint = match (words.peek(), &like[..]) {
        (None, _) | (_, []) => format!("it has {} others", known.len()),
        (_, like) => format!("it has {}", like.join(", ")),
    };
    wrong(name, &format!("the engine does not have it; {hint}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn described(name: &str, kind: Type) -> jobs::PipelineOptionDescriptor {
        jobs::PipelineOptionDescriptor { name: name.to_owned(), r#type: kind.into(), ..Default::default() }
    }

    fn known() -> Vec<jobs::PipelineOptionDescriptor> {
        [("parallelism", Type::Integer), ("streaming", Type::Boolean), ("experiments", Type::Array)]
            .map(|(name, kind)| described(name, kind))
            .to_vec()
    }

    fn options(texts: &[&str], known: &[jobs::PipelineOptionDescriptor]) -> Result<Struct> {
        to_struct(&json!({"input": "a", "n": 3}), "job", &EngineOptions::parse(texts.iter().copied())?, known)
    }

    fn field(options: &Struct, name: &str) -> Kind {
        options.fields[&urn(name)].kind.clone().unwrap()
    }

    #[test]
    fn our_options_come_back_whole() {
        let sent = options(&[], &[]).unwrap();
        assert_eq!(sent.fields.len(), 3);
        assert_eq!(field(&sent, "job_name"), Kind::StringValue("job".to_owned()));
        assert_eq!(ours(&sent).unwrap(), json!({"input": "a", "n": 3}));
        let short = Struct { fields: [("ferrobeam".to_owned(), sent.fields[&urn(OURS)].clone())].into() };
        assert_eq!(ours(&short).unwrap(), json!({"input": "a", "n": 3}));
        assert!(ours(&Struct::default()).unwrap_err().to_string().contains("none of Ferrobeam's"));
    }

    #[test]
    fn engine_options_keep_their_names_and_integers_are_strings() {
        for known in [known(), Vec::new()] {
            let sent = options(&["parallelism=2", "--streaming", "experiments=a", "experiments=b"], &known).unwrap();
            assert_eq!(field(&sent, "parallelism"), Kind::StringValue("2".to_owned()));
            assert_eq!(field(&sent, "streaming"), Kind::BoolValue(true));
            let Kind::ListValue(list) = field(&sent, "experiments") else { panic!("a list") };
            assert_eq!(list.values.len(), 2);
            assert!(matches!(field(&options(&["experiments=a"], &known).unwrap(), "experiments"), Kind::ListValue(_)));
        }
    }

    #[test]
    fn mistakes_are_told_before_anything_is_sent() {
        let told = |texts: &[&str]| options(texts, &known()).unwrap_err().to_string();
        assert!(told(&["=1"]).contains("NAME=VALUE"));
        assert!(told(&["maxBundleSize=1"]).contains("snake_case"));
        assert!(told(&["job_name=x"]).contains("sets it itself"));
        assert!(told(&["parallelism=two"]).contains("integer"));
        assert!(told(&["streaming=yes"]).contains("true or false"));
        assert!(told(&["parallelism=1", "parallelism=2"]).contains("more than once"));
        assert!(told(&["max_parallelism=1"]).contains("it has `parallelism`"), "{}", told(&["max_parallelism=1"]));
        assert!(told(&["xyz=1"]).contains("it has 3 others"));
    }

    #[test]
    fn flink_goes_on_with_checkpoints() {
        let with = |options: &[&str], is_bounded| {
            let mut options = EngineOptions::parse(options.iter().copied()).unwrap();
            options.go_on_with_checkpoints(is_bounded);
            options
        };
        assert_eq!(with(&["parallelism=1"], true), EngineOptions::parse(["parallelism=1"]).unwrap());
        let checkpoints = with(&["checkpointing-interval=1000"], true);
        assert!(checkpoints.takes_checkpoints() && !checkpoints.is_on("streaming"));
        assert_eq!(checkpoints.get("shutdown_sources_after_idle_ms"), Some("0"));
        assert!(checkpoints.is_on("finish_bundle_before_checkpointing"));
        let own = ["checkpointing-interval=1000", "finish_bundle_before_checkpointing=false"];
        assert!(!with(&own, true).is_on("finish_bundle_before_checkpointing"));
        assert_eq!(with(&own, false).get("shutdown_sources_after_idle_ms"), None);
    }
}
