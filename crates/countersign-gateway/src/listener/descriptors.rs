//! How many connections the system's limit of open files has room for.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises this process's limit of open files as far as it may; returns what it is then, if there is one.
///
/// The lower, soft limit is there for programs that cannot count past 1024 in `select`; we do not use that.
pub(crate) fn raise() -> Option<u64> {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        ..limit
    };
    match setrlimit(Resource::Nofile, raised) {
        Ok(()) => raised.current,
        Err(_) => limit.current,
    }
}

/// How many connections of the `wanted` ones can be served, each with `each` open files, below `limit`.
///
/// `reserve` files are kept for everything else, or half of them all where that is less.
pub(crate) fn connections(wanted: usize, limit: Option<u64>, reserve: usize, each: usize) -> usize {
    let Some(limit) = limit else {
        return wanted;
    };
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let room = (limit - reserve.min(limit / 2)) / each.max(1);
    wanted.min(room.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_connections_as_there_is_room_for() {
        assert_eq!(connections(10_000, None, 500, 1), 10_000);
        assert_eq!(connections(10_000, Some(1 << 20), 500, 1), 10_000);
        assert_eq!(connections(10_000, Some(u64::MAX), 500, 1), 10_000);
        assert_eq!(connections(10_000, Some(1_024), 500, 1), 524);
        assert_eq!(connections(10_000, Some(1_024), 500, 2), 262);
        assert_eq!(connections(100, Some(1_024), 500, 1), 100);
    }

    #[test]
    fn a_tiny_limit_leaves_half_of_it_and_at_least_one() {
        assert_eq!(connections(10_000, Some(64), 500, 1), 32);
        assert_eq!(connections(10_000, Some(1), 500, 2), 1);
        assert_eq!(connections(10_000, Some(0), 500, 1), 1);
    }

    #[test]
    fn the_limit_is_raised_to_what_it_may_be() {
        let raised = raise();

        let limit = getrlimit(Resource::Nofile);
        assert_eq!(limit.current, raised);
        assert_eq!(limit.current, limit.maximum);
    }
}
