//! Which flow a path is addressed to.

use std::collections::HashMap;

/// A table from paths to what answers them; a look-up costs the same for one flow and for millions.
///
/// Paths are compared byte for byte: nothing is decoded, folded or normalised, so `%2e`,
/// `..` and a doubled slash are just other bytes, and lead nowhere.
#[derive(Clone, Debug)]
pub(crate) struct Routes<T> {
    /// The folder of flows that have no path of their own, such as `/hooks`.
    prefix: Box<str>,
    by_id: HashMap<Box<str>, T>,
    exact: HashMap<Box<str>, T>,
    below: HashMap<Box<str>, T>,
}

/// Where one flow is found.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Place<'a> {
    /// Anything below this path, written `/path/{*rest}`.
    Below(&'a str),
    /// This path only.
    Exact(&'a str),
    /// `prefix/id`, and anything below it.
    Id(&'a str),
}

impl<T> Routes<T> {
    /// An empty table; `prefix` has a leading slash and no trailing one, or is empty.
    pub(crate) fn new(prefix: &str) -> Self {
        Self {
            prefix: prefix.into(),
            by_id: HashMap::new(),
            exact: HashMap::new(),
            below: HashMap::new(),
        }
    }

    /// Puts `value` at `place`; what was there before is returned.
    pub(crate) fn insert(&mut self, place: Place<'_>, value: T) -> Option<T> {
        let (table, key) = match place {
            Place::Below(path) => (&mut self.below, path),
            Place::Exact(path) => (&mut self.exact, path),
            Place::Id(id) => (&mut self.by_id, id),
        };
        table.insert(key.into(), value)
    }

    /// What answers `path` (without its query): an exact path, else the deepest folder, else the id.
    pub(crate) fn find(&self, path: &str) -> Option<&T> {
        if let Some(exact) = self.exact.get(path) {
            return Some(exact);
        }
        self.deepest(path)
            .or_else(|| self.by_id.get(self.id(path)?))
    }

    fn deepest(&self, path: &str) -> Option<&T> {
        if self.below.is_empty() {
            return None;
        }
        path.rmatch_indices('/')
            .take(MAX_DEPTH)
            .find_map(|(slash, _)| self.below.get(path.get(..slash)?))
    }

    fn id<'p>(&self, path: &'p str) -> Option<&'p str> {
        let rest = path.strip_prefix(&*self.prefix)?.strip_prefix('/')?;
        rest.split('/').next()
    }
}

/// Slashes looked at, from the end of a path; deeper ones are nobody's.
const MAX_DEPTH: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn routes() -> Routes<&'static str> {
        let mut routes = Routes::new("/hooks");
        routes.insert(Place::Id("orders"), "orders");
        routes.insert(Place::Exact("/github/webhook"), "github");
        routes.insert(Place::Below("/tree"), "tree");
        routes.insert(Place::Below("/tree/branch"), "branch");
        routes
    }

    #[test]
    fn a_flow_is_found_by_its_id_and_below_it() {
        assert_eq!(routes().find("/hooks/orders"), Some(&"orders"));
        assert_eq!(routes().find("/hooks/orders/a/b"), Some(&"orders"));
    }

    #[test]
    fn a_path_of_its_own_is_exact() {
        assert_eq!(routes().find("/github/webhook"), Some(&"github"));
        assert_eq!(routes().find("/github/webhook/"), None);
        assert_eq!(routes().find("/github"), None);
    }

    #[test]
    fn the_deepest_folder_wins() {
        assert_eq!(routes().find("/tree/leaf"), Some(&"tree"));
        assert_eq!(routes().find("/tree/branch/leaf"), Some(&"branch"));
        assert_eq!(routes().find("/tree/"), Some(&"tree"));
        assert_eq!(routes().find("/treehouse"), None);
    }

    #[test]
    fn nothing_is_decoded_or_normalised() {
        for path in [
            "/hooks/%6frders",
            "/hooks/ORDERS",
            "/hooks//orders",
            "/hooks/../hooks/orders",
            "/hooks/./orders",
            "/hooks/orders%2f",
            "/hooks/orders%00",
            "/hooks",
            "/hooks/",
            "hooks/orders",
            "/",
            "*",
            "",
        ] {
            assert_eq!(routes().find(path), None, "{path}");
        }
    }

    #[test]
    fn an_empty_prefix_puts_flows_at_the_root() {
        let mut routes = Routes::new("");
        routes.insert(Place::Id("orders"), 1);

        assert_eq!(routes.find("/orders"), Some(&1));
    }

    proptest::proptest! {
        #[test]
        fn any_path_is_looked_up_without_panic(path in ".*") {
            routes().find(&path);
        }
    }
}
