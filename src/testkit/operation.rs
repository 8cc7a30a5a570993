//! Operations of an OpenAPI document.

use reqwest::{Method, RequestBuilder};
use serde_json::Value;

use super::Caller;
use crate::store::page::new_id;

/// An operation of an OpenAPI document.
#[derive(Debug, Clone)]
pub struct Operation<'a> {
    /// Its id, which is the name of its handler.
    pub id: &'a str,
    /// Its method.
    pub method: Method,
    /// Its path, with placeholders.
    pub path: &'a str,
    /// What the document says about it.
    pub value: &'a Value,
}

impl<'a> Operation<'a> {
    /// Returns every operation of a document.
    pub fn all(document: &'a Value) -> Vec<Self> {
        let paths = document["paths"].as_object().unwrap();
        let all = paths.iter().flat_map(|(path, item)| {
            item.as_object().unwrap().iter().map(move |(method, value)| Operation {
                id: value["operationId"].as_str().expect("every operation has an id"),
                method: method.to_uppercase().parse().unwrap(),
                path,
                value,
            })
        });
        all.collect()
    }

    /// Returns the status of the documented success.
    pub fn success(&self) -> u16 {
        let statuses = self.value["responses"].as_object().unwrap().keys();
        let statuses: Vec<u16> = statuses.map(|status| status.parse().unwrap()).collect();
        let success = statuses.iter().find(|status| (200..300).contains(*status));
        // An operation that follows a link succeeds with a redirect.
        let success = success.or_else(|| statuses.iter().find(|status| **status == 302));
        // One that this server does not offer documents its error alone.
        let success = success.or_else(|| statuses.iter().min());
        *success.unwrap_or_else(|| panic!("{} documents no success", self.id))
    }

    /// Returns the example of its request body, unchanged.
    pub fn example(&self) -> Option<&'a Value> {
        let content = self.value.get("requestBody")?["content"].as_object().unwrap();
        let example = content["application/json"].get("example");
        Some(example.unwrap_or_else(|| panic!("the body of {} has no example", self.id)))
    }

    /// Returns the alternative requirements of its access: each an object with a scheme and its roles or scopes.
    pub fn security(&self) -> &'a [Value] {
        let security = self.value["security"].as_array();
        security.unwrap_or_else(|| panic!("{} declares no security", self.id))
    }

    /// Returns whether it accepts a credential of this scheme with these roles or scopes.
    pub fn accepts(&self, scheme: &str, granted: &[&str]) -> bool {
        let mut requirements = self.security().iter().filter_map(|one| one.get(scheme));
        requirements.any(|roles| {
            let roles = roles.as_array().unwrap();
            roles.iter().all(|role| granted.contains(&role.as_str().unwrap()))
        })
    }

    /// Returns whether it accepts anonymous requests.
    pub fn is_public(&self) -> bool {
        self.security().is_empty()
            || self.security().iter().any(|one| *one == serde_json::json!({}))
    }

    /// Returns whether it is for site admins alone.
    pub fn requires_admin(&self) -> bool {
        !self.is_public()
            && self.security().iter().all(|one| {
                one.as_object()
                    .unwrap()
                    .values()
                    .all(|roles| roles.as_array().unwrap().iter().any(|role| role == "admin"))
            })
    }

    /// Returns whether its method promises to change nothing (RFC 9110, 9.2.1).
    pub fn is_safe(&self) -> bool {
        matches!(self.method, Method::GET | Method::HEAD | Method::OPTIONS)
    }

    /// Returns whether it acts on the caller's own items: it requires authentication, but not an admin.
    pub fn is_for_owners(&self) -> bool {
        !self.is_public() && !self.requires_admin()
    }

    /// Returns a request for it by this caller, with this path and body.
    pub fn request(&self, caller: &Caller, path: &str, body: Option<&Value>) -> RequestBuilder {
        let request = caller.request(self.method.clone(), path);
        match body {
            Some(body) => request.json(body),
            None => request,
        }
    }

    /// Returns its path with ids that do not exist.
    pub fn path_of_no_item(&self) -> String {
        let segments = self
            .path
            .split('/')
            .map(|segment| if segment.starts_with('{') { new_id() } else { segment.to_owned() });
        segments.collect::<Vec<_>>().join("/")
    }

    /// Returns the examples of the query parameters that it requires, by name. Operations that follow a link have such
    /// parameters, too.
    pub fn required_query(&self) -> Vec<(&'a str, String)> {
        let required = self.parameters("query").filter(|parameter| parameter["required"] == true);
        let example = |parameter: &'a Value| {
            let places = [&parameter["example"], &parameter["schema"]["example"]];
            let example = places.into_iter().find(|example| !example.is_null())?;
            Some(example.as_str().map_or_else(|| example.to_string(), ToOwned::to_owned))
        };
        required
            .map(|parameter| {
                let name = parameter["name"].as_str().unwrap();
                (name, example(parameter).unwrap_or_default())
            })
            .collect()
    }

    fn parameters(&self, place: &'static str) -> impl Iterator<Item = &'a Value> + use<'a> {
        let all = self.value["parameters"].as_array().map_or(&[][..], Vec::as_slice);
        all.iter().filter(move |parameter| parameter["in"] == place)
    }

    /// Returns the names of its query parameters.
    pub fn query_parameters(&self) -> Vec<&'a str> {
        self.parameters("query").map(|parameter| parameter["name"].as_str().unwrap()).collect()
    }

    /// Returns whether it requires a query parameter.
    pub fn requires_query_parameter(&self) -> bool {
        !self.required_query().is_empty()
    }
}
