//! The document of the API says what there is, and nothing else.

use super::*;

#[test]
fn the_document_and_the_router_have_the_same_routes() {
    let document: Value =
        serde_json::from_str(include_str!("../../../../../docs/openapi.json")).unwrap();
    let mut written = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        let served: &[&str] = match path.as_str() {
            "/flows/{id}/handshake" => &["delete", "get", "post"],
            "/flows/{id}/handshake/keys/{key}" => &["delete"],
            _ => &["get"],
        };
        let mut methods: Vec<_> = methods.as_object().unwrap().keys().collect();
        methods.sort();
        assert_eq!(methods, served, "{path}");
        written.push(path.as_str());
    }
    let mut served: Vec<_> = routes().into_iter().map(|(path, _)| path).collect();
    served.sort_unstable();
    written.sort_unstable();

    assert_eq!(written, served);
}

/// The names of the parameters that a path's GET is documented with.
pub(super) fn documented(path: &str) -> Vec<String> {
    let document: Value =
        serde_json::from_str(include_str!("../../../../../docs/openapi.json")).unwrap();
    let list = document["paths"][path]["get"]["parameters"]
        .as_array()
        .unwrap()
        .iter();
    list.map(|parameter| parameter["name"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn the_document_lists_the_parameters_that_are_taken() {
    for name in documented("/events") {
        let query = format!("http://localhost/events?{name}=1").parse().unwrap();

        let taken = axum::extract::Query::<events::Asked>::try_from_uri(&query);

        assert!(taken.is_ok(), "{name}");
    }
}
