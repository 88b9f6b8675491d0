//! The expressions of the requests, compiled once.

use std::sync::OnceLock;

use regex::Regex;

use super::HttpRequests;
use super::facts::Response;
use crate::expect::{Conditions, ExpressionError, Params, Query};
use crate::probe::kinds::process::pattern;

/// Filled at the first use.
#[derive(Debug, Default)]
pub(super) struct Compiled(OnceLock<Expressions>);

#[derive(Debug, Default)]
pub(super) struct Expressions {
    /// One entry a request.
    pub(super) requests: Vec<OfRequest>,
    pub(super) forbidden: Option<Regex>,
    /// Field and message.
    errors: Vec<(String, String)>,
}

#[derive(Debug, Default)]
pub(super) struct OfRequest {
    pub(super) conditions: Conditions,
    pub(super) each_of: Option<Query>,
    pub(super) same: Option<Query>,
}

impl Expressions {
    pub(super) fn errors(&self) -> impl Iterator<Item = (&str, &String)> {
        self.errors.iter().map(|(field, message)| (field.as_str(), message))
    }
}

impl HttpRequests {
    pub(super) fn compiled(&self) -> &Expressions {
        self.compiled.0.get_or_init(|| self.compile())
    }

    fn compile(&self) -> Expressions {
        let schema = schemars::schema_for!(Response).to_value();
        let mut done = Expressions::default();
        match self.forbid_body.as_deref().map(pattern).transpose() {
            Ok(found) => done.forbidden = found,
            Err(why) => done.errors.push(("forbid_body".to_owned(), why)),
        }
        for (place, request) in self.requests.iter().enumerate() {
            let mut own = OfRequest::default();
            match Conditions::compile(&request.expect, &[], &schema, &Params::default()) {
                Ok(conditions) => own.conditions = conditions,
                Err(errors) => {
                    let field = |error: &ExpressionError| format!("requests[{place}].expect[{}]", error.index);
                    done.errors.extend(errors.iter().map(|error| (field(error), said(error))));
                }
            }
            for (field, source, query) in
                [("each_of", &request.each_of, &mut own.each_of), ("same", &request.same, &mut own.same)]
            {
                match source.as_deref().map(|source| Query::compile(source, &schema)).transpose() {
                    Ok(compiled) => *query = compiled,
                    Err(errors) => {
                        let field = format!("requests[{place}].{field}");
                        done.errors.extend(errors.iter().map(|error| (field.clone(), said(error))));
                    }
                }
            }
            done.requests.push(own);
        }
        done
    }
}

fn said(error: &ExpressionError) -> String {
    match &error.hint {
        Some(hint) => format!("{}; {hint}", error.message),
        None => error.message.clone(),
    }
}
