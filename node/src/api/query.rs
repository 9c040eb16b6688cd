//! Parameters of a path, read strictly: what is missing, twice there, unknown or malformed is
//! named.

use super::failure::Failure;
use std::collections::BTreeMap;
use std::fmt::Display;
use std::str::FromStr;

/// The parameters of one request.
pub(super) struct Parameters(BTreeMap<String, String>);

impl Parameters {
    /// Reads a query of which all names must be among `known`.
    pub(super) fn parse(query: Option<&str>, known: &[&str]) -> Result<Parameters, Failure> {
        let mut parameters = BTreeMap::new();
        for pair in query
            .unwrap_or_default()
            .split('&')
            .filter(|pair| !pair.is_empty())
        {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            if !known.contains(&name) {
                return Err(Failure::malformed(format!(
                    "unknown parameter {name:?}; this path knows {}",
                    known.join(", ")
                )));
            }
            if parameters
                .insert(name.to_owned(), value.to_owned())
                .is_some()
            {
                return Err(Failure::malformed(format!(
                    "the parameter {name} is there twice"
                )));
            }
        }
        Ok(Parameters(parameters))
    }

    /// A parameter that must be there.
    pub(super) fn required<T: FromStr<Err: Display>>(&self, name: &str) -> Result<T, Failure> {
        let value = self.optional(name)?;
        value.ok_or_else(|| Failure::malformed(format!("the parameter {name} is missing")))
    }

    /// A parameter that may be left out.
    pub(super) fn optional<T: FromStr<Err: Display>>(
        &self,
        name: &str,
    ) -> Result<Option<T>, Failure> {
        let parse = |value: &String| {
            value.parse().map_err(|error| {
                Failure::malformed(format!("{name} is {value:?}, which it cannot be: {error}"))
            })
        };
        self.0.get(name).map(parse).transpose()
    }

    /// Whether a parameter without a value is there.
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(result: Result<Parameters, Failure>) -> String {
        format!("{:?}", result.err().unwrap())
    }

    #[test]
    fn parameters_are_read_strictly() {
        let known = ["from", "to"];
        let parameters = Parameters::parse(Some("from=7&to="), &known).unwrap();
        assert_eq!(parameters.required::<u64>("from").unwrap(), 7);
        assert!(format!("{:?}", parameters.required::<u64>("to")).contains("cannot be"));
        assert!(parameters.has("to"));
        let none = Parameters::parse(None, &known).unwrap();
        assert!(format!("{:?}", none.required::<u64>("from")).contains("missing"));
        assert_eq!(none.optional::<u64>("from").unwrap(), None);
        assert!(failure(Parameters::parse(Some("fro=1"), &known)).contains("unknown"));
        assert!(failure(Parameters::parse(Some("to=1&to=2"), &known)).contains("twice"));
    }
}
